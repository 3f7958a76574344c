"""Idempotency keys: a repeated write is answered as the first time, and written once.

What is kept of an answer is a receipt: which versions it wrote.  Bodies are read again inside the View when
the answer is given again, so a receipt holds no content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from fhir_server.interactions.context import Context
from fhir_server.interactions.replies import Written
from fhir_server.interactions.request import Idempotency, Request
from fhir_server.model.outcome import refuse
from fhir_server.model.unit_of_work import IdempotencyKey

Receipt = Sequence[Written | None]
"""What was written, in the order of the request; None for an entry that wrote nothing."""

_Row = tuple[int, str, str, int | None, datetime | None, str | None]
_DECODER = msgspec.msgpack.Decoder(list[_Row | None])

REPLAYED = "Idempotency-Replayed"


def earlier(context: Context, request: Request) -> Receipt | None:
    """Return what the first request of the same key wrote, None without a key or at its first use.

    Raises FhirError `idempotency-key-reused` when the key was used for another request.
    """
    if request.idempotency is None:
        return None
    found = context.replay.find(request.idempotency.key)
    if found is None:
        return None
    return again(request.idempotency, found.digest, found.reply)


def again(promise: Idempotency, digest: bytes, reply: bytes) -> Receipt:
    """Return the receipt of the first request.  Raises FhirError `idempotency-key-reused`."""
    if digest != promise.digest:
        raise refuse("idempotency-key-reused", "The idempotency key was used for another request.")
    return [None if row is None else Written(*row) for row in _DECODER.decode(reply)]


def key_of(request: Request, receipt: Receipt) -> IdempotencyKey | None:
    """Return what the commit keeps under the key of the request, None without one."""
    if request.idempotency is None:
        return None
    rows = [None if written is None else _row(written) for written in receipt]
    return IdempotencyKey(request.idempotency.key, request.idempotency.digest, msgspec.msgpack.encode(rows))


def with_body(context: Context, request: Request, written: Written) -> Written:
    """Return what was written with its text, if it can still be seen."""
    if written.version is None or written.status == 204 or request.prefer.answer == "minimal":
        return written
    stored = context.records.vread(written.resource_type, written.id, written.version, request.view)
    return written if stored is None else replace(written, body=stored.body)


def _row(written: Written) -> _Row:
    return (
        written.status, written.resource_type, written.id, written.version, written.updated, written.owner
    )  # fmt: skip
