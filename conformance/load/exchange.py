"""One request of a workload and what its answer must be."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from conformance.load.target import Target

ITEM_HEADER = "Load-Item"
"""Tells the floor which stored documents the body of a write stands for; other servers ignore it."""

MARK = b"load-mark-000000-000000-"
"""What is replaced in a body by as many characters that were never sent before."""
_RANDOM_BYTES = len(MARK) // 2


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request below a base path; an answer with another status than `status` is an error."""

    method: str
    path: str
    """Starts with `/`, or is empty for the base itself; already percent-encoded."""
    body: bytes = b""
    status: int = 200
    resources: int = 1
    """How many resources are written, or found, by it."""
    item: int | None = None
    """The place of the body in the list of samples, see `ITEM_HEADER`."""
    media_type: str = "application/fhir+json"
    """Of the body."""
    fresh: bool = False
    """Whether the marks in the body are replaced each time it is sent, see `MARK`."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An exchange as bytes ready for the socket."""

    data: bytes
    status: int
    resources: int
    fresh: bool = False

    def outgoing(self) -> bytes:
        """Return what to send now."""
        return freshened(self.data) if self.fresh else self.data


def render(exchange: Exchange, target: Target) -> Sent:
    """Return the HTTP/1.1 request of an exchange with a target."""
    lines = [
        f"{exchange.method} {target.path + exchange.path or '/'} HTTP/1.1",
        f"Host: {target.host}:{target.port}",
        "Accept: application/fhir+json",
    ]
    if target.token:
        lines.append(f"Authorization: Bearer {target.token}")
    if exchange.body:
        lines += [f"Content-Type: {exchange.media_type}", f"Content-Length: {len(exchange.body)}"]
    if exchange.item is not None:
        lines.append(f"{ITEM_HEADER}: {exchange.item}")
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return Sent(head + exchange.body, exchange.status, exchange.resources, exchange.fresh)


def freshened(data: bytes) -> bytes:
    """Return the bytes with the same new characters in the place of each mark."""
    return data.replace(MARK, os.urandom(_RANDOM_BYTES).hex().encode("ascii"))


def tape(exchanges: Iterable[Exchange], target: Target) -> tuple[Sent, ...]:
    """Return the requests of a workload for one target, in order."""
    return tuple(render(exchange, target) for exchange in exchanges)
