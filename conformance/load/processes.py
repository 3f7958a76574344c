"""Servers started for a measurement, and stopped again: by the ids of their own processes, no others."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from conformance.load.target import LoadRefused, Target
from conformance.load.usage import descendants, started_at

READY_S = 60.0
PATIENCE_S = 10.0
LOG_TAIL_BYTES = 2_000


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """A server as a child process with its output in a file.  Leaving the context stops it for certain.

    `environment` is added to that of this process.  `patience_s`: how long it may take to end when asked.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._log = log
        self._patience_s = patience_s
        self._family: dict[int, int | None] = {}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The id of the first process; its workers are its children."""
        return self._process.pid

    def wait_until_ready(self, target: Target, path: str, seconds: float = READY_S) -> None:
        """Wait until `path` below the target is answered below 500.

        Raises LoadRefused when the process ends before, or the time is over.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise LoadRefused(f"{target.name} ended at its start. Its last words: {self._tail()}")
            if _answers(target, path):
                self._meet_family()
                return
            time.sleep(0.05)
        raise LoadRefused(f"{target.name} was not ready within {seconds:g} s. Its last words: {self._tail()}")

    def stop(self) -> None:
        """Ask the process to end, then end what is left of it and of the processes below it."""
        self._meet_family()
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self._patience_s)
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            if not _wait_until_gone(self._family, self._patience_s):
                _signal(self._family, signal_number)
        self._process.wait()
        _wait_until_gone(self._family, self._patience_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _meet_family(self) -> None:
        """Remember who is below the process: once it is gone nobody can tell any more."""
        self._family |= {pid: started_at(pid) for pid in descendants(self.pid) if pid not in self._family}

    def _tail(self) -> str:
        return self._log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip() or "(none)"


def _alive(family: Mapping[int, int | None]) -> list[int]:
    return [pid for pid, since in family.items() if since is not None and started_at(pid) == since]


def _wait_until_gone(family: Mapping[int, int | None], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _alive(family):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _signal(family: Mapping[int, int | None], number: signal.Signals) -> None:
    for pid in _alive(family):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _answers(target: Target, path: str) -> bool:
    connection = http.client.HTTPConnection(target.host, target.port, timeout=5)
    try:
        connection.request("GET", target.path + path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
