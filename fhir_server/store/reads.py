"""Looking up one document, or one page of them, at the least cost.

A `find` command of one batch needs no cursor, which saves a fifth of the driver's work; the driver repeats
cursors after a lost connection by itself, commands it does not, so that is done here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.int64 import Int64
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError

from fhir_server.store.catalogue import Records
from fhir_server.store.connection import DurableDatabase
from fhir_server.store.filters import Filter
from fhir_server.store.within import is_within

QUERY_MS: Final = 20_000
"""How long the database may work on one query."""

Sort = Sequence[tuple[str, int]]

MAJORITY: Final = {"level": "majority"}

NAIVE: Final[CodecOptions[dict[str, Any]]] = CodecOptions()
"""Reads instants without a zone, twice as fast; `documents.decode` says that they are UTC."""


def find_one(
    collection: Records,
    wanted: Filter,
    projection: Mapping[str, int],
    codec: CodecOptions[dict[str, Any]] = NAIVE,
    hint: str | None = None,
) -> dict[str, Any] | None:
    """Return the first document that passes, its instants naive UTC by default, or None.  One round trip.

    An empty `projection` is the whole document.  An id that is not written as `$eq` costs the database less.
    """
    command: dict[str, Any] = {
        "find": collection.name,
        "filter": wanted,
        "limit": 1,
        "singleBatch": True,
        "maxTimeMS": QUERY_MS,
    }
    if projection:
        command["projection"] = projection
    if hint is not None:
        command["hint"] = hint
    batch = _run(collection, command, codec)["cursor"]["firstBatch"]
    return batch[0] if batch else None


def aggregate_few(
    collection: Records,
    pipeline: Sequence[dict[str, Any]],
    codec: CodecOptions[dict[str, Any]] = NAIVE,
    hint: str | None = None,
) -> list[dict[str, Any]]:
    """Return what a pipeline gives that ends within one batch.  One round trip."""
    command: dict[str, Any] = {
        "aggregate": collection.name,
        "pipeline": list(pipeline),
        "cursor": {},
        "maxTimeMS": QUERY_MS,
    }
    if hint is not None:
        command["hint"] = hint
    batch: list[dict[str, Any]] = _run(collection, command, codec)["cursor"]["firstBatch"]
    return batch


def count(collection: Records, wanted: Filter, hint: str | None = None, most: int | None = None) -> int:
    """Return how many documents pass, `most` at most.  One round trip."""
    if not is_within():
        command: dict[str, Any] = {"count": collection.name, "query": wanted, "maxTimeMS": QUERY_MS}
        if hint is not None:
            command["hint"] = hint
        if most is not None:
            command["limit"] = most
        return int(_run(collection, command)["n"])
    # A transaction takes no such command.
    pipeline: list[dict[str, Any]] = [{"$match": wanted}]
    if most is not None:
        pipeline.append({"$limit": most})
    pipeline.append({"$group": {"_id": 1, "n": {"$sum": 1}}})
    found = aggregate_few(collection, pipeline, hint=hint)
    return int(found[0]["n"]) if found else 0


def find_page(
    collection: Records, wanted: Filter, projection: dict[str, int], sort: Sort, hint: str | None, limit: int
) -> list[dict[str, Any]]:
    """Return the first `limit` documents that pass (0: all), in order, their instants naive UTC.

    One round trip; more only where one batch cannot carry them all (16 MB).
    """
    command: dict[str, Any] = {
        "find": collection.name,
        "filter": wanted,
        "projection": projection,
        "sort": dict(sort),
        "maxTimeMS": QUERY_MS,
    }
    if hint is not None:
        command["hint"] = hint
    if limit:
        command["limit"] = command["batchSize"] = limit
    cursor = _run(collection, command)["cursor"]
    if not cursor["id"]:
        batch: list[dict[str, Any]] = cursor["firstBatch"]
        return batch
    # Only the session that opened a cursor may go on with it, and it was one of the driver's own.
    collection.database.command({"killCursors": collection.name, "cursors": [Int64(cursor["id"])]})
    naive = collection.with_options(codec_options=NAIVE)
    found = naive.find(wanted, projection, sort=list(sort), limit=limit, hint=hint, max_time_ms=QUERY_MS)
    return list(found)


def _run(
    collection: Records, command: dict[str, Any], codec: CodecOptions[dict[str, Any]] = NAIVE
) -> dict[str, Any]:
    database = collection.database
    if not is_within():  # a transaction has its own
        command["readConcern"] = MAJORITY
        lines = database.lines if isinstance(database, DurableDatabase) else None
        reply = lines.ask(command, codec) if lines is not None else None
        if reply is not None:
            return reply
    try:
        return database.command(command, codec_options=codec)
    except ServerSelectionTimeoutError:
        raise  # it has waited for a server long enough
    except AutoReconnect:
        return database.command(command, codec_options=codec)
