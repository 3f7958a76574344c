"""Comments on a resource that say more than its elements do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element
from importers.cda.entries.notes import notes

_WORDS = frozenset({"display", "text", "valueString"})


def remarks(cv: Conversion, statement: Element, resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the annotations of a statement but those whose words the resource holds already."""
    said = {words.casefold() for words in _words(resource)}
    return [
        note
        for note in notes(cv, statement)
        if "authorReference" in note or note["text"].casefold() not in said
    ]


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _WORDS and isinstance(inner, str):
                yield inner
            else:
                yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
