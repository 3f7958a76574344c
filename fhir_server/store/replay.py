"""What was answered under an idempotency key, kept for a day, in the transaction of the first request."""

from __future__ import annotations

from datetime import datetime

import zstandard
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from fhir_server.model.unit_of_work import IdempotencyKey, ReplayFound
from fhir_server.store.catalogue import REPLAY, Catalogue
from fhir_server.store.refusals import database_errors
from fhir_server.store.transactions import TryAgain


class MongoReplay:
    """Implements `interactions.ports.Replay`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._replies = catalogue.service(REPLAY)

    def find(self, key: str) -> IdempotencyKey | None:
        """Return the earlier request of that key, or None.  One round trip."""
        with database_errors():
            found = self._replies.find_one({"_id": {"$eq": key}})
        if found is None:
            return None
        reply = zstandard.ZstdDecompressor().decompress(found["reply"])
        return IdempotencyKey(key, bytes(found["digest"]), reply)

    def keep(self, used: IdempotencyKey, now: datetime, session: ClientSession) -> None:
        """Keep a request and its answer within its transaction.  Raises ReplayFound if the key was used."""
        document = {
            "_id": used.key,
            "at": now,
            "digest": used.digest,
            "reply": zstandard.ZstdCompressor(level=3).compress(used.reply),
        }
        try:
            self._replies.insert_one(document, session=session)
        except DuplicateKeyError:
            # The failed insert has ended the transaction, so the look-up stands outside it.
            earlier = self.find(used.key)
            if earlier is None:
                # A unique index sees what was just committed before a majority has it.
                raise TryAgain from None
            raise ReplayFound(earlier.digest, earlier.reply) from None
