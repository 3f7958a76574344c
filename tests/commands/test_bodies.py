"""Clients that stop in the middle of a body: refused with 408, and their threads are free again."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.commands.serving.address import origin, reserve
from fhir_server.commands.serving.bodies import CROWDED, PIECE_BYTES, Answer, Bodies, Body
from fhir_server.commands.serving.readiness import wait_until_ready
from fhir_server.commands.serving.workers import whole_bodies
from fhir_server.model.outcome import FhirError
from tests.running import SERVE, Running

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120
THREADS = 4

LENGTH = "Content-Length: 20\r\n\r\nthe start"
CHUNKED = "Transfer-Encoding: chunked\r\n\r\n9\r\nthe start\r\n"


@contextmanager
def small_server(host: str) -> Iterator[tuple[str, int]]:
    """Yield the address of a server that awaits bodies for a second."""
    held, port = reserve(host, 0)
    command = [sys.executable, "-m", "tests.commands.small_server", host, str(port), "1", str(THREADS)]
    with held, subprocess.Popen(command, cwd=ROOT) as process:
        try:
            assert wait_until_ready(origin(host, port), threading.Event(), TIMEOUT_S)
            yield host, port
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with small_server("127.0.0.1") as address:
        yield address


def said(address: tuple[str, int], text: str, path: str = "/") -> socket.socket:
    """Return a connection on which the beginning of a POST was sent."""
    client = socket.create_connection(address, timeout=TIMEOUT_S)
    client.sendall(f"POST {path} HTTP/1.1\r\nHost: here\r\n{text}".encode())
    return client


def all_of(client: socket.socket) -> str:
    """Return what the server answers until it ends the connection."""
    with client, client.makefile("rb") as answer:
        return answer.read().decode()


def first_line(client: socket.socket) -> str:
    with client, client.makefile("rb") as answer:
        return answer.readline().decode().strip()


def test_a_body_in_time_is_read_whole(address: tuple[str, int]) -> None:
    body = "x" * 200_001
    with said(address, f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}") as client:
        assert all_of(client).endswith(f"{len(body)} bytes")


@pytest.mark.parametrize("text", [
    pytest.param(LENGTH, id="of-known-length"),
    pytest.param("Content-Length: 20\r\n\r\n", id="before-the-first-byte"),
    pytest.param(f"Content-Length: 20000\r\n\r\n{'x' * 10_000}", id="after-some-pieces"),
    pytest.param(CHUNKED, id="chunked"),
    pytest.param("Expect: 100-continue\r\nContent-Length: 20\r\n\r\n", id="told-to-continue"),
    pytest.param("Content-Length: 1\r\n\r\nxPOST / HTTP/1.1\r\nHost: here\r\n" + LENGTH,
                 id="second-on-its-connection"),
])  # fmt: skip
def test_a_body_that_stops_is_refused_and_its_connection_ends(address: tuple[str, int], text: str) -> None:
    answers = all_of(said(address, text))
    assert "HTTP/1.1 408 Request Timeout\r\n" in answers
    assert "too slow" in answers
    assert "nobody" not in answers


def test_an_old_client_is_refused_too(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=TIMEOUT_S) as client:
        client.sendall(b"POST / HTTP/1.0\r\n" + LENGTH.encode())
        assert " 408 " in all_of(client)


def test_an_address_of_version_6_is_served_alike(loopback_6: str) -> None:
    with small_server(loopback_6) as address:
        assert all_of(said(address, LENGTH)).startswith("HTTP/1.1 408 ")


def test_the_threads_are_free_after_many_clients_that_stop(address: tuple[str, int]) -> None:
    stopped = [said(address, (LENGTH, CHUNKED)[number % 2]) for number in range(8 * THREADS)]
    later = said(address, "Content-Length: 1\r\n\r\nx")
    assert first_line(later) == "HTTP/1.1 200 OK"
    for client in stopped:
        assert all_of(client).startswith("HTTP/1.1 408 ")


def test_a_request_that_takes_long_is_not_cut(address: tuple[str, int]) -> None:
    held = said(address, "Content-Length: 1\r\n\r\nx", "/held")
    # It is answered once a client that came later has been refused: more than the time of a body.
    assert all_of(said(address, LENGTH)).startswith("HTTP/1.1 408 ")
    assert first_line(said(address, "Content-Length: 0\r\n\r\n", "/let-go")) == "HTTP/1.1 200 OK"
    assert first_line(held) == "HTTP/1.1 200 OK"


def test_who_does_not_read_an_answer_keeps_no_thread(address: tuple[str, int]) -> None:
    with ExitStack() as deaf:
        for _ in range(2 * THREADS):
            deaf.enter_context(said(address, "Content-Length: 0\r\n\r\n", "/large"))
        assert first_line(said(address, "Content-Length: 0\r\n\r\n")) == "HTTP/1.1 200 OK"


def test_the_server_answers_with_an_outcome_and_its_log_says_so(
    database_uri: str, database_name: str
) -> None:
    environment = {
        "FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": database_name, "FHIR_BODY_TIMEOUT": "1",
    }  # fmt: skip
    loud = [word for word in SERVE if word != "--quiet"]
    with Running(environment=environment, command=loud) as running:
        host, _, port = running.url.removeprefix("http://").removesuffix("/fhir").partition(":")
        text = "Content-Type: application/fhir+json\r\n" + LENGTH
        head, _, body = all_of(said((host, int(port)), text, "/fhir/Patient")).partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 408 ")
        assert json.loads(body)["issue"][0]["details"]["coding"][0]["code"] == "too-slow"
        while (line := running.event("request"))["method"] != "POST":
            assert line["status"] == 200
        assert (line["route"], line["status"]) == ("/fhir/<resource_type>", 408)
    with MongoClient[dict[str, Any]](database_uri) as client:
        logged = client[database_name]["audit"].find_one({"interaction": "create"})
        assert logged is not None
        assert logged["status"] == 408


@dataclass
class Passing:
    """A body that is looked at a number of times for each of its pieces; notes what is overdue meanwhile."""

    looks: int
    pieces: int
    bodies: Bodies = field(init=False)
    overdue: list[Body] = field(default_factory=list)

    def watched(self, threads: int = 100) -> Body:
        # The clock does not run: the looks are taken here, one a second of thirty.
        stopped = threading.Event()
        stopped.set()
        self.bodies = Bodies(30.0, threads, Answer(408, (), b""), stopped)
        return Body(self, self.bodies, self, 80)

    def read(self, size: int, /) -> bytes:
        if self.pieces == 0:
            return b""
        self.pieces -= 1
        for _ in range(self.looks):
            self.overdue += self.bodies.look()
        return b"x" * size

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        raise AssertionError("nothing is to be answered")


def test_a_slow_body_is_awaited_as_long_as_each_piece_comes_in_time() -> None:
    slow = Passing(30, 100)
    assert len(slow.watched().readall()) == 100 * PIECE_BYTES
    assert slow.overdue == []


@pytest.mark.parametrize(("looks", "threads", "overdue"), [
    pytest.param(31, 2, True, id="too-late"),
    pytest.param(30, 2, False, id="in-time"),
    pytest.param(30 // CROWDED + 1, 1, True, id="too-late-where-all-threads-wait"),
    pytest.param(30 // CROWDED, 1, False, id="in-time-where-all-threads-wait"),
])  # fmt: skip
def test_a_piece_is_awaited_for_a_time(looks: int, threads: int, overdue: bool) -> None:
    passing = Passing(looks, 1)
    body = passing.watched(threads)
    body.readall()
    assert passing.overdue == [body] * overdue


def test_a_body_that_was_given_up_is_refused_even_if_it_came_after_all() -> None:
    class GivenUp(Passing):
        def read(self, size: int, /) -> bytes:
            assert self.bodies.end(body)
            return b"x" * size

    body = GivenUp(0, 1).watched()
    with pytest.raises(FhirError) as refused:
        body.read(1)
    assert (refused.value.status, refused.value.issues[0].situation) == (408, "too-slow")


def test_a_body_that_has_ended_is_not_given_up() -> None:
    passing = Passing(0, 1)
    body = passing.watched()
    body.readall()
    passing.bodies.give_up([body])


def runner(application: Any, proto: object, environ: dict[str, Any]) -> object:
    """Call the application as granian does, and return the body that it was given."""
    application(environ, lambda *parts: None)
    return environ["wsgi.input"]


@pytest.mark.parametrize(("method", "watched"), [
    pytest.param("GET", False, id="get"),
    pytest.param("HEAD", False, id="head"),
    pytest.param("POST", True, id="post"),
    pytest.param("DELETE", True, id="delete"),
])  # fmt: skip
def test_only_what_may_have_a_body_is_watched(method: str, watched: bool) -> None:
    application = whole_bodies(lambda environ, start: [], Bodies(30.0, 1, Answer(408, (), b"")))
    given = object()
    environ = {"REQUEST_METHOD": method, "SERVER_PORT": "80", "wsgi.input": given}
    assert (runner(application, object(), environ) is not given) is watched
