"""Requests as bytes on a socket, and what may be answered to one that is wrong."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_S = 60.0
REQUEST_ID = "x-request-id"
"""On every answer of the application; the HTTP server itself sets none."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")


@dataclass(frozen=True)
class Answer:
    """What came back; `status` 0: the connection was closed without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def request(
    method: str, target: str, *headers: str | bytes, body: bytes = b"", version: str = "HTTP/1.1"
) -> bytes:
    """Return the bytes of a request, none of it checked; text is sent as Latin-1 where it can be."""
    head = [f"{method} {target} {version}", "Host: localhost", "Connection: close", *headers]
    lines = [line if isinstance(line, bytes) else line.encode("latin-1") for line in head]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def with_length(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def send(base_url: str, data: bytes, *, cut: bool = False) -> Answer:
    """Return the final answer to raw bytes.  `cut`: say that nothing will follow, in the middle of a body."""
    address = urlsplit(base_url)
    received = b""
    with socket.create_connection((address.hostname, address.port), timeout=TIMEOUT_S) as connection:
        try:
            connection.sendall(data)
            if cut:
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                received += chunk
        except TimeoutError:
            raise
        except OSError:
            # A server may close the connection before it has read what it refuses.
            pass
    return answer_of(received)


def answer_of(received: bytes) -> Answer:
    """Return the answer in the bytes of a connection; what goes before `100 Continue` is passed over."""
    while True:
        head, _, body = received.partition(b"\r\n\r\n")
        status = _STATUS.match(head)
        if status is None or status[1] != b"100":
            break
        received = body
    pairs = (line.partition(":")[::2] for line in head.decode("latin-1").split("\r\n")[1:])
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    return Answer(int(status[1]) if status else 0, headers, body)


def fault_of(answer: Answer, method: str = "GET") -> str | None:
    """Return what is wrong with an answer to a request that may be wrong itself, or None.

    A refusal of the application says why in an OperationOutcome; what is no HTTP is refused by the HTTP
    server without a body, or the connection is closed.
    """
    if answer.status >= 500:
        return f"{answer.status}: {answer.body[:300]!r}"
    if b"<html" in answer.body[:500].lower():
        return f"{answer.status} with a page of HTML"
    if answer.status < 400 or method == "HEAD":
        return None
    if REQUEST_ID not in answer.headers:
        return f"{answer.status} of the HTTP server with a body" if answer.body else None
    if b"OperationOutcome" not in answer.body:
        return f"{answer.status} without OperationOutcome: {answer.body[:100]!r}"
    return None


def faults(base_url: str, requests: Sequence[bytes]) -> list[str]:
    """Send requests, and return those whose answers are wrong, each with what is wrong."""
    found = []
    for data in requests:
        fault = fault_of(send(base_url, data), data.partition(b" ")[0].decode("latin-1"))
        if fault is not None:
            found.append(f"{data[:200]!r}: {fault}")
    return found
