"""One request of a workload and what its answer must be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from conformance.load.target import Target

ITEM_HEADER = "Load-Item"
"""Tells the floor which stored documents the body of a write stands for; other servers ignore it."""


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


@dataclass(frozen=True, slots=True)
class Sent:
    """An exchange as bytes ready for the socket."""

    data: bytes
    status: int
    resources: int


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
        lines += ["Content-Type: application/fhir+json", f"Content-Length: {len(exchange.body)}"]
    if exchange.item is not None:
        lines.append(f"{ITEM_HEADER}: {exchange.item}")
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return Sent(head + exchange.body, exchange.status, exchange.resources)


def tape(exchanges: Iterable[Exchange], target: Target) -> tuple[Sent, ...]:
    """Return the requests of a workload for one target, in order."""
    return tuple(render(exchange, target) for exchange in exchanges)
