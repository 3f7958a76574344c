"""Folding of text for string search: case, accents, ligatures, punctuation and spacing do not count.

Spec: https://hl7.org/fhir/R4/search.html#string
"""

from __future__ import annotations

import unicodedata

MAX_FOLDED = 1000
"""Folded characters that are indexed of one value; longer query values are refused."""

_LIGATURES = str.maketrans({
    "æ": "ae", "œ": "oe", "ß": "ss", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i",
})  # fmt: skip


def fold(text: str) -> str:
    """Return the folded text: `"O'Brïen-Œuvre "` → `"o brien oeuvre"`; may be empty."""
    if text.isascii():
        if text.isalnum():
            return text.lower()[:MAX_FOLDED]
        folded = text.lower()
    else:
        folded = _without_marks(text)
    letters = "".join([character if character.isalnum() else " " for character in folded])
    return " ".join(letters.split())[:MAX_FOLDED].rstrip()


def _without_marks(text: str) -> str:
    # Compatibility forms can hide capitals and capitals can hide marks: decompose, fold, decompose again.
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_LIGATURES)
    decomposed = unicodedata.normalize("NFKD", folded).casefold()
    return "".join([character for character in decomposed if not unicodedata.combining(character)])
