"""Inserting a few documents within a transaction at the least cost.

The driver's bulk machinery serves any number of documents; for a handful it costs more than the insert.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

FEW: Final = 8
LARGEST: Final = 1 << 20
"""Encoded bytes of one document; eight of these fit in one command, whatever they hold."""


def insert_all(
    collection: Collection[Any], documents: Sequence[Mapping[str, Any]], session: ClientSession
) -> None:
    """Insert every document, in order, in one round trip where they are few and small.

    Raises BulkWriteError as `insert_many` does, and the driver's other errors.
    """
    if len(documents) > FEW or any(_is_large(document) for document in documents):
        collection.insert_many(documents, session=session)
        return
    command = {"insert": collection.name, "documents": list(documents), "ordered": True}
    reply = collection.database.command(command, session=session)
    if reply.get("writeErrors"):
        raise BulkWriteError(
            {"nInserted": reply.get("n", 0), "writeErrors": reply["writeErrors"], "writeConcernErrors": []}
        )


def _is_large(document: Mapping[str, Any]) -> bool:
    return isinstance(document, RawBSONDocument) and len(document.raw) > LARGEST
