"""A closed loop of requests over keep-alive sockets: what one client process does.

Each connection has one request under way; the next leaves when the answer is complete.  One process
drives many connections, so that a client costs tens of microseconds a request and the servers the rest.
"""

from __future__ import annotations

import selectors
import socket
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field

from conformance.load.answer import Answer, AnswerReader, BrokenAnswer
from conformance.load.exchange import Sent

ERRORS_MAX = 100
"""A process gives up after so many errors: the figures are worthless by then."""
GRACE_S = 60.0
"""How long an answer may take before it counts as an error."""
CONNECT_S = 5.0
RECEIVE_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Drive:
    """What to send: the tape over and over from `offset`, until `seconds` or `requests` are over."""

    host: str
    port: int
    tape: tuple[Sent, ...]
    connections: int
    seconds: float
    requests: int
    offset: int = 0
    grace_s: float = GRACE_S


@dataclass(slots=True)
class Drove:
    """What came of it.  Only answers with the expected status are `requests` and have a latency."""

    requests: int = 0
    resources: int = 0
    received_bytes: int = 0
    latencies_ns: array[int] = field(default_factory=lambda: array("Q"))
    errors: Counter[str] = field(default_factory=Counter)
    elapsed_s: float = 0.0
    """From the start to the last answer: requests under way at the end are waited for and counted."""
    client_cpu_s: float = 0.0
    processes: int = 1


class Driver:
    """The loop.  `connect` opens the sockets before the clock starts, `run` plays the tape once."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._drove = Drove()
        self._selector = selectors.DefaultSelector()
        self._lanes = [_Lane() for _ in range(min(drive.connections, drive.requests))]
        self._issued = 0
        self._deadline = 0.0

    def connect(self) -> None:
        """Open all connections; one that is refused is tried again, and counted, in the run."""
        for lane in self._lanes:
            self._open(lane)

    def run(self) -> Drove:
        """Send until the time or the number is over; return the figures.  Closes every socket."""
        cpu = time.process_time()
        start = time.perf_counter()
        self._deadline = start + self._drive.seconds
        for lane in self._lanes:
            self._next(lane)
        while any(lane.busy for lane in self._lanes):
            for key, events in self._selector.select(timeout=0.5):
                self._advance(key.data, events)
            self._expire()
        self._drove.elapsed_s = time.perf_counter() - start
        self._drove.client_cpu_s = time.process_time() - cpu
        self._close()
        return self._drove

    def _close(self) -> None:
        for lane in self._lanes:
            self._drop(lane)
        self._selector.close()

    def _open(self, lane: _Lane) -> bool:
        try:
            lane.socket = socket.create_connection((self._drive.host, self._drive.port), timeout=CONNECT_S)
        except OSError as error:
            self._fault(f"connect: {_name(error)}")
            return False
        lane.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lane.socket.setblocking(False)
        lane.reader = AnswerReader()
        lane.writes = False
        self._selector.register(lane.socket, selectors.EVENT_READ, lane)
        return True

    def _drop(self, lane: _Lane) -> None:
        if lane.socket is not None:
            self._selector.unregister(lane.socket)
            lane.socket.close()
            lane.socket = None

    def _over(self) -> bool:
        return (
            self._issued >= self._drive.requests
            or time.perf_counter() >= self._deadline
            or self._drove.errors.total() >= ERRORS_MAX
        )

    def _next(self, lane: _Lane) -> None:
        lane.busy = False
        while not self._over():
            if lane.socket is None and not self._open(lane):
                continue
            lane.sent = self._drive.tape[(self._drive.offset + self._issued) % len(self._drive.tape)]
            self._issued += 1
            lane.busy = True
            lane.started_ns = time.perf_counter_ns()
            lane.left = memoryview(lane.sent.outgoing())
            self._send(lane)
            return

    def _send(self, lane: _Lane) -> None:
        assert lane.socket is not None
        try:
            written = lane.socket.send(lane.left)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._fail(lane, f"send: {_name(error)}")
            return
        lane.left = lane.left[written:]
        waits = bool(lane.left)
        if waits != lane.writes:
            lane.writes = waits
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if waits else 0)
            self._selector.modify(lane.socket, wanted, lane)

    def _advance(self, lane: _Lane, events: int) -> None:
        if events & selectors.EVENT_WRITE and lane.left:
            self._send(lane)
        if events & selectors.EVENT_READ and lane.socket is not None:
            self._receive(lane, lane.socket)

    def _receive(self, lane: _Lane, connection: socket.socket) -> None:
        try:
            data = connection.recv(RECEIVE_BYTES)
            answer = lane.reader.feed(data) if data else self._at_end(lane)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(lane, f"receive: {_name(error)}")
            return
        except BrokenAnswer as error:
            self._fail(lane, f"answer: {error}")
            return
        self._drove.received_bytes += len(data)
        if answer is not None:
            self._count(lane, answer)

    def _at_end(self, lane: _Lane) -> Answer | None:
        if lane.busy:
            return lane.reader.end()
        self._drop(lane)
        return None

    def _count(self, lane: _Lane, answer: Answer) -> None:
        took = time.perf_counter_ns() - lane.started_ns
        if not lane.busy:
            self._fail(lane, "answer: to no request")
            return
        if answer.status == lane.sent.status:
            self._drove.requests += 1
            self._drove.resources += lane.sent.resources
            self._drove.latencies_ns.append(took)
        else:
            self._fault(f"status {answer.status} instead of {lane.sent.status}")
        if not answer.keep or lane.left:
            self._drop(lane)
        self._next(lane)

    def _fail(self, lane: _Lane, what: str) -> None:
        self._fault(what)
        self._drop(lane)
        self._next(lane)

    def _fault(self, what: str) -> None:
        self._drove.errors[what] += 1

    def _expire(self) -> None:
        limit_ns = time.perf_counter_ns() - int(self._drive.grace_s * 1e9)
        for lane in self._lanes:
            if lane.busy and lane.started_ns < limit_ns:
                self._fail(lane, f"no answer within {self._drive.grace_s:g} s")


class _Lane:
    """One connection and the request under way on it."""

    __slots__ = ("busy", "left", "reader", "sent", "socket", "started_ns", "writes")

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.reader = AnswerReader()
        self.sent = Sent(b"", 0, 0)
        self.left = memoryview(b"")
        self.started_ns = 0
        self.busy = False
        self.writes = False


def _name(error: OSError) -> str:
    return type(error).__name__
