"""Which version of search entries the documents of a database have, and whether that is the one of today.

What was written by an older version is found as that version found it, until `fhir-server reindex` has
written its entries anew.
"""

from __future__ import annotations

from typing import Any, Final

from fhir_server.search.spelling import VERSION
from fhir_server.store.catalogue import META, Catalogue
from fhir_server.store.refusals import database_errors

_MARK: Final = "entries"
_FIRST: Final = 1
"""The version of databases that do not say."""


class EntryVersion:
    """The number that is noted in the database; a current one is not asked for again."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._meta = catalogue.service(META)
        self._current = False

    def open(self) -> None:
        """Note the version of today in a database that is new, before anything else is said of it."""
        if self._meta.find_one({"_id": {"$eq": "schema"}}) is None:
            self._meta.update_one({"_id": {"$eq": _MARK}}, {"$setOnInsert": {"number": VERSION}}, upsert=True)

    def behind(self) -> bool:
        """Return whether some entries may be of another version.  Raises FhirError of a failing database."""
        if not self._current:
            with database_errors():
                kept: dict[str, Any] | None = self._meta.find_one({"_id": {"$eq": _MARK}})
            self._current = (kept["number"] if kept is not None else _FIRST) == VERSION
        return not self._current

    def reached(self) -> None:
        """Note that all entries are of the version of today."""
        with database_errors():
            self._meta.update_one({"_id": {"$eq": _MARK}}, {"$set": {"number": VERSION}}, upsert=True)
