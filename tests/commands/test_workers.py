"""The end of a worker: at the first signal, once, and with its parent."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# A stand-in for granian: a handler that must run once; standard input keeps the process until both were sent.
WORKER = """
import signal, sys, threading
from fhir_server.commands.serving.workers import end_once
end_once()
stopped = threading.Semaphore(0)
calls = []
signal.signal(signal.SIGTERM, lambda *_: (calls.append(1), stopped.release()))
print("ready", flush=True)
stopped.acquire()
sys.stdin.read()
print(len(calls))
"""


@pytest.mark.parametrize("signals", [
    pytest.param((signal.SIGINT,), id="interrupt"),
    pytest.param((signal.SIGTERM,), id="terminate"),
    pytest.param((signal.SIGINT, signal.SIGTERM), id="terminal-then-parent"),
    pytest.param((signal.SIGTERM, signal.SIGTERM), id="service-then-parent"),
])  # fmt: skip
def test_a_worker_is_stopped_once_however_many_signals_reach_it(signals: tuple[int, ...]) -> None:
    command = [sys.executable, "-c", WORKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        for number in signals:
            worker.send_signal(number)
        printed, _ = worker.communicate(timeout=30)
    assert (printed, worker.returncode) == ("1\n", 0)


def test_a_worker_that_does_not_serve_yet_ends_at_once() -> None:
    code = "\n".join(line for line in WORKER.splitlines() if not line.startswith("signal.signal"))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=30)
    assert worker.returncode == 0
