"""Tokens that are not good any more: revoked ones, and those that were good for a single use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from pymongo.errors import DuplicateKeyError

from fhir_server.store.catalogue import TOKENS, Catalogue
from fhir_server.store.refusals import database_errors

REFRESH_S: Final = 0.8
"""How old what a process knows of revocations may be; with the time to read it, under a second."""

_REVOKED: Final = "revoked"
_SPENT: Final = "spent"


class MongoTokens:
    """Implements `access.ports.Tokens`.

    All revocations still remembered are known in each process and read anew when they are older than
    `REFRESH_S`, so that a request costs no look-up of its own.  `now` counts seconds.
    """

    def __init__(self, catalogue: Catalogue, now: Callable[[], float] = time.monotonic) -> None:
        self._tokens = catalogue.service(TOKENS)
        self._now = now
        self._lock = threading.Lock()
        self._revoked: frozenset[str] = frozenset()
        self._read_at: float | None = None

    def is_revoked(self, token_id: str) -> bool:
        """Return whether the token was revoked: at most a second ago elsewhere, or at all in this process."""
        if not self._is_fresh():
            with self._lock:
                if not self._is_fresh():
                    self._refresh()
        return token_id in self._revoked

    def revoke(self, token_id: str, until: datetime) -> None:
        """Refuse the token from now on; the entry is forgotten some time after `until`."""
        with database_errors():
            self._tokens.update_one(
                {"_id": {"$eq": f"{_REVOKED}/{token_id}"}},
                {"$set": {"kind": _REVOKED}, "$max": {"until": until}},
                upsert=True,
            )
        with self._lock:
            self._revoked = self._revoked | {token_id}

    def spend(self, token_id: str, until: datetime) -> bool:
        """Return whether the token is used for the first time."""
        with database_errors():
            try:
                self._tokens.insert_one({"_id": f"{_SPENT}/{token_id}", "kind": _SPENT, "until": until})
            except DuplicateKeyError:
                return False
        return True

    def _is_fresh(self) -> bool:
        return self._read_at is not None and self._now() - self._read_at < REFRESH_S

    def _refresh(self) -> None:
        asked_at = self._now()
        with database_errors():
            found = self._tokens.find({"kind": {"$eq": _REVOKED}}, {"_id": True})
            self._revoked = frozenset(str(one["_id"]).partition("/")[2] for one in found)
        self._read_at = asked_at
