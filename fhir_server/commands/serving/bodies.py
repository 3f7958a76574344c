"""Bodies that stop coming: refused with 408, so that they do not keep the thread that reads them.

A thread that reads a body is inside the server until the body, or the connection, ends; the server has no
time limit for that, says neither which connection a request came on nor how much of a body is there, and
writes an answer whenever it is given one.  So a clock gives up on a body: it answers in place of the thread,
sees on which connection as many bytes as that went out, and ends what comes in on it.  The thread reads an
end, and its own answer, which is logged like any other, goes nowhere.
"""

from __future__ import annotations

import io
import logging
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import FrameType
from typing import Any, Final, Protocol

from fhir_server.commands.serving.connections import Connection, silent_connections
from fhir_server.model.outcome import FhirError, refuse

BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods whose bodies are never read here."""

CHANNEL: Final = "proto"
"""What granian calls the channel of a request where it calls the application; it hands it to nobody."""

PIECE_BYTES: Final = 4096
CROWDED: Final = 5
"""Where every thread waits for a body, a client has this part of its time only."""
LOOKS: Final = 5
"""How often a body is looked at within the shortest time that a client has."""
SLOWEST_LOOK_S: Final = 1.0
SETTLE_S: Final = 2.0
"""How long an answer may take to go out and a thread to read the end."""
SETTLE_STEP_S: Final = 0.002
MOST_PADDING: Final = 8192
"""Blanks behind an answer that tell its length from that of others."""

A_DATE: Final = "Thu, 01 Jan 1970 00:00:00 GMT"
"""All dates of HTTP are as long as this one."""

LOGGER = logging.getLogger("fhir_server.serving")
UNENDED: Final = "%d bodies that stopped coming could not be ended; they keep their threads."


class Channel(Protocol):
    """Where the server takes the answer to one request; a second answer goes nowhere."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""
        ...


class Stream(Protocol):
    """A body as the server gives it; less than asked for is the end."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes once they are there."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in the words of the server, which adds a few fields of its own."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def give(self, channel: Channel, padding: int) -> None:
        """Answer a request, with so many blanks at the end of the body."""
        channel.response_bytes(self.status, list(self.headers), self.body + b" " * padding)

    def length(self, padding: int) -> int:
        """Return how many bytes go out."""
        size = len(self.body) + padding
        fields = (*self.headers, ("server", "granian"), ("content-length", str(size)), ("date", A_DATE))
        first = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"
        return len("\r\n".join([first, *(": ".join(field) for field in fields), "", ""])) + size


def too_slow(patience_s: float) -> FhirError:
    """Return the refusal of a body that stopped coming."""
    return refuse(
        "too-slow",
        f"The body stopped coming: each {PIECE_BYTES} bytes of it, or its end, are awaited for "
        f"{patience_s:g} seconds, less where many are awaited at once.",
    )


class Body(io.RawIOBase):
    """The body of one request, watched while a thread waits for more of it."""

    def __init__(self, stream: Stream, bodies: Bodies, channel: Channel, port: int) -> None:
        super().__init__()
        self._stream = stream
        self._bodies = bodies
        self._ended = False
        self.channel = channel
        self.port = port
        self.awaited = False
        self.came = 0
        """How many pieces were asked for, by the thread that reads."""
        self.seen = 0
        """What that was at the last look."""
        self.looks = 0
        """How many looks saw the same."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the body goes.  Raises FhirError `too-slow` where it was given up."""
        room, filled = len(buffer), 0
        if self._ended:
            return 0
        self._bodies.begin(self)
        try:
            while filled < room and not self._ended:
                self.came += 1
                asked = min(PIECE_BYTES, room - filled)
                piece = self._stream.read(asked)
                buffer[filled : filled + len(piece)] = piece
                filled += len(piece)
                self._ended = len(piece) < asked
        finally:
            self.awaited = False
            given_up = not self._bodies.end(self)
        if given_up:
            raise too_slow(self._bodies.patience_s)
        return filled

    def stands(self) -> int:
        """Return at how many looks, one after the other, nothing had come."""
        self.looks = self.looks + 1 if self.came == self.seen else 0
        self.seen = self.came
        return self.looks


class Bodies:
    """Watches the bodies that the threads of this worker wait for.

    Time is counted in looks, which a process that is held up does not take: nothing is given up for that.
    """

    def __init__(
        self,
        patience_s: float,
        threads: int,
        answer: Answer,
        stopped: threading.Event | None = None,
    ) -> None:
        """Take how long a piece of a body is awaited, how many threads may wait, what is answered then.

        Once `stopped` is set nothing is given up any more.
        """
        self.patience_s = patience_s
        self._threads = threads
        self._answer = answer
        self._stopped = stopped or threading.Event()
        self._shortest_s = patience_s / CROWDED
        self._look_s = min(self._shortest_s / LOOKS, SLOWEST_LOOK_S)
        # Both ends of a reading take its body out of here; whoever does it first says how it ended.
        self._awaited: set[Body] = set()
        self._some = threading.Event()
        self._starting = threading.Lock()
        self._clock: threading.Thread | None = None

    def watch(self, environ: dict[str, Any], caller: FrameType) -> None:
        """Have the body of a request watched whenever it is read; `caller` is what the server runs it in."""
        channel = caller.f_locals.get(CHANNEL)
        if channel is not None:
            environ["wsgi.input"] = Body(environ["wsgi.input"], self, channel, int(environ["SERVER_PORT"]))

    def begin(self, body: Body) -> None:
        """A thread waits for a body from now on."""
        body.awaited = True
        self._awaited.add(body)
        if not self._some.is_set():
            self._wake()

    def end(self, body: Body) -> bool:
        """Return whether this ends the waiting: False where it has been ended before."""
        try:
            self._awaited.remove(body)
        except KeyError:
            return False
        return True

    def look(self) -> list[Body]:
        """Return the bodies of which nothing came for too long."""
        awaited = tuple(self._awaited)
        patience_s = self._shortest_s if len(awaited) >= self._threads else self.patience_s
        return [body for body in awaited if body.stands() * self._look_s >= patience_s]

    def give_up(self, bodies: Iterable[Body]) -> None:
        """Answer the requests of bodies, and end these, unless they have ended meanwhile."""
        given_up = [body for body in bodies if self.end(body)]
        if not given_up:
            return
        padding = secrets.randbelow(MOST_PADDING)
        with silent_connections(given_up[0].port, int(self._shortest_s * 500)) as connections:
            for body in given_up:
                self._answer.give(body.channel, padding)
            unended = self._settle(given_up, connections, self._answer.length(padding))
        if unended:
            LOGGER.warning(UNENDED, unended)

    def _settle(self, bodies: Sequence[Body], connections: Sequence[Connection], length: int) -> int:
        """End the input of the connections that carried the answer; return how many bodies did not end."""
        until = time.monotonic() + SETTLE_S
        while unended := sum(body.awaited for body in bodies):
            for connection in connections:
                if connection.written() == length:
                    connection.end_input()
            if time.monotonic() > until:
                break
            time.sleep(SETTLE_STEP_S)
        return unended

    def _wake(self) -> None:
        with self._starting:
            self._some.set()
            if self._clock is None or not self._clock.is_alive():
                self._clock = threading.Thread(target=self._keep_looking, name="bodies", daemon=True)
                self._clock.start()

    def _keep_looking(self) -> None:
        """Look for as long as there are bodies."""
        while self._some.wait() and not self._stopped.wait(self._look_s):
            self._some.clear()
            self.give_up(self.look())
            if self._awaited:
                self._some.set()
