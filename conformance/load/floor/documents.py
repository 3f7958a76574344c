"""Stored documents as the floor writes them: a server's own ones, cloned under new ids."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from random import getrandbits
from typing import Any

Document = dict[str, Any]
Sample = tuple[str, Document]
"""The collection and the document."""


def new_id() -> str:
    """Return a UUIDv7: ids that grow with time, as the indexes of the server see them too.

    Spec: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
    """
    text = f"{time.time_ns() // 1_000_000:012x}7{getrandbits(76):019x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-8{text[17:20]}-{text[20:]}"


def clones(samples: Iterable[Sample]) -> dict[str, list[Document]]:
    """Return new documents by collection: same content and search part, new ids, owners, `updated`, `seq`.

    An owner that is among the samples moves along with its record; another one stays.
    """
    found = list(samples)
    ids = {document["_id"]: new_id() for _, document in found}
    now = datetime.now(UTC)
    seq = time.time_ns() // 1_000 << 10
    grouped: dict[str, list[Document]] = {}
    for number, (collection, document) in enumerate(found):
        grouped.setdefault(collection, []).append(_clone(document, ids, now, seq + number))
    return grouped


def _clone(document: Mapping[str, Any], ids: Mapping[str, str], now: datetime, seq: int) -> Document:
    owner = document.get("owner")
    return {
        **document,
        "_id": ids[document["_id"]],
        "owner": ids.get(owner, owner) if owner is not None else None,
        "updated": now,
        "seq": seq,
    }
