"""Comments on a resource that say more than its elements do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element
from importers.cda.entries.notes import notes

_WORDS = frozenset({"display", "text", "valueString"})


def remarks(cv: Conversion, statement: Element, resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the annotations of a statement but those whose words the resource holds already."""
    found = notes(cv, statement)
    if all("authorReference" in note for note in found):
        return found
    said = _words(resource)
    return [note for note in found if "authorReference" in note or note["text"].casefold() not in said]


def _words(resource: Mapping[str, Any]) -> set[str]:
    """Return all words that stand anywhere in a resource, in lower case."""
    found = set()
    waiting: list[Any] = [resource]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for name, inner in value.items():
                if not isinstance(inner, str):
                    waiting.append(inner)
                elif name in _WORDS:
                    found.add(inner.casefold())
    return found
