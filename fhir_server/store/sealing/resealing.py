"""Passes over what is stored: sealing what is from before, and sealing anew under a newer key of a person.

They change how bytes are kept and nothing that a client sees: no version, no update time, no search entry.
Superseded versions are among what they change, so they stand beside the UnitOfWork, like the sweep of
orphaned attachments.  Each document is changed only if its seal is still the one that was read, so others
may write meanwhile; current versions come before superseded ones, so that a version which moves is met once
more.  What is done is not done again: a pass that was cut off is simply run again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from pymongo import UpdateOne

from fhir_server.store.blobs import MongoBlobs, chunk_id, unpacked
from fhir_server.store.catalogue import Catalogue, Records
from fhir_server.store.refusals import database_errors
from fhir_server.store.sealing.opening import database_in_vault
from fhir_server.store.sealing.seals import Place, Seal, Sealing

BATCH: Final = 200
_FIELDS: Final = {"owner": 1, "version": 1, "body": 1, "seal": 1}
_UNSEALED: Final = {"seal": None, "owner": {"$ne": None}, "deleted": False}
_UNSEALED_BLOBS: Final = {"owner": {"$ne": None}, "seal": None, "chunks": {"$gt": 0}}

Told = Callable[[str, int], None]
"""Hears the name of a collection and how many of its documents were sealed just now."""


@dataclass(frozen=True, slots=True)
class Resealing:
    """The passes of one database.  They stop, at the next batch, when `stopped` is set."""

    catalogue: Catalogue
    blobs: MongoBlobs
    sealing: Sealing
    stopped: threading.Event
    told: Told

    def seal_all(self) -> bool:
        """Seal all that is not; return whether nothing is left, which the vault then knows.

        Raises FhirError, `refused` among others, where the keys of a person were destroyed.
        """
        for collection in self._collections():
            if not self._bodies(collection, _UNSEALED, hint="_id_"):
                return False
        if not self._blobs(_UNSEALED_BLOBS):
            return False
        if self.unsealed():
            return False
        self.sealing.keyring.vault.note("complete", database_in_vault(self.catalogue))
        return True

    def seal_anew(self, owner: str) -> bool:
        """Seal all of a person with the key in use, and forget the older ones; return whether it is done."""
        key, _ = self.sealing.keyring.current(owner)
        older = {"owner": {"$eq": owner}, "deleted": False, "seal.key": {"$ne": key}}
        for _ in range(2):  # what was being written when the key became the one in use
            for collection in self._collections():
                if not self._bodies(collection, older, hint="owner_updated"):
                    return False
            if not self._blobs({"owner": {"$eq": owner}, "seal": {"$ne": key}}):
                return False
        self.sealing.keyring.forget_older(owner)
        return True

    def unsealed(self) -> dict[str, int]:
        """Return how many bodies and blobs of persons are not sealed, by collection; none: left out."""
        found = {}
        with database_errors():
            for collection in self._collections():
                found[collection.name] = collection.count_documents(_UNSEALED)
            files = self.catalogue.service("blobs.files")
            found["blobs"] = files.count_documents(_UNSEALED_BLOBS)
        return {name: count for name, count in found.items() if count}

    def _collections(self) -> Iterator[Records]:
        for resource_type in self.catalogue.existing():
            yield self.catalogue.current(resource_type)
            yield self.catalogue.history(resource_type)

    def _bodies(self, collection: Records, wanted: Mapping[str, Any], *, hint: str) -> bool:
        with database_errors():
            rows = iter(collection.find(wanted, _FIELDS, hint=hint, batch_size=BATCH))
            while batch := list(islice(rows, BATCH)):
                if self.stopped.is_set():
                    return False
                collection.bulk_write([self._update(collection, row) for row in batch], ordered=False)
                self.told(collection.name, len(batch))
        return True

    def _update(self, collection: Records, row: Mapping[str, Any]) -> UpdateOne:
        place = Place(
            row["owner"],
            collection.name.removesuffix("_history"),
            row["_id"].partition("#")[0],
            row["version"],
        )
        body, seal = self.sealing.seal(place, self._text(place, row["body"], row["seal"]))
        same = {"_id": {"$eq": row["_id"]}, "version": {"$eq": row["version"]}, "seal": {"$eq": row["seal"]}}
        if row["seal"] is None:
            same["body"] = {"$eq": row["body"]}
        return UpdateOne(same, {"$set": {"body": body, "seal": seal}, "$unset": {"resource": ""}})

    def _text(self, place: Place, body: Any, seal: Seal | None) -> bytes:
        return body.encode("utf-8") if seal is None else self.sealing.open(place, body, seal)

    def _blobs(self, wanted: Mapping[str, Any]) -> bool:
        files = self.catalogue.service("blobs.files")
        with database_errors():
            for file in files.find(wanted, {"owner": 1, "chunks": 1}):
                if self.stopped.is_set():
                    return False
                self._chunks(file)
                key, _ = self.sealing.keyring.current(file["owner"])
                files.update_one({"_id": {"$eq": file["_id"]}}, {"$set": {"seal": key}})
                self.told("blobs", 1)
        return True

    def _chunks(self, file: Mapping[str, Any]) -> None:
        owner, blob_id, count = file["owner"], file["_id"], file["chunks"]
        chunks = self.catalogue.service("blobs.chunks")
        for number in range(count):
            found = chunks.find_one({"_id": {"$eq": chunk_id(blob_id, number)}})
            if found is None:
                return  # dropped meanwhile
            content = (
                unpacked(found, found["data"])
                if "seal" not in found
                else self.blobs.opened(found, owner, blob_id, number, count)
            )
            fresh = self.blobs.chunk(content, owner, blob_id, number, count)
            chunks.replace_one({"_id": {"$eq": fresh["_id"]}}, fresh)
