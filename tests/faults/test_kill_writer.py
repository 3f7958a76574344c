"""kill -9 of a writer at any point of a transaction of 300 documents: all of it is there, or nothing.

The writer commits one transaction after the other and says of each when it is acknowledged.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient

from fhir_server.store.embedded import Embedded

pytestmark = pytest.mark.faults

POINTS = 20
SIZE = 300
DATABASE = "killed"
TYPES = ("Observation", "Condition", "Patient")
ROOT = Path(__file__).parents[2]


@contextmanager
def writer(uri: str) -> Iterator[subprocess.Popen[str]]:
    """A writer that is about to begin its first transaction."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.writer", uri, DATABASE, str(SIZE)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    with process:
        assert line(process) == "ready"
        yield process
        process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line that the writer says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def killed(process: subprocess.Popen[str]) -> set[str]:
    """Kill the writer and return what it still said, whole lines only."""
    process.kill()
    assert process.stdout is not None
    return {text.strip() for text in process.stdout if text.endswith("\n")}


def committed(uri: str) -> dict[str, dict[str, int]]:
    """Return, for each commit that left any trace, how many documents of each kind it left."""
    found: dict[str, dict[str, int]] = {}
    with MongoClient(uri, readConcernLevel="majority") as client:
        for name in (*TYPES, "audit", "outbox", "replay"):
            for document in client[DATABASE][name].find({}, {"_id": 1}):
                commit = document["_id"].partition(".")[0]
                kinds = found.setdefault(commit, {})
                kind = "documents" if name in TYPES else name
                kinds[kind] = kinds.get(kind, 0) + 1
    return found


WHOLE = {"documents": SIZE, "audit": 1, "outbox": 1, "replay": 1}


def test_a_killed_writer_leaves_whole_transactions(embedded: Embedded) -> None:
    source = random.Random(4)
    acknowledged: set[str] = set()
    with writer(embedded.uri) as process:
        acknowledged |= {line(process) for _ in range(2)}
        began = time.monotonic()
        acknowledged.add(line(process))
        duration = time.monotonic() - began
        acknowledged |= killed(process)
    for point in range(POINTS):
        with writer(embedded.uri) as process:
            if point % 2:
                acknowledged.add(line(process))
            # Somewhere within one of the next two transactions.
            time.sleep(source.random() * 2 * duration)
            acknowledged |= killed(process)
    found = committed(embedded.uri)
    assert {commit: kinds for commit, kinds in found.items() if kinds != WHOLE} == {}
    assert acknowledged <= set(found)
    assert len(found) > 3


def test_a_killed_database_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for number in range(3):
        running = Embedded.start(tmp_path / "data")
        with writer(running.uri) as process:
            acknowledged |= {line(process) for _ in range(number + 1)}
            os.kill(running.pid, signal.SIGKILL)
            acknowledged |= killed(process)
        running.stop()
    running = Embedded.start(tmp_path / "data")
    try:
        found = committed(running.uri)
        assert {commit: kinds for commit, kinds in found.items() if kinds != WHOLE} == {}
        assert acknowledged <= set(found)
    finally:
        running.stop()
