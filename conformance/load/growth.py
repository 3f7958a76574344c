"""More persons of the same kind: Bundles cloned with new ids, new identifiers and shifted dates."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from conformance.load.bundle import Bundle, Resource, replace_texts

DAYS_APART = 11
"""How far the dates of one clone lie before those of the one before it."""
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?=T|\Z)")
_SPACE = uuid.UUID("6f1d4a52-6f0b-4f5e-9d0c-0d6f6f0e5a11")


def clones(bundles: Sequence[Bundle], first: int, count: int) -> Iterator[Bundle]:
    """Yield `count` clones of each Bundle, numbered from `first`; the same number makes the same clone."""
    for number in range(first, first + count):
        yield from (clone(bundle, number) for bundle in bundles)


def clone(bundle: Bundle, number: int) -> Bundle:
    """Return the same record of somebody else: `number` tells clones apart."""
    names = {entry["fullUrl"]: _name(number, entry["fullUrl"]) for entry in bundle.entries}
    shift = timedelta(days=DAYS_APART * number)
    return Bundle(tuple(_entry(replace_texts(entry, names), shift, number) for entry in bundle.entries))


def _name(number: int, full_url: str) -> str:
    return f"urn:uuid:{uuid.uuid5(_SPACE, f'{number}/{full_url}')}"


def _entry(entry: Resource, shift: timedelta, number: int) -> Resource:
    resource = _shifted(entry["resource"], shift)
    if resource["resourceType"] == "Patient":
        renamed = [
            {**one, "value": f"{one['value']}-{number}"}
            for one in resource.get("identifier", ())
            if "value" in one
        ]
        resource = {**resource, "identifier": renamed}
    return {**entry, "resource": resource}


def _shifted(tree: Any, shift: timedelta) -> Any:
    if isinstance(tree, str):
        found = _DATE.match(tree)
        if found is None:
            return tree
        day = date(int(found[1]), int(found[2]), int(found[3])) - shift
        return f"{day.isoformat()}{tree[found.end() :]}"
    if isinstance(tree, dict):
        return {key: _shifted(value, shift) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_shifted(value, shift) for value in tree]
    return tree
