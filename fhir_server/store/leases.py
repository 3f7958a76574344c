"""Leases: of all processes of a server, one at a time does a thing, and another takes over when it dies."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from fhir_server.store.catalogue import LOCKS, Catalogue
from fhir_server.store.refusals import database_errors


class MongoLeases:
    """Leases of one database.  All times are the callers': their clocks must agree to within a lease."""

    __slots__ = ("_catalogue",)

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def hold(self, name: str, holder: str, now: datetime, span: timedelta) -> bool:
        """Take or renew the lease until `now + span`; False if another holder has it still.

        Raises FhirError `database-unavailable` or `timeout`.
        """
        free = [{"holder": {"$eq": holder}}, {"until": {"$lte": now}}]
        with database_errors():
            try:
                self._catalogue.service(LOCKS).update_one(
                    {"_id": {"$eq": _id(name)}, "$or": free},
                    {"$set": {"holder": holder, "until": now + span}},
                    upsert=True,
                )
            except DuplicateKeyError:
                return False
        return True

    def release(self, name: str, holder: str) -> None:
        """Give the lease back, if `holder` has it.  Raises FhirError `database-unavailable` or `timeout`."""
        with database_errors():
            self._catalogue.service(LOCKS).delete_one({"_id": {"$eq": _id(name)}, "holder": {"$eq": holder}})


def _id(name: str) -> str:
    return f"lease/{name}"
