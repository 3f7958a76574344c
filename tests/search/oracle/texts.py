"""Strings as they are compared.  Spec: https://hl7.org/fhir/R4/search.html#string"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

_TWO_IN_ONE = {"æ": "ae", "œ": "oe", "ß": "ss", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"}
_NAME = ("text", "family", "given", "prefix", "suffix")
_ADDRESS = ("text", "line", "city", "district", "state", "postalCode", "country")
_APOSTROPHES = "'’‘ʼʻ´`′＇"
_WRITTEN_OUT = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"}
_PARTICLES = frozenset(
    [
        "a",
        "af",
        "al",
        "av",
        "d",
        "da",
        "das",
        "de",
        "degli",
        "dei",
        "del",
        "della",
        "den",
        "der",
        "des",
        "di",
        "do",
        "dos",
        "du",
        "e",
        "el",
        "het",
        "i",
        "in",
        "l",
        "la",
        "las",
        "le",
        "les",
        "lo",
        "los",
        "op",
        "t",
        "te",
        "ten",
        "ter",
        "van",
        "vom",
        "von",
        "y",
        "zu",
        "zum",
        "zur",
    ]
)
"""What a name can begin with and is often left out."""


def bare(text: str) -> str:
    """Return the letters and digits of a text, small and without marks, words one blank apart."""
    letters: list[str] = []
    for character in unicodedata.normalize("NFD", unicodedata.normalize("NFKD", text).casefold()):
        if unicodedata.category(character).startswith("M"):
            continue
        letters.append(_TWO_IN_ONE.get(character, character if character.isalnum() else " "))
    return " ".join("".join(letters).split())


def _written_out(text: str) -> str:
    composed = unicodedata.normalize("NFC", text).lower()
    return bare("".join(_WRITTEN_OUT.get(character, character) for character in composed))


def _without_apostrophes(text: str) -> str:
    inner = range(1, len(text) - 1)
    dropped = {
        place
        for place in inner
        if text[place] in _APOSTROPHES and _in_word(text[place - 1]) and _in_word(text[place + 1])
    }
    return bare("".join(character for place, character in enumerate(text) if place not in dropped))


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def names(text: str) -> set[str]:
    """Return every way in which the name of a person or place can be looked for."""
    found = {bare(text), _without_apostrophes(text), _written_out(text)}
    for spelled in list(found):
        words = spelled.split(" ")
        while len(words) > 1 and words[0] in _PARTICLES:
            words = words[1:]
            found.add(" ".join(words))
    return found


def strings(value: Any, kind: str) -> Iterator[str]:
    """Yield the texts that a string parameter looks at."""
    if isinstance(value, str):
        yield value
        return
    for part in {"HumanName": _NAME, "Address": _ADDRESS}.get(kind, ()):
        found = value.get(part, ())
        yield from [found] if isinstance(found, str) else [each for each in found if each is not None]


def matches(modifier: str | None, asked: str, stored: str, *, named: bool) -> bool:
    """Return whether one text matches another: at its beginning, anywhere or to the letter.

    `named`: what is stored is the name of a person or a place, or a part of one.
    """
    if modifier == "exact":
        return stored == asked
    spelled = names(stored) if named else {bare(stored)}
    if modifier == "contains":
        return any(bare(asked) in text for text in spelled)
    return any(text.startswith((bare(asked), _written_out(asked))) for text in spelled)
