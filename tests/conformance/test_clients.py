"""Client processes: the parts add up to the whole, and none of them stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.load.clients import Clients, split
from conformance.load.drive import Drive
from conformance.load.exchange import Exchange, tape
from conformance.load.target import Target
from conformance.load.usage import started_at
from tests.conformance.scripted import ok, scripted


def drive_of(port: int, connections: int, requests: int) -> Drive:
    sent = tape(
        [Exchange("GET", f"/Patient/{number}") for number in range(7)], Target("t", "127.0.0.1", port, "")
    )
    return Drive("127.0.0.1", port, sent, connections=connections, seconds=5.0, requests=requests)


@given(
    processes=st.integers(1, 8), connections=st.integers(1, 40), requests=st.integers(1, 1_000)
)  # fmt: skip
def test_parts_have_all_connections_and_requests(processes: int, connections: int, requests: int) -> None:
    parts = split(drive_of(1, connections, requests), processes)

    assert sum(part.connections for part in parts) == connections
    assert sum(part.requests for part in parts) == requests
    assert len(parts) == min(processes, connections)
    assert all(part.connections > 0 for part in parts)


@pytest.mark.parametrize(
    ("connections", "requests", "processes"),
    [
        pytest.param(1, 30, 1, id="one-connection-needs-one-process"),
        pytest.param(5, 31, 2, id="spread"),
        pytest.param(5, 1, 2, id="fewer-requests-than-processes"),
    ],
)
def test_figures_are_the_sum_over_the_processes(connections: int, requests: int, processes: int) -> None:
    with Clients(2) as clients, scripted(lambda n: ok(status=404 if n == 1 else 200)) as server:
        clients.arm(drive_of(server.port, connections, requests))
        drove = clients.go()

        assert server.requests == requests
    assert drove.requests == len(drove.latencies_ns) == requests - 1
    assert drove.errors == {"status 404 instead of 200": 1}
    assert drove.processes == processes


def test_processes_are_gone_afterwards() -> None:
    with Clients(2) as clients:
        pids = clients.pids

        assert [started_at(pid) is not None for pid in pids] == [True, True]
    assert [started_at(pid) for pid in pids] == [None, None]
