"""The stored document: model values to BSON and back, one to one.

```
{_id, version, updated, seq, deleted, owner, visibility,
 access: {labels, author, source, from, state},
 search: {token, residual, string, date, number, quantity, composite, sort: {date}},
 body, seal, schema [, resource]}
```
`_id` is the FHIR id and comes first; a superseded version has `<id>#<version, ten digits>` instead.  Empty
search arrays are left out (the sparse indexes then hold nothing for them).  `search.sort.date` is there in
every version that is not a deletion, so its presence says that a document is alive.  `body` is a BSON string.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument

from fhir_server.model.document import Amount, Document, Range, SearchEntries, Stored
from fhir_server.model.outcome import refuse
from fhir_server.store.native import native
from fhir_server.store.refusals import TOO_LARGE
from fhir_server.store.values import (
    amount_key,
    decimal128,
    millis_down,
    millis_up,
    read_sort_date,
    stored_sort_date,
    utc,
)

SCHEMA: Final = 1
MAX_DOCUMENT_BYTES: Final = 15 << 20
"""MongoDB ends at 16 MiB; the rest is for what the server adds around a document in its log."""

RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)

PROJECTION: Final = {
    "body": 1, "version": 1, "updated": 1, "seq": 1, "deleted": 1, "owner": 1, "search.sort.date": 1,
}  # fmt: skip

_ID_AT: Final = 4
"""Where the first element of a BSON document begins, after its length."""
_TEXT_AT: Final = 13
"""Where the characters of the id begin: length, type byte, `_id`, NUL, length of the string."""


def encode(
    document: Document, body: str, *, unique: Sequence[str] = (), mirror: dict[str, Any] | None = None
) -> RawBSONDocument:
    """Return the BSON of a version whose large contents were already set apart from `body`.

    `unique` holds tokens that no other document may have; `mirror` is the tree to be kept as native BSON
    too.  Raises FhirError `too-large`.
    """
    facts, access = document.facts, document.facts.access
    fields: dict[str, Any] = {
        "_id": facts.id,
        "version": document.version,
        "updated": document.updated,
        "seq": Int64(document.seq),
        "deleted": document.deleted,
        "owner": facts.owner,
        "visibility": facts.visibility,
        "access": {
            "labels": access.labels,
            "author": access.authors,
            "source": access.source,
            "from": access.from_,
            "state": access.state,
        },
        "search": _search_of(document, unique),
        "body": body,
        "seal": None,
        "schema": SCHEMA,
    }
    if mirror is not None:
        fields["resource"] = native(mirror)
    data = bson.encode(fields)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise refuse("too-large", TOO_LARGE, facts.resource_type)
    return RawBSONDocument(data)


def reindexed(
    document: Document, *, unique: Sequence[str] = (), mirror: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the update that replaces what is derived from the resource, and nothing else."""
    fields = {
        "visibility": document.facts.visibility,
        "search": _search_of(document, unique),
        "schema": SCHEMA,
    }
    if mirror is None:
        return {"$set": fields, "$unset": {"resource": ""}}
    return {"$set": {**fields, "resource": native(mirror)}}


def superseded(current: RawBSONDocument, version: int) -> RawBSONDocument:
    """Return the same bytes with the `_id` of a superseded version."""
    raw = bytes(current.raw)
    if raw[_ID_AT : _ID_AT + 5] != b"\x02_id\x00":
        raise ValueError("a stored document begins with a string _id")
    size = int.from_bytes(raw[9:13], "little")
    id = str(raw[_TEXT_AT : _TEXT_AT + size - 1], "ascii")
    name = superseded_id(id, version).encode("ascii")
    rest = raw[_TEXT_AT + size :]
    element = b"\x02_id\x00" + (len(name) + 1).to_bytes(4, "little") + name + b"\x00"
    return RawBSONDocument((4 + len(element) + len(rest)).to_bytes(4, "little") + element + rest)


def superseded_id(id: str, version: int) -> str:
    """Return the `_id` of a superseded version; `#` cannot be part of a FHIR id."""
    return f"{id}#{version:010d}"


def decode(resource_type: str, fields: dict[str, Any], body: bytes) -> Stored:
    """Return the version that was read with `PROJECTION`, instants naive; `body` is whole again."""
    return Stored(
        resource_type=resource_type,
        id=fields["_id"].partition("#")[0],
        version=fields["version"],
        updated=utc(fields["updated"]),
        seq=int(fields["seq"]),
        deleted=fields["deleted"],
        owner=fields["owner"],
        body=body,
        sort_date=read_sort_date(fields.get("search", {}).get("sort", {}).get("date")),
    )


def _search_of(document: Document, unique: Sequence[str]) -> dict[str, Any]:
    return {} if document.deleted else _search(document.search, unique)


def _search(entries: SearchEntries, unique: Sequence[str]) -> dict[str, Any]:
    arrays: dict[str, Any] = {
        "unique": unique,
        "token": entries.token,
        "residual": entries.residual,
        "string": entries.string,
        "date": [_range(entry) for entry in entries.date],
        "number": [_amount(entry) for entry in entries.number],
        "quantity": [_amount(entry) for entry in entries.quantity],
        "composite": [_amount(entry) for entry in entries.composite],
    }
    filled = {name: array for name, array in arrays.items() if array}
    filled["sort"] = {"date": stored_sort_date(entries.sort_date)}
    return filled


def _range(entry: Range) -> dict[str, Any]:
    return {"k": entry.key, "lo": millis_down(entry.low), "hi": millis_up(entry.high)}


def _amount(entry: Amount) -> dict[str, Any]:
    low, high = decimal128(entry.low), decimal128(entry.high)
    point = entry.low == entry.high or low.to_decimal() == high.to_decimal()
    return {"k": amount_key(entry.key, point=point), "lo": low, "hi": high}
