"""Paired rounds: A B A B …, so that what changes on the machine meanwhile meets both alike."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from conformance.load.clients import Clients
from conformance.load.drive import Drive
from conformance.load.exchange import Sent
from conformance.load.target import Target
from conformance.load.usage import Usage, usage

WARM_UP_SHARE = 0.2
"""Of the time of a round, before it, not counted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much.  `deadline` is on the `time.monotonic` clock: no round starts after it."""

    rounds: int
    seconds: float
    requests: int
    deadline: float


@dataclass(frozen=True, slots=True)
class Base:
    """One of the servers under measurement: its address, its processes, and those of its database."""

    target: Target
    server_pids: tuple[int, ...]
    mongod_pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """One drive of one base, as measured."""

    base: str
    index: int
    requests: int
    resources: int
    received_bytes: int
    errors: dict[str, int]
    elapsed_s: float
    client_cpu_s: float
    client_processes: int
    server_cpu_s: float
    mongod_cpu_s: float
    server_rss_bytes: int
    largest_server_rss_bytes: int
    latencies_ns: array[int] = field(repr=False)

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return self.requests / self.elapsed_s if self.elapsed_s else 0.0


def play(
    clients: Clients,
    sides: Sequence[tuple[Base, tuple[Sent, ...]]],
    connections: int,
    limits: Limits,
    told: Callable[[Round], None] = lambda _: None,
) -> list[Round]:
    """Play each base's tape in turn, `limits.rounds` times over; return the rounds in the order played.

    A pair is played whole or not at all: one that would start after the deadline does not.
    """
    rounds: list[Round] = []
    for index in range(limits.rounds):
        if time.monotonic() > limits.deadline:
            break
        for base, tape in sides:
            rounds.append(play_round(clients, base, tape, connections, limits, index))
            told(rounds[-1])
    return rounds


def play_round(
    clients: Clients, base: Base, tape: tuple[Sent, ...], connections: int, limits: Limits, index: int
) -> Round:
    """Warm one base up, then drive it once."""
    drive = Drive(
        host=base.target.host,
        port=base.target.port,
        tape=tape,
        connections=connections,
        seconds=limits.seconds,
        requests=limits.requests,
        offset=index,
    )
    clients.arm(_warm_up(drive))
    clients.go()
    clients.arm(drive)
    server, mongod = usage(base.server_pids), usage(base.mongod_pids)
    drove = clients.go()
    server_after, mongod_after = usage(base.server_pids), usage(base.mongod_pids)
    return Round(
        base=base.target.name,
        index=index,
        requests=drove.requests,
        resources=drove.resources,
        received_bytes=drove.received_bytes,
        errors=dict(drove.errors),
        elapsed_s=drove.elapsed_s,
        client_cpu_s=drove.client_cpu_s,
        client_processes=drove.processes,
        server_cpu_s=_spent(server, server_after),
        mongod_cpu_s=_spent(mongod, mongod_after),
        server_rss_bytes=server_after.rss_bytes,
        largest_server_rss_bytes=server_after.largest_rss_bytes,
        latencies_ns=drove.latencies_ns,
    )


def _warm_up(drive: Drive) -> Drive:
    return Drive(
        host=drive.host,
        port=drive.port,
        tape=drive.tape,
        connections=drive.connections,
        seconds=drive.seconds * WARM_UP_SHARE,
        requests=max(1, int(drive.requests * WARM_UP_SHARE)),
        offset=drive.offset + len(drive.tape) // 2,
    )


def _spent(before: Usage, after: Usage) -> float:
    return max(0.0, after.cpu_s - before.cpu_s)
