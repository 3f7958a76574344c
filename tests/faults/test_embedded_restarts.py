"""The embedded database after its server was killed, or its directory moved: nothing acknowledged is lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo import MongoClient

from fhir_server.store.data_dir import SOCKET_NAME, socket_directory
from fhir_server.store.embedded import Embedded

pytestmark = pytest.mark.faults

WRITER = """
import os, sys
from pathlib import Path
from pymongo import MongoClient
from fhir_server.store.embedded import Embedded
running = Embedded.start(Path(sys.argv[1]))
with MongoClient(running.uri, w="majority", journal=True) as client:
    client.test.kept.insert_one({})
print(running.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def orphan(data_dir: Path) -> int:
    """Serve the directory from a process that is killed, and return the id of the mongod that it left."""
    left = subprocess.run([sys.executable, "-c", WRITER, str(data_dir)], capture_output=True, text=True)
    assert left.returncode == -9, left.stderr
    return int(left.stdout)


def kept(running: Embedded) -> int:
    with MongoClient(running.uri) as client:
        return client.test.kept.count_documents({})


def test_stopping_frees_the_directory_and_keeps_the_data(tmp_path: Path) -> None:
    for expected in (1, 2):
        running = Embedded.start(tmp_path / "data")
        with MongoClient(running.uri) as client:
            client.test.kept.insert_one({})
        assert kept(running) == expected
        running.stop()
        running.stop()


def test_an_orphan_is_taken_over(tmp_path: Path) -> None:
    pid = orphan(tmp_path / "data")
    running = Embedded.start(tmp_path / "data")
    try:
        assert running.pid == pid
        assert kept(running) == 1
    finally:
        running.stop()


def test_an_orphan_that_does_not_answer_is_restarted(tmp_path: Path) -> None:
    pid = orphan(tmp_path / "data")
    (socket_directory((tmp_path / "data").resolve()) / SOCKET_NAME).unlink()
    running = Embedded.start(tmp_path / "data", answer_s=0.5)
    try:
        assert running.pid != pid
        assert kept(running) == 1
    finally:
        running.stop()


def test_a_directory_that_was_moved_is_served_from_its_new_place(tmp_path: Path) -> None:
    orphaned = Embedded.start(tmp_path / "data")
    with MongoClient(orphaned.uri) as client:
        client.test.kept.insert_one({})
    orphaned.stop()
    shutil.move(tmp_path / "data", tmp_path / "elsewhere")
    running = Embedded.start(tmp_path / "elsewhere")
    try:
        assert kept(running) == 1
    finally:
        running.stop()
