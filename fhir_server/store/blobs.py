"""Blobs: large contents in `blobs.files` and `blobs.chunks`, each owned by one person.

A blob is durable before the transaction that refers to it begins, and is claimed within that transaction.
What nobody claimed within a day was left by a commit that failed; `sweep_orphans` removes it.
A chunk whose content shrinks is stored packed (`packed`): the journal, the log of the replica set and the
collection each hold it once more, and each would compress it anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import zstandard
from pymongo.client_session import ClientSession

from fhir_server.model.clock import Clock
from fhir_server.model.ids import Ids
from fhir_server.model.outcome import refuse
from fhir_server.store.begun import run
from fhir_server.store.connection import DurableDatabase
from fhir_server.store.inserts import insert_once
from fhir_server.store.refusals import database_errors
from fhir_server.store.sealing.keyring import KeyDestroyed
from fhir_server.store.sealing.seals import Piece, Sealing, key_destroyed, not_openable

CHUNK_BYTES: Final = 1 << 20
ORPHAN_AGE: Final = timedelta(hours=24)
_CHUNKS_PER_INSERT: Final = 16
PACK_LEVEL: Final = 1
MOST_OF_IT: Final = 0.9
"""A content that packs to more than this share of its bytes is stored as it is."""
_NO_SEAL: Final[Mapping[str, Any]] = MappingProxyType({"key": None})

PUT: Final = "put"
CLAIMED: Final = "claimed"
DROPPED: Final = "dropped"
"""The file is still there so that its chunks can be found, by the next sweep if need be."""


class MongoBlobs:
    """Implements `interactions.ports.Blobs`."""

    def __init__(
        self, database: DurableDatabase, clock: Clock, ids: Ids, sealing: Sealing | None = None
    ) -> None:
        self._files = database["blobs.files"]
        self._chunks = database["blobs.chunks"]
        self._clock = clock
        self._ids = ids
        self._sealing = sealing

    def put(self, content: bytes, owner: str | None) -> str:
        """Store `content` durably and return its id.

        Raises FhirError `refused` where the keys of the person were destroyed.
        """
        now = self._clock.now()
        id = self._ids.new(now)
        pieces = [content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES)]
        chunks = [self.chunk(data, owner, id, number, len(pieces)) for number, data in enumerate(pieces)]
        file = {
            "_id": id, "owner": owner, "created": now, "length": len(content), "chunks": len(chunks),
            "state": PUT, "seal": None if not chunks else chunks[0].get("seal", _NO_SEAL)["key"],
        }  # fmt: skip
        with database_errors():
            # The file first: chunks without a file would never be swept.
            insert_once(self._files, [file])
            for at in range(0, len(chunks), _CHUNKS_PER_INSERT):
                insert_once(self._chunks, chunks[at : at + _CHUNKS_PER_INSERT])
        return id

    def open(self, blob_id: str) -> Iterator[bytes]:
        """Yield the content in chunks of at most 1 MiB.  Raises KeyError if there is none."""
        with database_errors():
            file = self._files.find_one({"_id": {"$eq": blob_id}}, {"chunks": 1, "owner": 1})
        if file is None:
            raise KeyError(blob_id)
        return self._pieces(blob_id, file["owner"], file["chunks"])

    def read_all(self, owners: Mapping[str, str | None]) -> dict[str, bytes]:
        """Return whole contents by id, in one round trip; what does not exist is missing.

        `owners` says of each blob which person it belongs to.  Raises KeyError where the keys of one were
        destroyed.
        """
        wanted = [{"_id": {"$gte": chunk_id(id, 0), "$lt": chunk_id(id, None)}} for id in owners]
        found: dict[str, list[dict[str, Any]]] = {}
        with database_errors():
            for chunk in self._chunks.find({"$or": wanted}).sort("_id", 1):
                found.setdefault(chunk["_id"].partition("#")[0], []).append(chunk)
        return {
            id: b"".join(
                self.opened(chunk, owners[id], id, number, len(chunks)) for number, chunk in enumerate(chunks)
            )
            for id, chunks in found.items()
        }

    def chunk(self, data: bytes, owner: str | None, blob_id: str, number: int, count: int) -> dict[str, Any]:
        """Return the document of one of `count` chunks, packed where that is shorter, and sealed where the
        blob is a person's.
        """
        packed = zstandard.ZstdCompressor(level=PACK_LEVEL).compress(data)
        is_packed = len(packed) <= MOST_OF_IT * len(data)
        document: dict[str, Any] = {
            "_id": chunk_id(blob_id, number), "data": packed if is_packed else data,
            **({"packed": True} if is_packed else {}),
        }  # fmt: skip
        if self._sealing is None or owner is None:
            return document
        piece = Piece(owner, blob_id, number, count, is_packed)
        try:
            sealed, seal = self._sealing.seal_piece(piece, document["data"])
        except KeyDestroyed:
            raise key_destroyed() from None
        return document | {"data": sealed, "seal": seal}

    def opened(
        self, chunk: Mapping[str, Any], owner: str | None, blob_id: str, number: int, count: int
    ) -> bytes:
        """Return the content of a chunk.  Raises KeyError where the keys of the person were destroyed."""
        data, is_packed = bytes(chunk["data"]), "packed" in chunk
        if self._sealing is not None and owner is not None:
            piece = Piece(owner, blob_id, number, count, is_packed)
            data = self._sealing.open_piece(piece, data, chunk.get("seal"))
        elif "seal" in chunk:
            raise not_openable("An attachment")
        return unpacked(chunk, data)

    def claim(self, blob_ids: Sequence[str], session: ClientSession) -> None:
        """Say, within the transaction of a document, that it refers to these blobs."""
        claimed = {
            "q": {"_id": {"$in": list(blob_ids)}, "state": {"$ne": DROPPED}},
            "u": {"$set": {"state": CLAIMED}},
            "multi": True,
        }
        reply = run(self._files, {"update": self._files.name, "updates": [claimed]}, session)
        if reply["n"] != len(blob_ids):
            raise refuse("conflict", "An attachment waited too long for its resource; send both again.")

    def release(self, blob_ids: Sequence[str], session: ClientSession) -> None:
        """Say, within the transaction of a document, that nothing refers to these blobs any more."""
        self._files.update_many({"_id": {"$in": list(blob_ids)}}, {"$set": {"state": PUT}}, session=session)

    def drop(self, blob_id: str) -> None:
        """Delete the content; deleting twice is no error."""
        with database_errors():
            self._drop({"_id": {"$eq": blob_id}})

    def sweep_orphans(self, now: datetime) -> int:
        """Delete what was put over a day before `now` and never claimed; return how many there were."""
        waited = {"state": PUT, "created": {"$lt": now - ORPHAN_AGE}}
        with database_errors():
            found = [
                file["_id"] for file in self._files.find({"$or": [waited, {"state": DROPPED}]}, {"_id": 1})
            ]
            return sum(self._drop({"_id": id, "state": {"$ne": CLAIMED}}) for id in found)

    def _drop(self, wanted: dict[str, Any]) -> int:
        file = self._files.find_one_and_update(wanted, {"$set": {"state": DROPPED}}, {"_id": 1})
        if file is None:
            return 0
        id = file["_id"]
        self._chunks.delete_many({"_id": {"$gte": chunk_id(id, 0), "$lt": chunk_id(id, None)}})
        return self._files.delete_one({"_id": id}).deleted_count

    def _pieces(self, blob_id: str, owner: str | None, chunks: int) -> Iterator[bytes]:
        for number in range(chunks):
            with database_errors():
                chunk = self._chunks.find_one({"_id": chunk_id(blob_id, number)})
            if chunk is None:
                raise KeyError(blob_id)
            yield self.opened(chunk, owner, blob_id, number, chunks)


def unpacked(chunk: Mapping[str, Any], data: bytes) -> bytes:
    """Return the content of a chunk whose unsealed bytes are `data`."""
    return zstandard.ZstdDecompressor().decompress(data) if "packed" in chunk else data


def chunk_id(blob_id: str, number: int | None) -> str:
    """Return the `_id` of a chunk; None: a text behind those of all chunks."""
    return f"{blob_id}#{number:06d}" if number is not None else f"{blob_id}#~"
