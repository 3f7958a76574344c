"""The connections of this process as the kernel sees them: what went out, and an end to what comes in.

The server keeps its connections to itself.  Here they are found among the open files of the process and held
by descriptors of our own, which stay with their connection when the server closes and reuses its number.
Linux alone has both the list and the counts.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

DESCRIPTORS: Final = Path("/proc/self/fd")
TCP_INFO: Final = 11
"""Spec: https://man7.org/linux/man-pages/man7/tcp.7.html, struct tcp_info of linux/tcp.h"""
_COUNTS: Final = struct.Struct("=24xI16xI96xI52xQQ")
"""tcpi_unacked, tcpi_last_data_sent, tcpi_notsent_bytes, tcpi_bytes_sent, tcpi_bytes_retrans"""
_FAMILIES: Final = frozenset({socket.AF_INET, socket.AF_INET6})


class Counts(NamedTuple):
    """What a connection has carried outwards."""

    written: int
    """Bytes that the server has handed over, sent or not."""
    silent_ms: int
    """Milliseconds since the last of them left."""
    unconfirmed: bool
    """Whether the other side has yet to confirm some of them."""


class Connection:
    """A connection of a client, held by a descriptor of our own."""

    def __init__(self, held: socket.socket, counts: Counts) -> None:
        self._held = held
        self._before = counts.written

    def written(self) -> int | None:
        """Return how many bytes went out since the connection was found, None where that is unknown."""
        counts = _counts(self._held)
        return None if counts is None else counts.written - self._before

    def end_input(self) -> None:
        """Let the server read the end of what the client sends; what it answers still goes out."""
        try:
            self._held.shutdown(socket.SHUT_RD)
        except OSError:
            return  # the client has gone: the server has read that


@contextmanager
def silent_connections(port: int, silent_ms: int) -> Iterator[list[Connection]]:
    """Yield the connections to a port of ours on which nothing was answered for so many milliseconds.

    One whose last answer the client does not confirm counts too: the kernel goes on sending it.
    """
    with ExitStack() as held:
        found = []
        for taken in _sockets():
            counts = _counts(taken) if _is_client(taken, port) else None
            if counts is not None and (counts.unconfirmed or counts.silent_ms >= silent_ms):
                found.append(Connection(held.enter_context(taken), counts))
            else:
                taken.close()
        yield found


def _sockets() -> Iterator[socket.socket]:
    try:
        numbers = [int(entry.name) for entry in DESCRIPTORS.iterdir()]
    except OSError:
        return  # no descriptor is left to read the list with
    # Ours get numbers that are not in the list, or they would be met there.
    beyond = max(numbers) + 1
    for number in numbers:
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            ours = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, beyond)
        except OSError:
            continue  # closed meanwhile
        try:
            yield socket.socket(fileno=ours)
        except OSError:
            os.close(ours)  # its number was given to a file meanwhile


def _is_client(held: socket.socket, port: int) -> bool:
    if held.family not in _FAMILIES or held.type != socket.SOCK_STREAM:
        return False
    try:
        held.getpeername()
        return bool(held.getsockname()[1] == port)
    except OSError:
        return False


def _counts(held: socket.socket) -> Counts | None:
    try:
        told = held.getsockopt(socket.IPPROTO_TCP, TCP_INFO, _COUNTS.size)
    except OSError:
        return None
    if len(told) < _COUNTS.size:
        return None
    unacked, silent_ms, unsent, sent, again = _COUNTS.unpack(told)
    return Counts(sent - again + unsent, silent_ms, unacked > 0)
