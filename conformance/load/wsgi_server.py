"""The process model of both bases: granian in WSGI mode, so many workers of so many threads each."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessModel:
    """Must be that of the server under measurement."""

    workers: int
    threads: int


def granian(application: str, port: int, model: ProcessModel, *, factory: bool = False) -> list[str]:
    """Return the command that serves `application` (`module:name`) on 127.0.0.1."""
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--log-level", "error",
        "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(model.workers), "--blocking-threads", str(model.threads),
    ]  # fmt: skip
    return [*command, *(["--factory"] if factory else []), application]
