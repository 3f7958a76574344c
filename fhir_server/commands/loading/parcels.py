"""What is sent as one request: a Bundle as it is, one resource, or several resources as a transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_server.commands.loading.inputs import Text, Unreadable, read_texts
from fhir_server.commands.loading.resource_text import MEDIA_TYPES, is_resource, read_tree
from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError
from fhir_server.search.owner_rules import EXCEPTIONS

MAX_LINES = 100
"""Lines of an NDJSON file, or members of a package, that travel together."""

MAX_ENTRIES = 1000
"""Entries of a Bundle that travel together: its `urn:uuid` references may point at each other."""

MAX_BYTES = 8 * 1024 * 1024
"""About the size of the largest transaction that we make ourselves."""

LATE = frozenset(name for name, rule in EXCEPTIONS.items() if rule.targets)
"""Types that belong to the record of what they refer to: sent last, when that is stored."""

SENT_AS_THEY_ARE = frozenset({"transaction", "batch"})
TAKEN_APART = frozenset({"collection", "searchset"})
STORED_AS_BUNDLE = frozenset({"document", "message"})


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of one entry of a parcel: its type, its method, and where it was found."""

    resource_type: str
    method: str
    place: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request.  `path` is below the base URL; `entries` are in the order of the Bundle.

    `parts` are the requests to fall back on, one resource each, if the whole is refused.
    """

    digest: str
    place: str
    method: str
    path: str
    body: bytes
    entries: tuple[Entry, ...]
    parts: tuple[Parcel, ...] = ()
    file_offset: int = 0
    media_type: str = MEDIA_TYPES["json"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A text that cannot be sent, and why."""

    place: str
    reason: str
    file_offset: int = 0


@dataclass(frozen=True, slots=True)
class Postponed:
    """The file holds resources of a late type; `parcels(file, late=True)` yields them."""

    file_offset: int = 0


@dataclass(frozen=True, slots=True)
class _Item:
    """A resource to be put or posted; `full_url` as its Bundle named it, `xml` where it was written so."""

    resource: dict[str, Any]
    place: str
    full_url: str | None = None
    xml: bytes | None = None


def parcels(file: Path, *, late: bool = False) -> Iterator[Parcel | Fault | Postponed]:
    """Yield what to send of a file, or with `late` only what was postponed.

    Lines of an NDJSON file and members of a package travel together, up to MAX_LINES.
    """
    waiting: list[_Item] = []
    size = 0
    offset = 0
    postponed = False
    try:
        for text in read_texts(file):
            offset = text.file_offset
            for thing in _of_text(text):
                if not isinstance(thing, _Item):
                    if not late:
                        yield thing
                elif (thing.resource["resourceType"] in LATE) is late:
                    waiting.append(thing)
                    size += len(text.data)
                else:
                    postponed = not late
            if len(waiting) >= MAX_LINES or size >= MAX_BYTES:
                yield from _grouped(waiting, offset)
                waiting, size = [], 0
    except Unreadable as reason:
        if not late:
            yield Fault(str(file), str(reason))
    yield from _grouped(waiting, offset)
    if postponed:
        yield Postponed(offset)


def _of_text(text: Text) -> Iterable[Parcel | Fault | _Item]:
    try:
        tree = read_tree(text)
    except FhirError as reason:
        return [Fault(text.place, str(reason), text.file_offset)]
    if not is_resource(tree):
        if text.perhaps:
            return []
        return [Fault(text.place, "This is not a FHIR resource: it has no resourceType.", text.file_offset)]
    if tree["resourceType"] != "Bundle" or tree.get("type") in STORED_AS_BUNDLE:
        return [_Item(tree, text.place, xml=text.data if text.form == "xml" else None)]
    if tree.get("type") in SENT_AS_THEY_ARE:
        return [_as_it_is(tree, text)]
    if tree.get("type") in TAKEN_APART:
        items, faults = _taken_apart(tree, text)
        return [*faults, *_grouped(items, text.file_offset)]
    return [Fault(text.place, f"A Bundle of type {tree.get('type')!r} cannot be loaded.", text.file_offset)]


def _as_it_is(bundle: dict[str, Any], text: Text) -> Parcel:
    entries = tuple(_entry_of(entry, text.place, index) for index, entry in enumerate(_entries(bundle)))
    return Parcel(
        _digest(text.data), text.place, "POST", "", text.data, entries, (), text.file_offset,
        MEDIA_TYPES[text.form],
    )  # fmt: skip


def _taken_apart(bundle: dict[str, Any], text: Text) -> tuple[list[_Item], list[Fault]]:
    items: list[_Item] = []
    faults: list[Fault] = []
    for index, entry in enumerate(_entries(bundle)):
        place = f"{text.place}#entry[{index}]"
        resource = entry.get("resource")
        if not is_resource(resource):
            faults.append(Fault(place, "The entry holds no resource.", text.file_offset))
        elif resource["resourceType"] != "OperationOutcome":
            full_url = entry.get("fullUrl")
            items.append(_Item(resource, place, full_url if isinstance(full_url, str) else None))
    return items, faults


def _grouped(items: Sequence[_Item], file_offset: int) -> Iterator[Parcel]:
    for start in range(0, len(items), MAX_ENTRIES):
        group = items[start : start + MAX_ENTRIES]
        alone = tuple(_alone(item, file_offset) for item in group)
        yield alone[0] if len(group) == 1 else _together(group, alone, file_offset)


def _alone(item: _Item, file_offset: int) -> Parcel:
    method, path = _request(item.resource)
    body = exact_json.encode(item.resource) if item.xml is None else item.xml
    entry = Entry(item.resource["resourceType"], method, item.place)
    media_type = MEDIA_TYPES["json" if item.xml is None else "xml"]
    return Parcel(_digest(body), item.place, method, path, body, (entry,), (), file_offset, media_type)


def _together(group: Sequence[_Item], alone: tuple[Parcel, ...], file_offset: int) -> Parcel:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [_transaction_entry(item, part) for item, part in zip(group, alone, strict=True)],
    }
    body = exact_json.encode(bundle)
    place = f"{group[0].place} to {group[-1].place}"
    entries = tuple(part.entries[0] for part in alone)
    return Parcel(_digest(body), place, "POST", "", body, entries, alone, file_offset)


def _transaction_entry(item: _Item, part: Parcel) -> dict[str, Any]:
    named = {"fullUrl": item.full_url} if item.full_url and item.full_url.startswith("urn:") else {}
    return {**named, "resource": item.resource, "request": {"method": part.method, "url": part.path}}


def _request(resource: dict[str, Any]) -> tuple[str, str]:
    """Return the method and the path that store a resource: under its own id if it has one."""
    resource_type, id = resource["resourceType"], resource.get("id")
    return ("PUT", f"{resource_type}/{id}") if isinstance(id, str) else ("POST", str(resource_type))


def _entries(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    entries = bundle.get("entry", [])
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _entry_of(entry: dict[str, Any], place: str, index: int) -> Entry:
    request = entry.get("request")
    method, url = (request.get("method"), request.get("url")) if isinstance(request, dict) else (None, None)
    resource_type = str(url or "?").replace("?", "/").split("/")[0] or "?"
    return Entry(resource_type, str(method or "?"), f"{place}#entry[{index}]")


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
