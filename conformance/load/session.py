"""One measurement from start to end: start what is needed, seed, play the table of workloads, stop all."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from conformance.load.bases import Server, opponent, server
from conformance.load.ceiling import ceilings, null_server
from conformance.load.clients import Clients
from conformance.load.deposits import deposit
from conformance.load.exchange import Sent, tape
from conformance.load.floor.database import Storage, storage
from conformance.load.machine import StealMeter, machine
from conformance.load.material import Material
from conformance.load.options import Options
from conformance.load.probe import probe
from conformance.load.report import Circumstances, Report
from conformance.load.results import Cell, cell
from conformance.load.rounds import Base, Limits, Round, play
from conformance.load.seed import Seed, plant
from conformance.load.target import LoadRefused, Target
from conformance.load.workload import Workload

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Contender:
    """A base and what it was given."""

    base: Base
    seed: Seed


def measure(options: Options, material: Material, directory: Path, say: Say) -> Report:
    """Return the figures.  `directory` is empty, for logs and data; `say` gets a line of progress.

    Raises LoadRefused.  Whatever was started is stopped, whatever happens.
    """
    steal, facts = StealMeter(), machine()
    with ExitStack() as stack:
        first = stack.enter_context(server(options, directory))
        clients = stack.enter_context(Clients(options.client_processes))
        say(f"{first.base.target.url}: posting {len(material.planted)} transactions of 300")
        seed = _seed(options, first.base.target, material)
        sizes = _storage(options, first)
        second = _second(options, first, seed, directory, stack)
        limits = Limits(
            options.rounds, options.seconds, options.requests, time.monotonic() + options.max_seconds
        )
        contenders = (Contender(first.base, seed), second)
        if options.governed and second is not None:
            contenders = (second, contenders[0])  # the governed one is judged
        cells, cut = _cells(options, clients, contenders, limits, say)
        null = stack.enter_context(null_server(options.model, directory))
        found = ceilings(clients, null, cells, limits)
        circumstances = Circumstances(
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            machine=facts,
            steal_share=round(steal.share(), 3),
            mongodb=first.mongod.version if first.mongod else None,
            workers=options.model.workers,
            threads=options.model.threads,
            client_processes=options.client_processes,
            rounds=options.rounds,
            seconds=options.seconds,
            material=material.origin,
            resources=sum(len(planted.places) for planted in seed.planted),
        )
    return Report(circumstances, cells, found, sizes, cut)


def _seed(options: Options, target: Target, material: Material) -> Seed:
    imports = any(workload.needs_documents for workload in options.workloads)
    deposits = deposit(target, material.documents) if imports else ()
    return Seed(plant(target, material.planted), material.whole, deposits)


def _storage(options: Options, first: Server) -> list[Storage]:
    return storage(first.uri, options.database) if first.uri is not None else []


def _second(
    options: Options, first: Server, seed: Seed, directory: Path, stack: ExitStack
) -> Contender | None:
    if not any(workload.paired for workload in options.workloads):
        return None
    return Contender(*stack.enter_context(opponent(options, first, seed, directory)))


def _cells(
    options: Options,
    clients: Clients,
    contenders: tuple[Contender, Contender | None],
    limits: Limits,
    say: Say,
) -> tuple[list[Cell], bool]:
    cells = []
    for workload in options.workloads:
        playing = [found for found in contenders if found is not None][: 2 if workload.paired else 1]
        sides = [(found.base, _tape(workload, found)) for found in playing]
        for connections in options.connections or workload.connections:
            rounds = play(clients, sides, connections, limits, _told(workload, connections, say))
            if rounds:
                cells.append(cell(workload, connections, rounds))
            if len(rounds) < limits.rounds * len(sides):
                return cells, True
    return cells, False


def _tape(workload: Workload, contender: Contender) -> tuple[Sent, ...]:
    exchanges = workload.exchanges(contender.seed)
    if not exchanges:
        raise LoadRefused(f"The material has nothing for the workload {workload.name}.")
    for exchange in exchanges[: workload.kinds]:
        probe(contender.base.target, exchange)
    return tape(exchanges, contender.base.target)


def _told(workload: Workload, connections: int, say: Say) -> Callable[[Round], None]:
    def told(played: Round) -> None:
        say(
            f"{workload.name}, {connections} connections, round {played.index + 1}, {played.base}: "
            f"{played.rate:,.1f}/s" + (f", errors {played.errors}" if played.errors else "")
        )

    return told
