"""The connections of a process as its kernel sees them, by sockets of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fhir_server.commands.serving.connections import silent_connections

LONG_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Pair:
    """Both ends of a connection, and the port of the server's."""

    client: socket.socket
    server: socket.socket
    port: int


@pytest.fixture(params=["loopback_4", "loopback_6"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    host = request.getfixturevalue(request.param)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((host, port), timeout=30) as client:
            server, _ = listener.accept()
            with server:
                yield Pair(client, server, port)


def test_what_goes_out_is_counted_from_when_the_connection_was_found(pair: Pair) -> None:
    pair.server.sendall(b"before")
    assert pair.client.recv(100) == b"before"
    with silent_connections(pair.port, 0) as [connection]:
        assert connection.written() == 0
        pair.server.sendall(b"after that")
        assert connection.written() == 10
        pair.client.sendall(b"what comes in does not count")
        assert pair.server.recv(100)
        assert connection.written() == 10


def test_what_the_client_has_no_room_for_is_counted_too(pair: Pair) -> None:
    with silent_connections(pair.port, 0) as [connection]:
        pair.server.setblocking(False)
        taken = 0
        with pytest.raises(BlockingIOError):
            while True:
                taken += pair.server.send(b"x" * 65536)
        assert connection.written() == taken


def test_only_connections_to_the_port_on_which_nothing_was_answered_for_the_time_are_found(
    pair: Pair,
) -> None:
    with silent_connections(pair.client.getsockname()[1], 0) as found:
        assert len(found) == 1, "the client's own end"
    with silent_connections(pair.port, LONG_MS) as found:
        assert found == []


def test_the_end_of_the_input_leaves_the_output_open(pair: Pair) -> None:
    with silent_connections(pair.port, 0) as [connection]:
        connection.end_input()
    assert pair.server.recv(100) == b""
    pair.server.sendall(b"an answer")
    assert pair.client.recv(100) == b"an answer"


def test_a_client_that_has_gone_needs_no_end(pair: Pair) -> None:
    with silent_connections(pair.port, 0) as [connection]:
        pair.client.close()
        assert pair.server.recv(100) == b""
        connection.end_input()


def test_a_connection_that_the_server_has_closed_is_still_the_one_that_was_found(pair: Pair) -> None:
    with silent_connections(pair.port, 0) as [connection]:
        number = pair.server.fileno()
        pair.server.close()
        with socket.socket() as other:
            assert other.fileno() == number, "the number is used again"
            connection.end_input()
            assert connection.written() == 0
