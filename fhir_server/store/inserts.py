"""Inserting a few documents at the least cost, within a transaction and outside of one.

The driver's bulk machinery serves any number of documents; for a handful it costs more than the insert.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, OperationFailure

from fhir_server.store.begun import lines_of, run, shorter_way
from fhir_server.store.connection import DURABLE
from fhir_server.store.refusals import DUPLICATE_KEY

FEW: Final = 8
LARGEST: Final = 1 << 20
"""Encoded bytes of one document; eight of these fit in one command, whatever they hold."""
MOST: Final = FEW * LARGEST
"""Encoded bytes of many documents in one command of ours."""
MOST_DOCUMENTS: Final = 1_000

_CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions()


def insert_all(
    collection: Collection[Any], documents: Sequence[Mapping[str, Any]], session: ClientSession
) -> None:
    """Insert every document, in order, in one round trip where they are few and small.

    Raises BulkWriteError as `insert_many` does, TryAgain where the shorter way broke, and the driver's other
    errors.
    """
    few = len(documents) <= FEW and not any(map(_is_large, documents))
    if not few and (shorter_way(collection, session) is None or not _fit(documents)):
        collection.insert_many(documents, session=session)
        return
    command = {"insert": collection.name, "documents": list(documents), "ordered": True}
    reply = run(collection, command, session)
    if reply.get("writeErrors"):
        raise BulkWriteError(
            {"nInserted": reply.get("n", 0), "writeErrors": reply["writeErrors"], "writeConcernErrors": []}
        )


def insert_once(collection: Collection[Any], documents: Sequence[Mapping[str, Any]]) -> None:
    """Insert documents whose ids are given only once, in order, durably, outside of any transaction.

    Where the shorter way broke, nobody knows how far it came: the driver inserts what is not there yet.
    Raises the driver's errors.
    """
    lines = lines_of(collection)
    if lines is None:
        if len(documents) == 1:  # the driver's way of many costs more than the insert
            collection.insert_one(documents[0])
        else:
            collection.insert_many(documents, ordered=True)
        return
    command = {"insert": collection.name, "documents": documents, "writeConcern": DURABLE.document}
    reply = lines.ask(command, _CODEC)
    if reply is None:
        _insert_missing(collection, documents)
        return
    for failed in (*reply.get("writeErrors", ()), reply.get("writeConcernError")):
        if failed is not None:
            raise OperationFailure(failed.get("errmsg", ""), failed.get("code"), reply)


def _insert_missing(collection: Collection[Any], documents: Sequence[Mapping[str, Any]]) -> None:
    """Insert documents of which some may be there: what has the id of one is the same."""
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        failures = [*error.details["writeErrors"], *error.details["writeConcernErrors"]]
        if any(failed.get("code") != DUPLICATE_KEY for failed in failures):
            raise


def _is_large(document: Mapping[str, Any]) -> bool:
    return isinstance(document, RawBSONDocument) and len(document.raw) > LARGEST


def _fit(documents: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether documents whose bytes are known fit in one command."""
    if len(documents) > MOST_DOCUMENTS:
        return False
    sizes = [len(one.raw) for one in documents if isinstance(one, RawBSONDocument)]
    return len(sizes) == len(documents) and sum(sizes) <= MOST
