"""From rounds to figures: what one base did, and how two compare pair by pair."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from conformance.load.rounds import Round
from conformance.load.timings import Latency, latency
from conformance.load.workload import Workload


@dataclass(frozen=True, slots=True)
class Side:
    """One base in one cell: medians over its rounds, latency over all samples of all rounds."""

    base: str
    requests: int
    requests_per_s: float
    resources_per_s: float
    latency: Latency | None
    errors: dict[str, int]
    received_bytes_per_request: float
    server_cpu_ms_per_request: float
    mongod_cpu_ms_per_request: float
    client_cpu_ms_per_request: float
    client_cpu_share: float
    """Of one core for each client process: near 1 the client is the bottleneck."""
    server_rss_bytes: int
    largest_server_rss_bytes: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """Rate of the first base / rate of the second, of each pair of rounds."""

    median: float
    lowest: float
    highest: float
    pairs: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One workload at one number of connections.  `met` is None where there is no target or no figure."""

    workload: str
    title: str
    connections: int
    sides: tuple[Side, ...]
    ratio: Ratio | None
    target: float | None
    met: bool | None
    p99_ratio: float | None = None
    """The 99th percentile of the first base / that of the second."""
    p99_target: float | None = None

    @property
    def is_slow(self) -> bool:
        """Whether the 99th percentile is above its target."""
        return self.p99_ratio is not None and self.p99_target is not None and self.p99_ratio > self.p99_target


def cell(workload: Workload, connections: int, rounds: Sequence[Round]) -> Cell:
    """Return the figures of the rounds of one cell; the first base played is the one that is judged."""
    names = list(dict.fromkeys(played.base for played in rounds))
    sides = tuple(side([played for played in rounds if played.base == name]) for name in names)
    ratio = ratio_of(rounds, *names) if len(names) == 2 else None
    target = workload.ratio_target if workload.paired else workload.rate_target
    measured = ratio.median if ratio else _rate(workload, sides)
    met = None if target is None or measured is None else measured >= target
    return Cell(
        workload.name, workload.title, connections, sides, ratio, target, met,
        p99_ratio=_p99_ratio(sides), p99_target=workload.p99_target,
    )  # fmt: skip


def _p99_ratio(sides: tuple[Side, ...]) -> float | None:
    known = [side.latency for side in sides if side.latency is not None]
    return round(known[0].p99_ms / known[1].p99_ms, 3) if len(known) == 2 and known[1].p99_ms else None


def _rate(workload: Workload, sides: tuple[Side, ...]) -> float | None:
    return sides[0].resources_per_s if sides and not workload.paired else None


def ratio_of(rounds: Sequence[Round], first: str, second: str) -> Ratio | None:
    """Return how the first base compares with the second; None unless a pair has two rates over zero."""
    rates = {(played.base, played.index): played.rate for played in rounds}
    indexes = sorted({played.index for played in rounds})
    ratios = [
        rates[first, index] / rates[second, index]
        for index in indexes
        if rates.get((first, index)) and rates.get((second, index))
    ]
    if not ratios:
        return None
    median, lowest, highest = (
        round(value, 3) for value in (statistics.median(ratios), min(ratios), max(ratios))
    )
    return Ratio(median, lowest, highest, len(ratios))


def side(rounds: Sequence[Round]) -> Side:
    """Return the figures of the rounds of one base; there is at least one."""
    requests = sum(played.requests for played in rounds)
    errors: Counter[str] = Counter()
    for played in rounds:
        errors.update(played.errors)
    client_s = sum(played.elapsed_s * played.client_processes for played in rounds)
    client_cpu_s = sum(played.client_cpu_s for played in rounds)
    samples = [sample for played in rounds for sample in played.latencies_ns]

    def per_request(total: float) -> float:
        return round(total / requests, 4) if requests else 0.0

    return Side(
        base=rounds[0].base,
        requests=requests,
        requests_per_s=round(statistics.median(played.rate for played in rounds), 1),
        resources_per_s=round(statistics.median(_resources_per_s(played) for played in rounds), 1),
        latency=latency(samples),
        errors=dict(errors),
        received_bytes_per_request=per_request(sum(played.received_bytes for played in rounds)),
        server_cpu_ms_per_request=per_request(1e3 * sum(played.server_cpu_s for played in rounds)),
        mongod_cpu_ms_per_request=per_request(1e3 * sum(played.mongod_cpu_s for played in rounds)),
        client_cpu_ms_per_request=per_request(1e3 * client_cpu_s),
        client_cpu_share=round(client_cpu_s / client_s, 3) if client_s else 0.0,
        server_rss_bytes=max(played.server_rss_bytes for played in rounds),
        largest_server_rss_bytes=max(played.largest_server_rss_bytes for played in rounds),
    )


def _resources_per_s(played: Round) -> float:
    return played.resources / played.elapsed_s if played.elapsed_s else 0.0
