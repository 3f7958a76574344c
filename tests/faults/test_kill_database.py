"""kill -9 of the embedded mongod under a running server: it comes back, with all that was acknowledged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from fhir_server.store.mongod import find_mongod
from tests.running import Running

pytestmark = pytest.mark.faults

KILLS = 3
STOP_S = 120


def mongod_of(data_dir: Path) -> int:
    return int((data_dir / "database" / "mongod.lock").read_text())


def ask(url: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """Return status and body of a GET, or of a POST of `body`."""
    request = urllib.request.Request(
        url,
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/fhir+json"},
        method="GET" if body is None else "POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=STOP_S) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Writer(threading.Thread):
    """Creates Observations one after the other until it is told to stop; keeps what was answered."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.enough = threading.Event()
        self._more = threading.Condition()

    def run(self) -> None:
        while not self.enough.is_set():
            observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
            answer = ask(f"{self.url}/Observation", observation)
            with self._more:
                self.answers.append(answer)
                self._more.notify_all()

    def wait_for_creates(self, count: int) -> None:
        """Wait for so many more resources to be created."""
        with self._more:
            wanted = len(self.created()) + count
            assert self._more.wait_for(lambda: len(self.created()) >= wanted, STOP_S), self.answers[-1]

    def created(self) -> list[str]:
        return [body["id"] for status, body in self.answers if status == 201]

    def refused(self) -> list[tuple[int, dict[str, Any]]]:
        return [(status, body) for status, body in self.answers if status != 201]


def test_a_killed_database_comes_back_with_everything_that_was_acknowledged(tmp_path: Path) -> None:
    with Running("--data-dir", str(tmp_path)) as server:
        writer = Writer(server.url)
        writer.start()
        try:
            writer.wait_for_creates(5)
            for _ in range(KILLS):
                killed = mongod_of(tmp_path)
                os.kill(killed, signal.SIGKILL)
                server.event("database-ended")
                server.event("database-restarted")
                writer.wait_for_creates(5)
                assert mongod_of(tmp_path) != killed
        finally:
            writer.enough.set()
            writer.join()
        for status, body in writer.refused():
            assert (status, body["resourceType"]) == (503, "OperationOutcome")
        for id in writer.created():
            assert ask(f"{server.url}/Observation/{id}")[0] == 200
        assert ask(f"{server.url}/Observation?_summary=count")[1]["total"] >= len(writer.created())
        code, errors = server.stop()
    assert (code, errors) == (0, "")


class Program:
    """A `mongod` on a PATH of its own: the real one, until it is replaced by a script."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._real, self._path = find_mongod(), folder / "mongod"
        self._path.symlink_to(self._real)
        self.environment = {"PATH": f"{folder}:{os.environ['PATH']}"}

    def replace(self, script: str) -> None:
        """`{real}` in the script is the real mongod."""
        self._path.unlink()
        self._path.write_text("#!/bin/sh\n" + script.format(real=self._real))
        self._path.chmod(0o700)


def test_while_the_database_is_away_requests_are_told_so(tmp_path: Path) -> None:
    program, data_dir, gate = Program(tmp_path / "bin"), tmp_path / "data", tmp_path / "gate"
    os.mkfifo(gate)
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    with Running("--data-dir", str(data_dir), environment=program.environment) as server:
        program.replace(f'read opened < {gate}\nexec {{real}} "$@"\n')
        os.kill(mongod_of(data_dir), signal.SIGKILL)
        server.event("database-ended")
        for body in (None, observation):
            status, outcome = ask(f"{server.url}/Observation", body)
            assert (status, outcome["resourceType"]) == (503, "OperationOutcome")
        gate.write_text("opened\n")
        server.event("database-restarted")
        assert ask(f"{server.url}/Observation", observation)[0] == 201
        assert ask(f"{server.url}/Observation?_summary=count")[1]["total"] == 1


def test_a_database_that_does_not_start_again_ends_the_server(tmp_path: Path) -> None:
    program, data_dir = Program(tmp_path / "bin"), tmp_path / "data"
    with Running("--data-dir", str(data_dir), environment=program.environment) as server:
        program.replace("echo the disk is gone\nexit 1\n")
        os.kill(mongod_of(data_dir), signal.SIGKILL)
        server.event("database-ended")
        code, errors = server.wait()
    assert code == 1
    assert "did not start again: mongod ended before it served: the disk is gone" in errors
    left = subprocess.run(["pgrep", "-f", str(data_dir)], capture_output=True, text=True, check=False)
    assert left.stdout == ""
