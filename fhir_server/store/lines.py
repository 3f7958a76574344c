"""Commands to a database on this machine, over sockets of our own: what the driver adds to each is left out.

They are look-ups, and inserts that can be repeated.  Choosing a server, a session, the clock of a cluster
and a pool with locks cost three times what the question itself does, and one member behind a private socket
needs none of them.  Whatever is out of the ordinary is left to the driver: another kind of address,
where transactions begin and end, a socket that broke, a member that takes no writes or hangs.

Spec: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg
"""

from __future__ import annotations

import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions
from pymongo.errors import ExecutionTimeout, NetworkTimeout, OperationFailure
from pymongo.uri_parser import parse_uri

OP_MSG: Final = 2013
ANSWER_S: Final = 70
"""Longer than the database may work on anything: it gives up first, with a reason."""
LOOK_S: Final = 2.0

PLAIN_OPTIONS: Final = frozenset({"replicaset"})
"""Options of an address that say nothing of how to talk to what is there."""
_LISTED: Final = "mongodb://"
"""What an address begins with that lists its members; the other kind asks the DNS for them."""
TIMED_OUT: Final = 50
FOR_THE_DRIVER: Final = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})
"""Codes of a member that is no primary, or about to end: the driver waits for one."""

_HEADER: Final = struct.Struct("<iiiiIB")
"""Length, id, id of what is answered, kind of message, flags, kind of section."""
_FIRST_BYTES: Final = 1 << 16
LARGEST: Final = 1 << 24
"""Bytes of a command that the database takes as one document; the driver can send more, in several."""

Reply = dict[str, Any]


class Broken(Exception):
    """A line that can carry nothing any more."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer may take in seconds, and what is asked about the database after each `look_s`."""

    believed: Callable[[], bool] = lambda: True
    """Whether the database is there as far as is known; if not, nothing more is awaited of it."""
    answer_s: float = ANSWER_S
    look_s: float = LOOK_S


class Line:
    """One socket: a question at a time."""

    def __init__(self, path: str, patience: Patience) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._believed = patience.believed
        look_s = min(patience.look_s, patience.answer_s)
        self._looks = round(patience.answer_s / look_s)
        try:
            # The kernel keeps the time: a timeout of Python's own costs a system call for each read.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _span(look_s))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _span(patience.answer_s))
            self._socket.connect(path)
        except BaseException:
            self._socket.close()
            raise
        self._buffer = bytearray(_FIRST_BYTES)
        self._view = memoryview(self._buffer)
        self._asked = 0

    def ask(self, command: bytes, codec: CodecOptions[Reply]) -> Reply:
        """Return the answer to an encoded command.

        Raises Broken and OSError; of these, BlockingIOError where it did not come in time.
        """
        self._asked = number = self._asked % 0x7FFF_FFFF + 1
        length = _HEADER.size + len(command)
        self._socket.sendall(_HEADER.pack(length, number, 0, OP_MSG, 0, 0) + command)
        try:
            got = self._socket.recv_into(self._buffer)
        except BlockingIOError:
            got = self._awaited(self._view)
        while 0 < got < _HEADER.size:
            got += self._more(self._view[got:])
        if not got:
            raise Broken
        size, _, answered, kind, flags, section = _HEADER.unpack_from(self._buffer)
        if (answered, kind, flags, section) != (number, OP_MSG, 0, 0):
            raise Broken
        whole = self._view if size <= _FIRST_BYTES else self._grown(size, got)
        while got < size:
            got += self._more(whole[got:size])
        return bson.decode(whole[_HEADER.size : size], codec)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _more(self, room: memoryview) -> int:
        try:
            got = self._socket.recv_into(room)
        except BlockingIOError:
            got = self._awaited(room)
        if not got:
            raise Broken
        return got

    def _awaited(self, room: memoryview) -> int:
        """Receive from a database that was silent, as long as it is believed to be there."""
        for _ in range(1, self._looks):
            if not self._believed():
                raise Broken
            with suppress(BlockingIOError):
                return self._socket.recv_into(room)
        raise BlockingIOError

    def _grown(self, size: int, got: int) -> memoryview:
        """Return room for one answer that is larger than most, what came of it in its place."""
        room = memoryview(bytearray(size))
        room[:got] = self._view[:got]
        return room


PATIENT: Final = Patience()


class Lines:
    """As many lines to one database as threads ask at once.  Shared by the threads of a process."""

    def __init__(self, path: str, database: str, patience: Patience = PATIENT) -> None:
        self._path = path
        self._patience = patience
        self._database = database
        self._idle: deque[Line] = deque()
        self._process = os.getpid()
        self._closed = False

    def ask(self, command: Mapping[str, Any], codec: CodecOptions[Reply]) -> Reply | None:
        """Return the answer to a command; None: the driver has to ask, which may be for the second time.

        Raises OperationFailure, ExecutionTimeout, NetworkTimeout, and what encoding raises.
        """
        data = bson.encode({**command, "$db": self._database}, codec_options=codec)
        line = self._free() if len(data) <= LARGEST else None
        if line is None:
            return None
        try:
            reply = line.ask(data, codec)
        except BlockingIOError:
            line.close()
            raise NetworkTimeout("the database did not answer in time") from None
        except (OSError, Broken):
            line.close()
            return None
        except BaseException:
            line.close()
            raise
        self._idle.append(line)
        if self._closed:
            self.close()
        if reply["ok"]:
            return reply
        if reply.get("code") not in FOR_THE_DRIVER:
            raise _refusal(reply)
        return None

    def close(self) -> None:
        """Let go of every line; those in use follow when they are back."""
        self._closed = True
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def _free(self) -> Line | None:
        """Return a line that nobody else uses, None where there can be none."""
        if self._closed or self._process != os.getpid():
            return None
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return Line(self._path, self._patience)
        except OSError:
            return None


def local_socket(uri: str) -> str | None:
    """Return the path of the socket that an address names, where nothing else is to be observed about it.

    Credentials, TLS, compression, preferences of reading, several members: those are the driver's.
    """
    if not uri.startswith(_LISTED):
        return None
    parsed = parse_uri(uri)
    hosts: list[tuple[str, int | None]] = parsed["nodelist"]
    plain = {name.lower() for name in parsed["options"]} <= PLAIN_OPTIONS
    if len(hosts) != 1 or not plain or parsed["username"]:
        return None
    path = hosts[0][0]
    return path if path.startswith("/") else None


def _span(seconds: float) -> bytes:
    """Return a span as the kernel takes it."""
    whole, rest = divmod(seconds, 1)
    return struct.pack("ll", int(whole), int(rest * 1_000_000))


def _refusal(reply: Reply) -> OperationFailure:
    """Return what the driver raises of a command that the database refused."""
    code = reply.get("code")
    return (ExecutionTimeout if code == TIMED_OUT else OperationFailure)(reply.get("errmsg", ""), code, reply)
