"""Fixtures that every room shares: the corpus, the definitions, one mongod per session, a store per test.

What hypothesis draws follows from the test alone, so that a run here and a run elsewhere draw the same.  To
look for more: `pytest --hypothesis-profile=explore -m hypothesis`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

if TYPE_CHECKING:
    from fhir_server.store.embedded import Embedded
    from fhir_server.store.open import Store
    from profiles.registry import Registry

CORPUS_REASON = "FHIR_CORPUS is not set: the public test material was not read"
MONGOD_FILE = "mongod.json"
ROOM = 6 * 1024**3
"""Bytes that the tests' mongod may need."""
MONGOD = pytest.StashKey[Any]()
FORGETFUL = ("--setParameter", "minSnapshotHistoryWindowInSeconds=0", "--syncdelay", "5")
"""mongod keeps the files of a dropped database open for five minutes, for readers of the past: thousands of
databases later it has no file descriptors left, and ends.  No test reads the past."""

# Else also from the constants of the modules that happen to be loaded: from what a worker ran before.
vars(providers)["_get_local_constants"] = lambda: providers._local_constants
settings.register_profile("explore", deadline=None, derandomize=False, print_blob=True)
settings.register_profile("steady", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("steady")


@dataclass
class FixedClock:
    """A clock that stands still until it is told to `advance`."""

    instant: datetime = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def advance(self, **span: float) -> None:
        """Move on by `timedelta(**span)`."""
        self.instant += timedelta(**span)


@dataclass
class CountedIds:
    """Ids in the order in which they were asked for: `id-000001`, `id-000002` …"""

    prefix: str = "id"
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def new(self, now: datetime) -> str:
        return f"{self.prefix}-{next(self._numbers):06d}"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def ids() -> CountedIds:
    return CountedIds()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The public test material, in place; skips where FHIR_CORPUS does not name it."""
    path = os.environ.get("FHIR_CORPUS")
    if not path:
        pytest.skip(CORPUS_REASON)
    return Path(path)


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The definitions of R4 core."""
    from profiles.load import load_registry

    return load_registry()


@pytest.fixture(scope="session")
def database_uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The one embedded MongoDB of this test session, shared by the xdist workers."""
    root = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        root = root.parent
    with (root / "mongod.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = root / MONGOD_FILE
        if not known.exists():
            known.write_text(json.dumps(_start_mongod(request.config)), "utf-8")
        return str(json.loads(known.read_text("utf-8"))["uri"])


@pytest.fixture
def database_name(database_uri: str) -> Iterator[str]:
    """A database of this test alone, dropped after it."""
    from pymongo import MongoClient

    name = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    yield name
    with MongoClient[dict[str, Any]](database_uri) as client:
        client.drop_database(name)


@pytest.fixture
def store(database_uri: str, database_name: str, registry: Registry) -> Iterator[Store]:
    """An open store over an empty database of this test alone; every type has the cross-person index."""
    from fhir_server.store.open import StoreOptions, open_store

    options = StoreOptions(registry=registry, cross_person_types=frozenset({"*"}))
    opened = open_store(database_uri, database_name, options)
    yield opened
    opened.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    """A MongoDB of this test alone, for tests that kill it."""
    from fhir_server.store.embedded import Embedded

    running = Embedded.start(tmp_path / "data")
    yield running
    running.stop()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the session's mongod, once, in the process that all workers have reported to."""
    if hasattr(session.config, "workerinput"):
        return
    factory = getattr(session.config, "_tmp_path_factory", None)
    known = factory.getbasetemp() / MONGOD_FILE if factory is not None else None
    if known is not None and known.exists():
        _stop_mongod(session.config, json.loads(known.read_text("utf-8")))
        known.unlink()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one line what did not run for lack of the corpus."""
    skipped = sum(
        CORPUS_REASON in str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])
    )
    if skipped:
        terminalreporter.write_line(
            f"{skipped} tests did not run: set FHIR_CORPUS to the public test material."
        )


def _roomy_memory() -> Path | None:
    """Return where files are memory, if there is room: thousands of journaled commits then wait for no disk.

    Nothing is taken from what tests prove of durability: those that kill a mongod start one of their own.
    """
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= ROOM
    return memory if roomy else None


def _start_mongod(config: pytest.Config) -> dict[str, Any]:
    from fhir_server.store.embedded import Embedded

    data_dir = Path(tempfile.mkdtemp(prefix="fhir-test-", dir=_roomy_memory()))
    running = Embedded.start(data_dir, cache_mb=256, flags=FORGETFUL)
    config.stash[MONGOD] = running
    return {"uri": running.uri, "pid": running.pid, "data_dir": str(data_dir)}


def _stop_mongod(config: pytest.Config, known: dict[str, Any]) -> None:
    from fhir_server.store.embedded import wait_until_gone

    data_dir = Path(known["data_dir"])
    if MONGOD in config.stash:
        config.stash[MONGOD].stop()
    else:  # a worker started it, and has ended
        os.kill(known["pid"], signal.SIGKILL)
        wait_until_gone(data_dir, known["pid"])
    shutil.rmtree(data_dir)
