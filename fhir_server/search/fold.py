"""Folding of text for string search: case, accents, ligatures, punctuation and spacing do not count.

Spec: https://hl7.org/fhir/R4/search.html#string
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

MAX_FOLDED = 1000
"""Folded characters that are indexed of one value; longer query values are refused."""

_SHORT: Final = 100

# Letters that no decomposition leads to a plain one, and marks that Unicode calls letters.
_LIGATURES = str.maketrans({
    "æ": "ae", "œ": "oe", "ß": "ss", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i", "ħ": "h",
    "ŧ": "t", "ŋ": "n", "ĸ": "k", "ə": "e", "ʻ": " ", "ʼ": " ", "ʹ": " ", "ʺ": " ", "ʽ": " ", "ˈ": " ",
})  # fmt: skip


def fold(text: str) -> str:
    """Return the folded text: `"O'Brïen-Œuvre "` → `"o brien oeuvre"`; may be empty."""
    if text.isalnum() and text.isascii():
        return text.lower()[:MAX_FOLDED]
    return _of_short(text) if len(text) <= _SHORT else _joined(text)


def _joined(text: str) -> str:
    return " ".join(fold_words(text))[:MAX_FOLDED].rstrip()


@lru_cache(maxsize=4096)
def _of_short(text: str) -> str:
    # Names of codes come again and again.
    return _joined(text)


def fold_words(text: str) -> list[str]:
    """Return the folded words of a text, all of them."""
    return (text.translate(_LATIN) if _BEYOND.search(text) is None else _spaced(text)).split()


def _spaced(text: str) -> str:
    folded = text.lower() if text.isascii() else _without_marks(text)
    return "".join([character if character.isalnum() else " " for character in folded])


def _without_marks(text: str) -> str:
    # Compatibility forms can hide capitals and capitals can hide marks: decompose, fold, decompose again.
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_LIGATURES)
    decomposed = unicodedata.normalize("NFKD", folded).casefold()
    return "".join([character for character in decomposed if not unicodedata.combining(character)])


# Latin letters and general punctuation: none of them is a mark that joins another, each folds alone.
_ALONE: Final = (*range(0x250), *range(0x2000, 0x2070))
_LATIN: Final = {number: _spaced(chr(number)) for number in _ALONE}
_BEYOND: Final = re.compile(r"[^\x00-\u024f\u2000-\u206f]")
