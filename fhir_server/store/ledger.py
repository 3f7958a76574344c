"""The store's side of the proof over the access log: entries in order, batches, and how far each worker got.

`audit_batches` holds the batches, `audit_workers` one document for each worker that ever wrote an entry:
the last number that was taken and the gaps below it.  Both are written in one transaction, so that a
sequencer can be killed anywhere; a batch has its number as its id: of two sequencers only one adds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import bson
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from pymongo import ASCENDING, DESCENDING, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from fhir_server.access.batches import WINDOW, Batch, Head, NotInBatch, Place, Proof, Span
from fhir_server.access.merkle import Edge, Frontier, inclusion_proof, leaf_hash
from fhir_server.store.batch_documents import batch_document, head_document, read_batch, read_head
from fhir_server.store.canonical_entry import EXACT, canonical_bytes
from fhir_server.store.catalogue import AUDIT, AUDIT_BATCHES, AUDIT_WORKERS, Catalogue, Records, raw
from fhir_server.store.connection import CODEC
from fhir_server.store.reads import QUERY_MS
from fhir_server.store.refusals import database_errors
from fhir_server.store.transactions import Transactions

IN_ORDER: Final = "worker_n"
"""The index of the entries by worker and number."""
BY_TIME: Final = "time"
"""The index of the batches by their time."""
SPANS_PER_QUERY: Final = 500


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry as it stands in the database, whatever that is."""

    id: str
    """As text, also where the id is none."""
    worker: str | None
    """None where the document does not say it as the server does."""
    number: int | None
    at: datetime | None
    canonical: bytes

    @property
    def leaf(self) -> bytes:
        """The hash by which the tree holds it."""
        return leaf_hash(self.canonical)

    @property
    def place(self) -> Place | None:
        """Its place among the entries of its worker."""
        if self.worker is None or self.number is None:
            return None
        return Place(self.worker, self.number, self.at, self.leaf)


