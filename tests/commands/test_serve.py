"""`fhir-server serve`: what it refuses, that it says when it is ready, and that nothing stays behind."""

from __future__ import annotations

import os
import select
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pymongo import MongoClient

from fhir_server.cli import main
from fhir_server.commands.serving.address import AddressRefused, is_loopback, origin, reserve
from tests.running import Running


def serve(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["serve", *arguments])


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of this machine that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@pytest.mark.parametrize(("host", "expected"), [
    pytest.param("127.0.0.1", True, id="loopback"),
    pytest.param("127.8.8.8", True, id="loopback-network"),
    pytest.param("::1", True, id="loopback-of-version-6"),
    pytest.param("localhost", True, id="name"),
    pytest.param("0.0.0.0", False, id="every-address"),
    pytest.param("::", False, id="every-address-of-version-6"),
    pytest.param("192.168.1.4", False, id="private-network"),
    pytest.param("localhost.example.org", False, id="other-name"),
    pytest.param("127.0.0.1.example.org", False, id="name-that-begins-like-an-address"),
])  # fmt: skip
def test_only_loopback_addresses_are_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_open_is_refused_beyond_the_machine() -> None:
    result = serve("--open", "--host", "0.0.0.0")
    assert result.exit_code == 2
    assert "only on a loopback address" in result.stderr


def test_without_open_the_server_says_that_it_needs_a_policy() -> None:
    result = serve()
    assert result.exit_code == 2
    assert "FHIR_POLICY" in result.stderr
    assert "--open" in result.stderr


def test_a_wrong_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_PAGE_SIZE", "many")
    result = serve("--open", "--port", "0")
    assert result.exit_code == 2
    assert "FHIR_PAGE_SIZE" in result.stderr


def test_a_taken_port_is_refused(listener: int) -> None:
    result = serve("--open", "--port", str(listener))
    assert result.exit_code == 2
    assert f"Port {listener} of 127.0.0.1 is taken" in result.stderr


def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(AddressRefused, match="not an address of this machine"):
        reserve("192.0.2.1", 0)


def test_a_reserved_port_is_not_given_to_another_server() -> None:
    held, port = reserve("127.0.0.1", 0)
    with held, pytest.raises(AddressRefused, match="taken"):
        reserve("127.0.0.1", port)


def test_an_address_of_version_6_is_bracketed_in_a_url() -> None:
    assert origin("::1", 80) == "http://[::1]:80"


def test_a_uri_that_is_not_answered_stops_the_start(tmp_path: Path) -> None:
    uri = "mongodb://127.0.0.1:1/?replicaSet=none&serverSelectionTimeoutMS=200"
    with pytest.raises(AssertionError, match="ended before ready") as ended:
        Running(environment={"FHIR_MONGODB_URI": uri, "FHIR_DATA_DIR": str(tmp_path)})
    assert "Traceback" not in str(ended.value)


def test_ready_says_where_and_the_server_ends_at_sigterm(database_uri: str, database_name: str) -> None:
    running = Running(environment={"FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": database_name})
    assert running.url == running.ready["base_url"]
    assert running.ready["pid"] == running.pid
    assert running.stop(signal.SIGTERM) == (0, "")


def test_every_answer_is_in_the_access_log_when_the_server_has_ended(
    database_uri: str, database_name: str
) -> None:
    environment = {"FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": database_name}
    with Running("--workers", "2", environment=environment) as running:
        for number in range(40):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"{running.url}/Patient/none-{number}", timeout=30)
    with MongoClient[dict[str, Any]](database_uri) as client:
        assert client[database_name]["audit"].count_documents({"interaction": "read", "status": 404}) == 40


@pytest.mark.faults
@pytest.mark.parametrize("number", [
    pytest.param(signal.SIGINT, id="ctrl-c-in-a-terminal"),
    pytest.param(signal.SIGTERM, id="end-of-a-service"),
])  # fmt: skip
def test_a_signal_to_all_processes_stops_the_server_and_its_database(tmp_path: Path, number: int) -> None:
    running = Running("--demo", "--data-dir", str(tmp_path), "--workers", "2")
    running.event("demo")
    assert running.stop_together(number) == (0, "")
    assert processes_of(tmp_path) == []


@pytest.mark.faults
def test_a_second_server_of_a_data_directory_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with Running("--data-dir", str(tmp_path)) as first:
        result = serve("--open", "--port", "0", "--data-dir", str(tmp_path))
    assert result.exit_code == 2
    assert f"process {first.pid}" in result.stderr


@pytest.mark.faults
def test_workers_end_with_a_server_that_was_killed_and_the_next_start_takes_over(tmp_path: Path) -> None:
    first = Running("--data-dir", str(tmp_path), "--workers", "2")
    port = first.url.split(":")[2].split("/")[0]
    workers = children_of(first.pid)
    assert len(workers) >= 2
    first.kill()
    for worker in workers:
        wait_for_end(worker)
    with Running("--data-dir", str(tmp_path), "--port", port) as second:
        assert second.url == first.url


def children_of(pid: int) -> list[int]:
    """Return the worker processes of a server."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and parent_of(entry) == pid and b"spawn_main" in command_of(entry)
    ]


def processes_of(data_dir: Path) -> list[bytes]:
    """Return the command lines that name the data directory."""
    entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [command for entry in entries if os.fsencode(data_dir) in (command := command_of(entry))]


def parent_of(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def command_of(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def wait_for_end(pid: int) -> None:
    """Return when the process, which is not our child, has ended."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([watched], [], [], 30)
        assert ended, f"process {pid} did not end"
    finally:
        os.close(watched)
