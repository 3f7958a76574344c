"""References.  Spec: https://hl7.org/fhir/R4/search.html#reference"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_LITERAL = re.compile(
    r"(?P<base>https?://.+/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/.+)?\Z"
)


TYPES = frozenset({"Reference", "canonical", "uri", "url", "oid", "uuid"})
"""What can be a reference."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a reference names: `base` None on this server; `text` alone where it is no RESTful reference."""

    text: str
    base: str | None = None
    type: str | None = None
    id: str | None = None


def read(text: str, base_url: str) -> Link | None:
    """Return what a literal reference or canonical names; None of what only its own resource knows."""
    if text.startswith("#") or "?" in text:
        return None
    form = _LITERAL.match(text.partition("#")[0])
    if form is None:
        return Link(text)
    base = (form["base"] or "").rstrip("/") or None
    return Link(text, None if base == base_url else base, form["type"], form["id"])


def links(value: Any, kind: str, base_url: str) -> Iterator[Link]:
    """Yield what a stored value names."""
    if kind == "Reference":
        found = read(value["reference"], base_url) if "reference" in value else None
        if found is not None:
            yield found
    elif isinstance(value, str):
        yield Link(value)
        if "|" in value:
            yield Link(value.partition("|")[0])
    elif isinstance(value, dict) and "resourceType" in value and "id" in value:
        yield Link("", None, value["resourceType"], value["id"])


def matches(asked: str, target: str | None, found: Link, base_url: str) -> bool:
    """Return whether a reference value of a query names a link; `target`: only to that type."""
    if target is not None and found.type != target:
        return False
    if re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", asked):
        return (found.base is None and found.id == asked) or found.text == asked
    wanted = read(asked, base_url)
    if wanted is None:
        return False
    if wanted.type is None or found.type is None:
        return wanted.text == found.text
    return (wanted.base, wanted.type, wanted.id) == (found.base, found.type, found.id)
