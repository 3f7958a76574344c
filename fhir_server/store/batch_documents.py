"""Batches of the access log as documents, read back without trust: somebody may have changed them.

```
{_id: int64, time: Date, since: Date, spans: [[worker, first, last]], gaps: […], size: int64,
 leaves: Binary, frontier: Binary, note: str}
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from bson.int64 import Int64

from fhir_server.access.batches import Batch, Head, Span
from fhir_server.access.merkle import Frontier

Kind = TypeVar("Kind")


class IllegalBatch(ValueError):
    """A document is not a batch as this server writes them."""


def batch_document(batch: Batch) -> dict[str, Any]:
    """Return the document of a batch."""
    return {
        "_id": Int64(batch.number),
        "time": batch.time,
        "since": batch.since,
        "spans": _rows(batch.spans),
        "gaps": _rows(batch.gaps),
        "size": Int64(batch.frontier.size),
        "leaves": batch.leaves,
        "frontier": batch.frontier.to_bytes(),
        "note": batch.note,
    }


def read_batch(document: Mapping[str, Any]) -> Batch:
    """Return the batch of a document.  Raises IllegalBatch."""
    try:
        size = _of(int, document["size"])
        batch = Batch(
            number=_of(int, document["_id"]),
            time=_of(datetime, document["time"]),
            since=_of(datetime, document["since"]),
            spans=read_spans(document["spans"]),
            gaps=read_spans(document["gaps"]),
            leaves=_of(bytes, document["leaves"]),
            frontier=Frontier.from_bytes(size, _of(bytes, document["frontier"])),
            note=_of(str, document["note"]),
        )
        entries = len(batch.hashes())
    except (KeyError, ValueError) as reason:
        raise IllegalBatch(str(reason)) from None
    if entries != sum(span.last - span.first + 1 for span in batch.spans) or not 0 < entries <= size:
        raise IllegalBatch("the leaves are not as many as the entries")
    return batch


def head_document(head: Head) -> dict[str, Any]:
    """Return the document of how far a worker's entries were taken."""
    return {"_id": head.worker, "last": Int64(head.last), "gaps": _rows(head.gaps)}


def read_head(document: Mapping[str, Any]) -> Head:
    """Return the inverse of `head_document`.  Raises IllegalBatch."""
    try:
        return Head(_of(str, document["_id"]), _of(int, document["last"]), read_spans(document["gaps"]))
    except KeyError as reason:
        raise IllegalBatch(str(reason)) from None


def read_spans(rows: Any) -> tuple[Span, ...]:
    """Return the spans of rows.  Raises IllegalBatch."""
    try:
        spans = tuple(Span(_of(str, name), _of(int, first), _of(int, last)) for name, first, last in rows)
    except (TypeError, ValueError):
        raise IllegalBatch("a span is a worker and two numbers") from None
    if not all(0 < span.first <= span.last for span in spans):
        raise IllegalBatch("a span begins before it ends")
    return spans


def _rows(spans: Sequence[Span]) -> list[list[Any]]:
    return [[span.worker, Int64(span.first), Int64(span.last)] for span in spans]


def _of(kind: type[Kind], value: Any) -> Kind:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise IllegalBatch(f"a {kind.__name__} is missing")
    return value
