"""HTTP/1.1 answers taken off a socket piece by piece, with as little work as it can be done.

Spec: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from dataclasses import dataclass

BODYLESS = frozenset({204, 304})
HEAD_MAX_BYTES = 65_536


class BrokenAnswer(Exception):
    """The bytes are not an HTTP/1.1 answer, or end too early."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer; `keep`: the connection may be used again."""

    status: int
    body: bytes
    keep: bool


class AnswerReader:
    """Collects the bytes of one answer at a time; one request is under way at most."""

    __slots__ = ("_body_at", "_chunked", "_data", "_end", "_keep", "_status")

    def __init__(self) -> None:
        self._data = bytearray()
        self._reset()

    def _reset(self) -> None:
        self._data.clear()
        self._status = 0
        self._body_at = 0
        self._end: int | None = None
        self._chunked = False
        self._keep = True

    def feed(self, data: bytes) -> Answer | None:
        """Return the answer once it is complete.  Raises BrokenAnswer."""
        self._data += data
        if not self._body_at and not self._read_head():
            return None
        if self._chunked:
            body = _chunks(self._data, self._body_at)
            return None if body is None else self._finish(body)
        if self._end is None or len(self._data) < self._end:
            return None
        if len(self._data) > self._end:
            raise BrokenAnswer("more bytes than the Content-Length says")
        return self._finish(bytes(self._data[self._body_at :]))

    def end(self) -> Answer:
        """Return the answer that ends with the connection.  Raises BrokenAnswer where that is no end."""
        if not self._body_at or self._chunked or self._end is not None:
            raise BrokenAnswer("the connection was closed in the middle of an answer")
        self._keep = False
        return self._finish(bytes(self._data[self._body_at :]))

    def _finish(self, body: bytes) -> Answer:
        answer = Answer(self._status, body, self._keep)
        self._reset()
        return answer

    def _read_head(self) -> bool:
        at = self._data.find(b"\r\n\r\n")
        if at < 0:
            if len(self._data) > HEAD_MAX_BYTES:
                raise BrokenAnswer("a head without an end")
            return False
        head = bytes(self._data[: at + 2]).lower()
        if not head.startswith(b"http/1.") or not head[9:12].isdigit():
            raise BrokenAnswer("not an HTTP/1.1 status line")
        self._status = int(head[9:12])
        self._body_at = at + 4
        self._chunked = _header(head, b"transfer-encoding") == b"chunked"
        connection = _header(head, b"connection")
        self._keep = connection == b"keep-alive" or (head[7:8] == b"1" and connection != b"close")
        length = _header(head, b"content-length")
        if self._status in BODYLESS:
            length = b"0"
        if length is not None and not self._chunked:
            if not length.isdigit():
                raise BrokenAnswer("a Content-Length that is no number")
            self._end = self._body_at + int(length)
        return True


def _header(head: bytes, name: bytes) -> bytes | None:
    at = head.find(b"\r\n" + name + b":")
    if at < 0:
        return None
    start = at + len(name) + 3
    return head[start : head.index(b"\r\n", start)].strip()


def _chunks(data: bytearray, at: int) -> bytes | None:
    parts: list[bytes] = []
    while (line := data.find(b"\r\n", at)) >= 0:
        size_text = bytes(data[at:line]).split(b";")[0].strip()
        try:
            size = int(size_text, 16)
        except ValueError as error:
            raise BrokenAnswer("a chunk without a size") from error
        if size == 0:
            return b"".join(parts) if data.find(b"\r\n\r\n", at) >= 0 else None
        start = line + 2
        if len(data) < start + size + 2:
            return None
        parts.append(bytes(data[start : start + size]))
        at = start + size + 2
    return None
