"""Servers started for a measurement end with it, with everything below them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from conformance.load.processes import ServerProcess, free_port
from conformance.load.target import LoadRefused, Target
from conformance.load.usage import descendants, listeners, started_at

STUBBORN = """
import http.server, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    time.sleep(600)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_process_that_ignores_sigterm_is_ended_with_its_children(tmp_path: Path) -> None:
    target = Target("stubborn", "127.0.0.1", free_port(), "")
    command = [sys.executable, "-c", STUBBORN, str(target.port)]
    with ServerProcess(command, tmp_path / "log", {}, patience_s=0.1) as process:
        process.wait_until_ready(target, "/", 30.0)
        family = descendants(process.pid)

        assert len(family) == 2
        assert process.pid in listeners(target.port)
        assert [started_at(pid) is not None for pid in family] == [True, True]
    assert [started_at(pid) for pid in family] == [None, None]
    assert listeners(target.port) == ()


def test_server_that_ends_at_its_start_is_refused_with_its_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such database')"]
    target = Target("broken", "127.0.0.1", free_port(), "")
    with (
        ServerProcess(command, tmp_path / "log", {}) as process,
        pytest.raises(LoadRefused, match=r"(?s)broken ended at its start.*no such database"),
    ):
        process.wait_until_ready(target, "/", 30.0)


def test_server_that_never_answers_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    target = Target("mute", "127.0.0.1", free_port(), "")
    with ServerProcess(command, tmp_path / "log", {}) as process:
        with pytest.raises(LoadRefused, match=r"mute was not ready within 0\.1 s"):
            process.wait_until_ready(target, "/", 0.1)
        pid = process.pid
    assert started_at(pid) is None


def test_environment_is_added_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", "import os; print(os.environ['LOAD_TEST'], 'PATH' in os.environ)"]
    target = Target("echo", "127.0.0.1", free_port(), "")
    with (
        ServerProcess(command, log, {"LOAD_TEST": "told"}) as process,
        pytest.raises(LoadRefused, match=f"told {'PATH' in os.environ}"),
    ):
        process.wait_until_ready(target, "/", 30.0)
