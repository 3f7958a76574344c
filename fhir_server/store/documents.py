"""The stored document: model values to BSON and back, one to one.

```
{_id, version, updated, seq, deleted, owner, visibility,
 access: {labels, author, source, from, state},
 search: {token, residual, string, date, number, quantity, composite, sort: {date}},
 body, seal, schema [, resource]}
```
`_id` is the FHIR id and comes first; a superseded version has `<id>#<version, ten digits>` instead.  Empty
search arrays and an empty `access.source` are left out (the sparse indexes then hold nothing for them).
`search.sort.date` is there in every version that is not a deletion, so its presence says that a document is
alive.  `body` is a BSON string, and Binary where it is sealed: `seal` is then not null but
`{key, nonce, dictionary}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument

from fhir_server.model.document import Access, Amount, Document, Facts, Range, SearchEntries, Stored
from fhir_server.model.outcome import refuse
from fhir_server.store.native import native
from fhir_server.store.refusals import TOO_LARGE
from fhir_server.store.values import (
    EARLIEST_NAIVE,
    amount_key,
    decimal128,
    is_one_decimal,
    millis_down,
    millis_up,
    stored_sort_date,
    utc,
)

SCHEMA: Final = 1
MAX_DOCUMENT_BYTES: Final = 15 << 20
"""MongoDB ends at 16 MiB; the rest is for what the server adds around a document in its log."""

RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)

PROJECTION: Final = {
    "body": 1, "version": 1, "updated": 1, "seq": 1, "deleted": 1, "owner": 1, "search.sort.date": 1,
    "seal": 1,
}  # fmt: skip
FACTS: Final = {"visibility": 1, "access": 1}
"""What is read beside a projection where the reader asks for facts."""

LAST_VERSION: Final = 9_999_999_999
"""No version is later: its digits are as many as a superseded version has."""

_ID_AT: Final = 4
"""Where the first element of a BSON document begins, after its length."""
_TEXT_AT: Final = 13
"""Where the characters of the id begin: length, type byte, `_id`, NUL, length of the string."""


def encode(
    document: Document,
    body: str | bytes,
    *,
    unique: Sequence[str] = (),
    mirror: dict[str, Any] | None = None,
    seal: Mapping[str, Any] | None = None,
) -> RawBSONDocument:
    """Return the BSON of a version whose large contents were already set apart from `body`.

    `unique` holds tokens that no other document may have; `mirror` is the tree to be kept as native BSON
    too; `seal` says with what a `body` of bytes was sealed.  Raises FhirError `too-large`.
    """
    facts = document.facts
    fields: dict[str, Any] = {
        "_id": facts.id,
        "version": document.version,
        "updated": document.updated,
        "seq": Int64(document.seq),
        "deleted": document.deleted,
        "owner": facts.owner,
        "visibility": facts.visibility,
        "access": _access(facts.access),
        "search": _search_of(document, unique),
        "body": body,
        "seal": seal,
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
    """Return the update that replaces what is derived from the resource alone: access facts are not."""
    fields = {
        "search": _search_of(document, unique),
        "schema": SCHEMA,
    }
    if mirror is None:
        return {"$set": fields, "$unset": {"resource": ""}}
    return {"$set": {**fields, "resource": native(mirror)}}


def with_access_of(version: RawBSONDocument, held: Mapping[str, Any]) -> RawBSONDocument:
    """Return a version with the facts of another one of the same resource."""
    fields = bson.decode(version.raw)
    fields.update({name: held[name] for name in FACTS})
    return RawBSONDocument(bson.encode(fields))


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


def facts_of(resource_type: str, fields: Mapping[str, Any]) -> Facts:
    """Return what predicates see of a version that was read with `FACTS`, instants naive."""
    access = fields["access"]
    opens = access.get("from")
    return Facts(
        resource_type=resource_type,
        id=fields["_id"].partition("#")[0],
        owner=fields["owner"],
        visibility=fields["visibility"],
        access=Access(
            labels=tuple(access["labels"]),
            authors=tuple(access["author"]),
            source=tuple(access.get("source", ())),
            from_=None if opens is None else utc(opens),
            state=access["state"],
        ),
    )


def decode(resource_type: str, fields: dict[str, Any], body: bytes) -> Stored:
    """Return the version that was read with `PROJECTION`, instants naive; `body` is whole again.

    Where it was read with `FACTS` too, it has them.
    """
    id, search = fields["_id"], fields.get("search")
    # By place, and without calls: a page decodes hundreds of these.
    return Stored(
        resource_type,
        id.partition("#")[0] if "#" in id else id,
        fields["version"],
        fields["updated"].replace(tzinfo=UTC),
        int(fields["seq"]),
        fields["deleted"],
        fields["owner"],
        body,
        None if not search or (at := search["sort"]["date"]) == EARLIEST_NAIVE else at.replace(tzinfo=UTC),
        facts_of(resource_type, fields) if "access" in fields else None,
    )


def opening(from_: datetime | None) -> datetime | None:
    """Return `access.from` as it is stored: never before the instant that is meant."""
    return None if from_ is None else millis_up(from_)


def _access(access: Access) -> dict[str, Any]:
    fields: dict[str, Any] = {"labels": access.labels, "author": access.authors}
    if access.source:
        fields["source"] = access.source
    return {**fields, "from": opening(access.from_), "state": access.state}


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
    low = decimal128(entry.low)
    if entry.low == entry.high:
        return {"k": entry.key, "lo": low, "hi": low}
    point = is_one_decimal(entry.low, entry.high)
    return {"k": amount_key(entry.key, point=point), "lo": low, "hi": decimal128(entry.high)}
