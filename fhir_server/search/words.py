"""The words of a resource, for `_text` and `_content`: two residual entries, without an index.

`_text= … ` holds the words of the narrative, `_content= … ` those of every other text that are not among
them, each word folded, once, in the order in which it was met, with a space on both sides.  Texts are the
elements of type string and markdown; codes, identifiers of resources, URIs, dates and attached data are none.
Spec: https://hl7.org/fhir/R4/search.html#text
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from html import unescape
from typing import Any, Final

from fhir_server.search.collector import Collector
from fhir_server.search.fold import fold_words
from profiles.registry import Registry

TEXT, CONTENT = "_text", "_content"
MOST_CHARACTERS: Final = 64 << 10
"""Characters of words that are kept of a narrative and of the other texts; what comes after is not found."""

_TEXT_TYPES: Final = frozenset({"string", "markdown"})
_NO_TEXTS: Final = frozenset({
    "code", "data", "id", "ifMatch", "ifNoneExist", "ifNoneMatch", "language", "reference", "status", "type",
    "url", "versionId",
})  # fmt: skip
"""Elements that are texts by their type alone, or in some types only."""
_TAG: Final = re.compile(r"<[^>]*>")
_SHORT: Final = 100


def head_of(name: str) -> str:
    """Return what the entry of `_text` or `_content` begins with."""
    return f"{name}="


class Words:
    """Writes the words of resources; immutable."""

    __slots__ = ("_keys",)

    def __init__(self, registry: Registry) -> None:
        self._keys = frozenset(_text_keys(registry)) - _NO_TEXTS

    def write(self, resource: dict[str, Any], out: Collector) -> None:
        """Add the entries of a resource."""
        told: dict[str, None] = {}
        narrative = resource.get("text")
        if isinstance(narrative, dict) and type(div := narrative.get("div")) is str:
            told.update(dict.fromkeys(_words(unescape(_TAG.sub(" ", div)))))
        other: dict[str, None] = {}
        self._gather(resource, other)
        for name, words in ((TEXT, told), (CONTENT, [word for word in other if word not in told])):
            if words:
                out.residual[_entry(name, words)] = None

    def _gather(self, item: dict[str, Any], found: dict[str, None]) -> None:
        keys = self._keys
        for key, value in item.items():
            kind = type(value)
            if kind is str:
                if key in keys and "://" not in value:
                    found.update(_of_short(value) if len(value) <= _SHORT else _split(value))
            elif kind is dict:
                self._gather(value, found)
            elif kind is list:
                for each in value:
                    if type(each) is dict:
                        self._gather(each, found)
                    elif type(each) is str and key in keys and "://" not in each:
                        found.update(_words(each))


def _words(text: str) -> dict[str, None]:
    return _of_short(text) if len(text) <= _SHORT else _split(text)


@lru_cache(maxsize=4096)
def _of_short(text: str) -> dict[str, None]:
    # Names of codes and units come again and again.
    return _split(text)


def _split(text: str) -> dict[str, None]:
    return dict.fromkeys(fold_words(text))


def _entry(name: str, words: Iterable[str]) -> str:
    joined = f"{head_of(name)} {' '.join(words)} "
    if len(joined) <= MOST_CHARACTERS:
        return joined
    return joined[: joined.rindex(" ", 0, MOST_CHARACTERS) + 1]


def _text_keys(registry: Registry) -> Iterable[str]:
    for structure in registry.structures.values():
        for element in structure.elements[1:]:
            name = element.path.rpartition(".")[2]
            for type_ref in element.types:
                if type_ref.code in _TEXT_TYPES:
                    kind = type_ref.code[0].upper() + type_ref.code[1:]
                    yield name.removesuffix("[x]") + kind if element.is_choice else name
