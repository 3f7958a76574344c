"""After the keys of a person were destroyed: what they had sealed is deleted, index entries with it.

The database alone keeps what is in the clear beside a body (codes, dates, labels).  It goes with the
documents, and leaves backups when those expire.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fhir_server.store.blobs import MongoBlobs
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.refusals import database_errors
from fhir_server.store.sealing.keyring import Keyring
from fhir_server.store.sealing.vault import KeyRecord

STRAGGLERS: Final = timedelta(minutes=10)
"""A request that had a key in its hands when it was destroyed has written by then: longer than a transaction
may live and a client waits."""


@dataclass(frozen=True, slots=True)
class Erasing:
    """Deletes the documents and blobs of persons whose keys were destroyed."""

    catalogue: Catalogue
    blobs: MongoBlobs
    keyring: Keyring

    def erase(self, owner: str) -> int:
        """Delete everything of a person, history included; return how many documents there were.

        The keys have to be destroyed before: raises KeyError otherwise.  Cut off, it is simply run again, and
        `sweep` does so.
        """
        self.keyring.refuse_living(owner)
        mine = {"owner": {"$eq": owner}}
        deleted = 0
        with database_errors():
            for resource_type in self.catalogue.existing():
                for collection in (
                    self.catalogue.current(resource_type),
                    self.catalogue.history(resource_type),
                ):
                    deleted += collection.delete_many(mine, hint="owner_updated").deleted_count
            files = self.catalogue.service("blobs.files").find(mine, {"_id": 1})
            blob_ids = [file["_id"] for file in files]
        for blob_id in blob_ids:
            self.blobs.drop(blob_id)
        self.keyring.mark_erased(owner)
        return deleted

    def sweep(self, now: datetime) -> int:
        """Erase what a request in flight wrote after the first pass, and what a pass that was cut off left.

        Returns how many documents there were.  `now` is aware.
        """
        return sum(self.erase(record.owner) for record in self._unfinished(now))

    def _unfinished(self, now: datetime) -> Iterator[KeyRecord]:
        for record in list(self.keyring.vault.destroyed()):
            if record.destroyed is None or record.destroyed > now - STRAGGLERS:
                continue
            if record.erased is None or record.erased < record.destroyed + STRAGGLERS:
                yield record
