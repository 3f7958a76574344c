"""The two servers of a measurement: found running, or started for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.load.embedded import embedded_uri, is_mongod
from conformance.load.floor.control import floor
from conformance.load.floor.database import Mongod, mongod_of
from conformance.load.governed import governed
from conformance.load.options import FLOOR, Options
from conformance.load.processes import ServerProcess, free_port
from conformance.load.rounds import Base
from conformance.load.seed import Seed, plant
from conformance.load.target import LoadRefused, Target, parse_target
from conformance.load.usage import descendants, listeners

READY_PATH = "/metadata"


@dataclass(frozen=True, slots=True)
class Server:
    """The base that is judged.  `uri` and `mongod` are None where its database is not known."""

    base: Base
    uri: str | None
    mongod: Mongod | None


@contextmanager
def server(options: Options, directory: Path) -> Iterator[Server]:
    """Give the first base; one that was started is stopped at the end, its database too.

    Raises LoadRefused.
    """
    if options.base is not None:
        uri = options.mongodb_uri
        if uri is None and options.embedded_data_dir is not None:
            uri = embedded_uri(options.embedded_data_dir)
        target = parse_target("server", options.base)
        yield _server(target, listeners(target.port), uri)
        return
    target = Target("open" if options.governed else "server", "127.0.0.1", free_port(), "/fhir")
    data_dir = directory / "data"
    with ServerProcess(_command(options, target, data_dir), directory / "server.log", {}) as process:
        process.wait_until_ready(target, READY_PATH)
        family = tuple(pid for pid in descendants(process.pid) if not is_mongod(pid))
        yield _server(target, family, embedded_uri(data_dir))


def _server(target: Target, pids: tuple[int, ...], uri: str | None) -> Server:
    mongod = mongod_of(uri) if uri is not None else None
    return Server(Base(target, pids, _local(mongod)), uri, mongod)


def _local(mongod: Mongod | None) -> tuple[int, ...]:
    return (mongod.pid,) if mongod is not None and is_mongod(mongod.pid) else ()


def _command(options: Options, target: Target, data_dir: Path) -> list[str]:
    return [
        *options.serve_command,
        "--data-dir", str(data_dir), "--host", target.host, "--port", str(target.port),
        "--workers", str(options.model.workers), "--threads", str(options.model.threads),
    ]  # fmt: skip


@contextmanager
def opponent(options: Options, first: Server, seed: Seed, directory: Path) -> Iterator[tuple[Base, Seed]]:
    """Give the second base and what it holds: the floor over a copy, a second URL given the same, or a
    governed server over the same documents.

    Raises LoadRefused.
    """
    if options.against != FLOOR:
        target = parse_target("second", options.against)
        planted = plant(target, [planted.bundle for planted in seed.planted])
        yield Base(target, listeners(target.port), first.base.mongod_pids), Seed(planted, seed.whole)
        return
    if first.uri is None:
        raise LoadRefused(
            "The floor needs the database of the server: name it with --mongodb-uri and --database, or with "
            "--embedded-data-dir; or let this command start the server by leaving out --base."
        )
    if options.governed:
        with governed(options, first.uri, seed, directory) as (target, process):
            yield Base(target, descendants(process.pid), first.base.mongod_pids), seed
        return
    with floor(first.uri, options.database, seed, options.model, directory) as (target, process):
        yield Base(target, descendants(process.pid), first.base.mongod_pids), seed
