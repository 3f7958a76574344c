"""Looking up one document at the least cost.

A `find` command of one batch needs no cursor, which saves a fifth of the driver's work; the driver repeats
cursors after a lost connection by itself, commands it does not, so that is done here.
"""

from __future__ import annotations

from typing import Any, Final

from bson.codec_options import CodecOptions
from pymongo.errors import AutoReconnect

from fhir_server.store.catalogue import Records
from fhir_server.store.filters import Filter

QUERY_MS: Final = 20_000
"""How long the database may work on one query."""

NAIVE: Final[CodecOptions[dict[str, Any]]] = CodecOptions()
"""Reads instants without a zone, twice as fast; `documents.decode` says that they are UTC."""


def find_one(collection: Records, wanted: Filter, projection: dict[str, int]) -> dict[str, Any] | None:
    """Return the first document that passes, its instants naive UTC, or None.  One round trip."""
    command = {
        "find": collection.name,
        "filter": wanted,
        "projection": projection,
        "limit": 1,
        "singleBatch": True,
        "maxTimeMS": QUERY_MS,
        "readConcern": {"level": "majority"},
    }
    database = collection.database
    try:
        reply: dict[str, Any] = database.command(command, codec_options=NAIVE)
    except AutoReconnect:
        reply = database.command(command, codec_options=NAIVE)
    batch = reply["cursor"]["firstBatch"]
    return batch[0] if batch else None
