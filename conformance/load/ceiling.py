"""Proof that the clients are not the bottleneck: the same clients against a server that does nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.load.clients import Clients
from conformance.load.exchange import Exchange, tape
from conformance.load.processes import ServerProcess, free_port
from conformance.load.results import Cell, side
from conformance.load.rounds import Base, Limits, play_round
from conformance.load.target import Target
from conformance.load.usage import listeners
from conformance.load.wsgi_server import ProcessModel, granian

NAME = "null"
ROOM = 2.0
"""The clients are no bottleneck where they can do at least so many times the rate that was measured."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What the clients get out of a null server, next to the fastest base measured.

    `room` is the ceiling / that rate.
    """

    connections: int
    requests_per_s: float
    client_cpu_ms_per_request: float
    fastest_base: str
    fastest_requests_per_s: float
    room: float
    proven: bool


@contextmanager
def null_server(model: ProcessModel, directory: Path) -> Iterator[Base]:
    """Give a running null server with the process model of the bases."""
    target = Target(NAME, "127.0.0.1", free_port(), "/fhir")
    command = granian("conformance.load.null:application", target.port, model)
    with ServerProcess(command, directory / "null.log", {}) as process:
        process.wait_until_ready(target, "/metadata")
        yield Base(target, listeners(target.port), ())


def ceilings(clients: Clients, null: Base, cells: Sequence[Cell], limits: Limits) -> list[Ceiling]:
    """Return one ceiling for each number of connections among the cells."""
    requests = tape([Exchange("GET", f"/Basic/{number}") for number in range(100)], null.target)
    found = []
    for connections in sorted({measured.connections for measured in cells}):
        name, rate = _fastest(measured for measured in cells if measured.connections == connections)
        if rate:
            figures = side([play_round(clients, null, requests, connections, limits, 0)])
            room = round(figures.requests_per_s / rate, 2)
            found.append(
                Ceiling(
                    connections,
                    figures.requests_per_s,
                    figures.client_cpu_ms_per_request,
                    name,
                    rate,
                    room,
                    room >= ROOM,
                )
            )
    return found


def _fastest(cells: Iterable[Cell]) -> tuple[str, float]:
    rates = [
        (figures.requests_per_s, f"{figures.base}, {measured.workload}")
        for measured in cells
        for figures in measured.sides
    ]
    rate, name = max(rates, default=(0.0, ""))
    return name, rate
