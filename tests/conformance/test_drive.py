"""The closed loop: what it counts as an answer, what as an error, and when it stops."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from conformance.load.drive import ERRORS_MAX, Drive, Driver, Drove
from conformance.load.exchange import Exchange, tape
from conformance.load.target import Target
from tests.conformance.scripted import Script, ok, scripted


def drive_of(port: int, *exchanges: Exchange) -> Drive:
    requests = tape(exchanges or [Exchange("GET", "/Patient/1")], Target("t", "127.0.0.1", port, "/fhir"))
    return Drive("127.0.0.1", port, requests, connections=2, seconds=60.0, requests=20, grace_s=60.0)


def run(drive: Drive) -> Drove:
    driver = Driver(drive)
    driver.connect()
    return driver.run()


@pytest.mark.parametrize("connections", [1, 3, 20])
def test_every_request_of_the_number_is_sent_and_timed(connections: int) -> None:
    with scripted(lambda _: ok()) as server:
        drove = run(replace(drive_of(server.port), connections=connections))

        assert (drove.requests, server.requests) == (20, 20)
        assert server.connections == connections
    assert len(drove.latencies_ns) == 20
    assert drove.errors == {}
    assert 0 < max(drove.latencies_ns) / 1e9 <= drove.elapsed_s


def test_time_ends_the_loop() -> None:
    with scripted(lambda _: ok()) as server:
        drove = run(replace(drive_of(server.port), seconds=0.05, requests=10_000_000))

        assert drove.requests == server.requests
    assert drove.requests > 0


def test_large_bodies_are_sent_whole() -> None:
    body = b"x" * 3_000_000
    exchange = Exchange("POST", "", body, resources=300)
    with scripted(lambda _: ok()) as server:
        drove = run(replace(drive_of(server.port, exchange), requests=4))

        assert server.received_bytes == 4 * len(body)
    assert (drove.requests, drove.resources) == (4, 1_200)


@pytest.mark.parametrize(
    ("script", "good", "error"),
    [
        pytest.param(
            lambda n: ok(status=500 if n % 4 == 0 else 200),
            15,
            "status 500 instead of 200",
            id="other-status",
        ),
        pytest.param(
            lambda n: None if n % 5 == 0 else ok(),
            16,
            "answer: the connection was closed in the middle of an answer",
            id="no-answer",
        ),
        pytest.param(
            lambda n: ok(b"abc") + b"!" if n % 5 == 0 else ok(b"abc"),
            16,
            "answer: more bytes than the Content-Length says",
            id="too-many-bytes",
        ),
    ],
)
def test_errors_are_counted_by_kind_and_have_no_latency(script: Script, good: int, error: str) -> None:
    with scripted(script) as server:
        drove = run(replace(drive_of(server.port), connections=1))

    assert drove.requests == len(drove.latencies_ns) == good
    assert drove.errors == {error: 20 - good}


def test_silence_is_an_error_after_the_grace() -> None:
    with scripted(lambda n: b"" if n == 1 else ok()) as server:
        drove = run(replace(drive_of(server.port), connections=1, requests=3, grace_s=1.0))

    assert drove.errors == {"no answer within 1 s": 1}
    assert drove.requests == 2


def test_connection_that_the_server_closes_is_opened_again() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    with scripted(lambda _: closing) as server:
        drove = run(replace(drive_of(server.port), connections=1, requests=5))

        assert server.connections == 5
    assert (drove.requests, drove.errors) == (5, {})


def test_a_port_without_server_ends_in_a_bounded_number_of_errors() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        drove = run(replace(drive_of(unused.getsockname()[1]), requests=10_000))

    assert drove.requests == 0
    assert list(drove.errors) == ["connect: ConnectionRefusedError"]
    assert ERRORS_MAX <= drove.errors.total() <= ERRORS_MAX + 2
