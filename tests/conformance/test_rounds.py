"""Paired rounds: in turn, whole pairs, within the time."""

from __future__ import annotations

import itertools
import os
import time

from conformance.load.clients import Clients
from conformance.load.exchange import Exchange, tape
from conformance.load.rounds import Base, Limits, Round, play
from conformance.load.target import Target
from tests.conformance.stub import Stub, running

REQUESTS = [Exchange("GET", "/Patient/none", status=404)]


def limits(rounds: int, deadline_in_s: float = 60.0) -> Limits:
    return Limits(rounds, seconds=60.0, requests=10, deadline=time.monotonic() + deadline_in_s)


def play_two(clients: Clients, first: Target, second: Target, within: Limits) -> list[Round]:
    bases = [Base(target, (os.getpid(),), ()) for target in (first, second)]
    return play(clients, [(base, tape(REQUESTS, base.target)) for base in bases], 1, within)


def test_rounds_of_two_bases_alternate() -> None:
    log: list[tuple[str, str, str]] = []
    with Clients(1) as clients, running(Stub("a", log)) as first, running(Stub("b", log)) as second:
        rounds = play_two(clients, first, second, limits(rounds=3))

    assert [played.base for played in rounds] == ["a", "b"] * 3
    assert [played.index for played in rounds] == [0, 0, 1, 1, 2, 2]
    # 2 of 10 requests more before each round warm up, and are in no figure.
    assert [(name, len(list(run))) for name, run in itertools.groupby(log, lambda entry: entry[0])] == [
        ("a", 12),
        ("b", 12),
    ] * 3
    assert [played.requests for played in rounds] == [10] * 6


def test_no_pair_starts_after_the_deadline() -> None:
    log: list[tuple[str, str, str]] = []
    with Clients(1) as clients, running(Stub("a", log)) as first, running(Stub("b", log)) as second:
        rounds = play_two(clients, first, second, limits(rounds=3, deadline_in_s=-1.0))

    assert rounds == []
    assert log == []


def test_server_cost_is_measured() -> None:
    log: list[tuple[str, str, str]] = []
    within = Limits(rounds=1, seconds=0.4, requests=1_000_000, deadline=time.monotonic() + 60)
    with Clients(1) as clients, running(Stub("a", log)) as target:
        base = Base(target, (os.getpid(),), ())
        (played,) = play(clients, [(base, tape(REQUESTS, target))], 1, within)

    assert 0 < played.server_cpu_s <= played.elapsed_s * (os.cpu_count() or 1) + 0.1
    assert played.largest_server_rss_bytes == played.server_rss_bytes > 10_000_000
    assert played.client_cpu_s > 0
