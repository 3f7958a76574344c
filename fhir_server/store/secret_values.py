"""Secrets that all workers share, made once by whoever asks first."""

from __future__ import annotations

import os
from typing import Any, Final

from pymongo import ReturnDocument

from fhir_server.store.catalogue import META, Catalogue
from fhir_server.store.refusals import database_errors

SECRET_BYTES: Final = 64


def secret(catalogue: Catalogue, name: str) -> bytes:
    """Return the 64 random bytes of that name, the same to every process."""
    with database_errors():
        kept: Any = catalogue.service(META).find_one_and_update(
            {"_id": {"$eq": f"secret:{name}"}},
            {"$setOnInsert": {"value": os.urandom(SECRET_BYTES)}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
    value: bytes = kept["value"]
    return value