@dataclass(frozen=True, slots=True)
class MongoLedger:
    """Everything is read as a majority has it; all methods raise FhirError when the database is away."""

    catalogue: Catalogue
    transactions: Transactions

    def tips(self) -> dict[str, int]:
        """Return the highest number of each worker; the cost grows with the workers, not the entries."""
        pipeline: list[dict[str, Any]] = [
            {"$sort": {"worker": DESCENDING, "n": DESCENDING}},
            {"$group": {"_id": "$worker", "last": {"$first": "$n"}}},
        ]
        with database_errors():
            found = {
                one["_id"]: one["last"]
                for one in self._entries.aggregate(pipeline, hint=IN_ORDER)
                if isinstance(one["_id"], str)
            }
            # A number of another type, which the server does not write, must not hide those below it.
            return {
                worker: last if isinstance(last, Int64) else self._tip(worker)
                for worker, last in found.items()
            }

    def heads(self) -> dict[str, Head]:
        """Return how far the entries of each worker were taken.  Raises IllegalBatch."""
        with database_errors():
            found = list(self.catalogue.service(AUDIT_WORKERS).find())
        return {head.worker: head for head in map(read_head, found)}

    def following(self, head: Head, limit: int) -> list[Place]:
        """Return up to `limit` places of a worker after its head, in the order of their numbers."""
        wanted = {"worker": {"$eq": head.worker}, "n": {"$gt": Int64(head.last)}}
        return [logged.place for logged in self._find(wanted, limit) if logged.place is not None]

    def within(self, spans: Sequence[Span], limit: int = 0) -> Iterator[Logged]:
        """Yield the entries with these numbers, in the order of workers and numbers within each span."""
        for start in range(0, len(spans), SPANS_PER_QUERY):
            parts = [
                {"worker": {"$eq": span.worker}, "n": {"$gte": Int64(span.first), "$lte": Int64(span.last)}}
                for span in spans[start : start + SPANS_PER_QUERY]
            ]
            yield from self._find(parts[0] if len(parts) == 1 else {"$or": parts}, limit)

    def outside(self, worker: str, spans: Sequence[Span]) -> Iterator[Logged]:
        """Yield the entries of a worker whose numbers are in none of the spans."""
        taken = [{"n": {"$gte": Int64(span.first), "$lte": Int64(span.last)}} for span in spans]
        wanted: dict[str, Any] = {"worker": {"$eq": worker}}
        yield from self._find(wanted | {"$nor": taken} if taken else wanted)

    def strays(self) -> Iterator[Logged]:
        """Yield the entries that name no worker or no number as the server writes them."""
        odd = [
            {"worker": {"$not": {"$type": "string"}}},
            {"n": {"$not": {"$type": "long"}}},
            {"n": {"$lte": 0}},
        ]
        yield from self._find({"$or": [*odd, {"worker": {"$type": "array"}}, {"n": {"$type": "array"}}]})

    def entry(self, id: str) -> Logged | None:
        """Return the entry of an id."""
        with database_errors():
            found = raw(self._entries).find_one({"_id": {"$eq": id}})
        return None if found is None else _logged(found.raw)

    def last(self) -> Batch | None:
        """Return the newest batch.  Raises IllegalBatch."""
        with database_errors():
            found = self._batches.find_one({}, sort=[("_id", DESCENDING)])
        return None if found is None else read_batch(found)

    def batch(self, number: int) -> Batch | None:
        """Return one batch.  Raises IllegalBatch."""
        with database_errors():
            found = self._batches.find_one({"_id": {"$eq": Int64(number)}})
        return None if found is None else read_batch(found)

    def holding(self, place: Place) -> Batch | None:
        """Return the batch that took the entry of a place.  Raises IllegalBatch."""
        number = Int64(place.number)
        inside = {"0": {"$eq": place.worker}, "1": {"$lte": number}, "2": {"$gte": number}}
        wanted: dict[str, Any] = {"spans": {"$elemMatch": inside}}
        if place.at is not None:
            wanted["time"] = {"$gte": place.at - WINDOW}
        with database_errors():
            found = self._batches.find_one(
                wanted, sort=[("time", ASCENDING)], hint=BY_TIME, max_time_ms=QUERY_MS
            )  # fmt: skip
        return None if found is None else read_batch(found)

    def proof(self, id: str) -> Proof | None:
        """Return the proof that an entry is in the log, None if there is no such entry.

        Raises NotInBatch.
        """
        logged = self.entry(id)
        if logged is None:
            return None
        try:
            return self._proof(logged)
        except (ValueError, KeyError, IndexError):  # a batch that is not as the server writes them
            raise NotInBatch(waits=False) from None

    def _proof(self, logged: Logged) -> Proof:
        batch = None if logged.place is None else self.holding(logged.place)
        if batch is None or logged.place is None:
            raise NotInBatch(waits=True)
        offset = batch.offset(logged.place.worker, logged.place.number)
        hashes = batch.hashes()
        if offset is None or hashes[offset] != logged.leaf:
            raise NotInBatch(waits=False)
        before = self.batch(batch.number - 1)
        if before is None and batch.number > 1:
            raise NotInBatch(waits=False)
        frontier = Frontier() if before is None else before.frontier
        index = frontier.size + offset
        path = inclusion_proof(index, batch.frontier.size, Edge(frontier, hashes).subtree)
        return Proof(logged.canonical, index, path, batch.note)

    def documents(self, first: int = 1, projection: Sequence[str] = ()) -> Iterator[Mapping[str, Any]]:
        """Yield the documents of batches from a number on, in their order, unread."""
        wanted = {"_id": {"$gte": Int64(first)}}
        fields = list(projection) or None
        with database_errors():
            yield from self._batches.find(wanted, fields, sort=[("_id", ASCENDING)])

    def add(self, batch: Batch, heads: Iterable[Head]) -> bool:
        """Add a batch and move the heads of its workers; False if another batch has its number."""
        changes = [ReplaceOne({"_id": head.worker}, head_document(head), upsert=True) for head in heads]

        def write(session: ClientSession) -> None:
            self._batches.insert_one(batch_document(batch), session=session)
            self.catalogue.service(AUDIT_WORKERS).bulk_write(changes, session=session)

        with database_errors():
            try:
                self.transactions.run(write)
            except DuplicateKeyError:
                return False
        return True

    def _tip(self, worker: str) -> int:
        wanted = {"worker": {"$eq": worker}, "n": {"$type": "long"}}
        found = self._entries.find_one(wanted, sort=[("n", DESCENDING)])
        return 0 if found is None else int(found["n"])

    @property
    def _entries(self) -> Records:
        return self.catalogue.service(AUDIT)

    @property
    def _batches(self) -> Records:
        return self.catalogue.service(AUDIT_BATCHES)

    def _find(self, wanted: Mapping[str, Any], limit: int = 0) -> Iterator[Logged]:
        order = [("worker", ASCENDING), ("n", ASCENDING)]
        with database_errors():
            for found in raw(self._entries).find(wanted, sort=order, hint=IN_ORDER, limit=limit):
                yield _logged(found.raw)


def _logged(document: bytes) -> Logged:
    read = bson.decode(document, EXACT)
    worker, number = read.get("worker"), read.get("n")
    return Logged(
        id=str(read["_id"]),
        worker=worker if isinstance(worker, str) else None,
        number=int(number) if type(number) is Int64 and number > 0 else None,
        at=_instant(read.get("at")),
        canonical=canonical_bytes(document),
    )


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, DatetimeMS):
        return None
    try:
        return value.as_datetime(CODEC)
    except (ValueError, OverflowError):
        return None
