"""What to measure, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from conformance.load.workload import Workload
from conformance.load.wsgi_server import ProcessModel

FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class Options:
    """`base` None: a server of its own, started with `serve_command`.  Times in seconds."""

    base: str | None
    against: str
    """`floor` or a second base URL."""
    serve_command: tuple[str, ...]
    mongodb_uri: str | None
    database: str
    embedded_data_dir: Path | None
    model: ProcessModel
    workloads: tuple[Workload, ...]
    connections: tuple[int, ...]
    """Instead of those of each workload, unless empty."""
    client_processes: int
    rounds: int
    seconds: float
    requests: int
    """The most of one round."""
    max_seconds: float
    """The most of all rounds together."""
    governed: bool = False
    """Whether a governed server is compared with the one that is started, which is open."""
