"""Starting the floor for a server that was seeded, and taking it away again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.load.floor import database
from conformance.load.floor.settings import BASE_PATH, VARIABLE, FloorSettings
from conformance.load.processes import ServerProcess, free_port
from conformance.load.seed import Seed
from conformance.load.target import Target
from conformance.load.workloads import create, transaction
from conformance.load.wsgi_server import ProcessModel, granian

NAME = "floor"


@contextmanager
def floor(
    uri: str, source: str, seed: Seed, model: ProcessModel, directory: Path
) -> Iterator[tuple[Target, ServerProcess]]:
    """Give the running floor over a copy of the database `source`; drops the copy at the end.

    Raises LoadRefused when the database or the process does not come up.
    """
    own = f"{source}_floor_{os.getpid()}"
    port = free_port()
    target = Target(NAME, "127.0.0.1", port, BASE_PATH)
    try:
        database.copy(uri, source, own)
        settings = FloorSettings(
            uri=uri,
            database=own,
            creates=create.sample_places(seed),
            transactions=[planted.places for planted in transaction.samples(seed)],
        )
        settings_file = directory / "floor.json"
        settings.write(settings_file)
        command = granian("conformance.load.floor.app:create", port, model, factory=True)
        with ServerProcess(command, directory / "floor.log", {VARIABLE: str(settings_file)}) as process:
            process.wait_until_ready(target, "/Patient/none")
            yield target, process
    finally:
        database.drop(uri, own)
