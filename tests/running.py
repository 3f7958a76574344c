"""A server as a user starts it: a process of `fhir-server serve --open`, stopped by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

STOP_S = 120
SERVE = (
    sys.executable,
    "-m",
    "fhir_server",
    "serve",
    "--open",
    "--json",
    "--port",
    "0",
    "--workers",
    "1",
    "--quiet",
)


class Running:
    """A running server; `url` is its base URL.  Leaving the context stops it."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = SERVE,
        cwd: Path | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, start_new_session=True,
            env={**_without_settings(os.environ), "PYTHONUNBUFFERED": "1", **(environment or {})},
        )  # fmt: skip
        try:
            self.ready = self.event("ready")
        except BaseException:
            self.kill()
            raise
        self.url = str(self.ready["url"])
        self.database = ""
        """The name of its database, where the one who started it has set it."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def event(self, name: str) -> dict[str, Any]:
        """Return the next event of that name; fails with what stderr says if the server ends before."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        for line in self._process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event.get("event") == name:
                return event
        raise AssertionError(f"the server ended before {name}: {self._process.stderr.read()}")

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal to the process that the user started; return its exit code and stderr."""
        self._process.send_signal(number)
        _, errors = self._process.communicate(timeout=STOP_S)
        return self._process.returncode, errors

    def stop_together(self, number: int) -> tuple[int, str]:
        """Send a signal to the whole process group, as a terminal does; return exit code and stderr."""
        os.killpg(self._process.pid, number)
        _, errors = self._process.communicate(timeout=STOP_S)
        return self._process.returncode, errors

    def wait(self) -> tuple[int, str]:
        """Wait for the server to end by itself; return exit code and stderr."""
        _, errors = self._process.communicate(timeout=STOP_S)
        return self._process.returncode, errors

    def kill(self) -> None:
        """Kill the process that the user started, without a chance to clean up."""
        self._process.kill()
        self._process.communicate(timeout=STOP_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop()


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("FHIR_")}
