"""What a workload is, and the table of them: every module of `workloads/` that sets `WORKLOAD`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from conformance.load import workloads
from conformance.load.exchange import Exchange
from conformance.load.seed import Seed


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request.

    `exchanges` makes the tape from what a server was given; the same seed makes the same tape.  A paired
    workload is played in turn against both bases; another one against the first only.
    """

    name: str
    title: str
    order: int
    exchanges: Callable[[Seed], list[Exchange]]
    connections: tuple[int, ...]
    paired: bool = True
    kinds: int = 1
    """Requests of different kinds, with which the exchanges begin: the answers to these are looked at."""
    ratio_target: float | None = None
    """The least throughput compared with the floor that is good enough."""
    p99_target: float | None = None
    """The most that the 99th percentile may be, as a multiple of that of the second base."""
    rate_target: float | None = None
    """The least resources per second that are good enough, for one that is not paired."""
    needs_documents: bool = False
    """Whether it is left out unless there are clinical documents."""


def workload_table() -> dict[str, Workload]:
    """Return all workloads by name, those that only read first."""
    names = [module.name for module in pkgutil.iter_modules(workloads.__path__)]
    found: list[Workload] = [
        importlib.import_module(f"{workloads.__name__}.{name}").WORKLOAD for name in names
    ]
    return {workload.name: workload for workload in sorted(found, key=lambda workload: workload.order)}
