"""What the facts of a database were made with: kept beside them, so that no other server misreads them."""

from __future__ import annotations

from typing import Any, Final

from fhir_server.store.catalogue import CHOICES, META, Catalogue
from fhir_server.store.refusals import database_errors

OPEN: Final = "open"
"""The mark of a database that was written without access control."""

_MARK: Final = "access"


def access_mark(catalogue: Catalogue) -> str | None:
    """Return the mark of the last server that was allowed to write, None where there was none."""
    with database_errors():
        kept: dict[str, Any] | None = catalogue.service(META).find_one({"_id": {"$eq": _MARK}})
    return None if kept is None else str(kept["digest"])


def set_access_mark(catalogue: Catalogue, digest: str) -> None:
    """Note what the facts of everything that is stored are made with from now on."""
    with database_errors():
        catalogue.service(META).update_one({"_id": {"$eq": _MARK}}, {"$set": {"digest": digest}}, upsert=True)


def holds_records(catalogue: Catalogue) -> bool:
    """Return whether anything of any resource type is stored."""
    with database_errors():
        return any(
            catalogue.current(name).find_one({}, {"_id": 1}) is not None for name in catalogue.existing()
        )


def holds_choices(catalogue: Catalogue) -> bool:
    """Return whether any person chose anything."""
    with database_errors():
        return catalogue.service(CHOICES).find_one({}, {"_id": 1}) is not None
