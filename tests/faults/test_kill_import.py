"""kill -9 of the whole server in the middle of a batch of documents: the batch resumed, each is stored once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.store.embedded import Embedded
from tests.http.calls import new_id
from tests.http.imported import document
from tests.running import Running

pytestmark = pytest.mark.faults

DOCUMENTS = 24
KILLS = 2
ANSWERED = (1, 8)
"""Documents that are answered before a kill: it falls in the midst of the ones after them."""
WAIT_S = 300


def started(base: str, folder: Path, journal: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fhir_server", "import", "--base", base, "--json", "--jobs", "4"]
    return subprocess.Popen(
        [*command, "--resume", str(journal), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answered(journal: Path) -> int:
    """Return of how many documents the batch knows what became of them."""
    return len(journal.read_text().splitlines()) - 1 if journal.exists() else 0


def wait_for(batch: subprocess.Popen[str], journal: Path, count: int) -> None:
    """Return when so many more documents have been answered."""
    wanted, deadline = answered(journal) + count, time.monotonic() + WAIT_S
    while answered(journal) < wanted:
        assert batch.poll() is None, "the batch ended before the kill"
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def stored(data_dir: Path) -> dict[str, int]:
    """Return how many documents of each type the database holds."""
    database = Embedded.start(data_dir)
    try:
        with MongoClient[dict[str, Any]](database.uri, readConcernLevel="majority") as client:
            kinds = ("DocumentReference", "Binary", "Composition", "Patient", "AllergyIntolerance")
            return {kind: client["fhir"][kind].count_documents({}) for kind in kinds}
    finally:
        database.stop()


def test_a_batch_that_lost_its_server_is_stored_once_when_resumed(tmp_path: Path) -> None:
    source = random.Random(7)
    folder, data_dir, journal = tmp_path / "export", tmp_path / "data", tmp_path / "import.journal"
    folder.mkdir()
    person = new_id()
    for number in range(DOCUMENTS):
        (folder / f"{number:03d}.xml").write_bytes(document(new_id(), person))
    port = "0"
    for _ in range(KILLS):
        server = Running("--data-dir", str(data_dir), "--port", port)
        port = server.url.rpartition(":")[2].partition("/")[0]
        batch = started(server.url, folder, journal)
        wait_for(batch, journal, source.randint(*ANSWERED))
        os.killpg(server.pid, signal.SIGKILL)
        server.kill()
        _, errors = batch.communicate(timeout=WAIT_S)
        assert batch.returncode in (1, 2), errors
    with Running("--data-dir", str(data_dir), "--port", port) as server:
        batch = started(server.url, folder, journal)
        output, errors = batch.communicate(timeout=WAIT_S)
        assert batch.returncode == 0, errors
        account = json.loads(output)
    assert account["outcomes"]["stored"] + account["outcomes"]["already-there"] == DOCUMENTS
    found = stored(data_dir)
    assert found["DocumentReference"] == found["Binary"] == found["Composition"] == DOCUMENTS
    assert found["Patient"] == 1
