"""Folding by a table says the same as folding character by character, in every surrounding."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.search.fold import fold_words

LETTERS = {"æ": "ae", "œ": "oe", "ß": "ss", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i", "ħ": "h",
           "ŧ": "t", "ŋ": "n", "ĸ": "k", "ə": "e"}  # fmt: skip
SEPARATORS = "ʻʼʹʺʽˈ"


def slowly(text: str) -> list[str]:
    """Fold as the words of the specification have it, one character after the other."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    folded = "".join(LETTERS.get(sign, " " if sign in SEPARATORS else sign) for sign in folded)
    folded = unicodedata.normalize("NFKD", folded).casefold()
    kept = (sign for sign in folded if not unicodedata.combining(sign))
    return "".join(sign if sign.isalnum() else " " for sign in kept).split()


def test_every_character_folds_as_before() -> None:
    for number in range(0x3000):
        text = f"a{chr(number)}b"
        assert fold_words(text) == slowly(text), hex(number)


NEAR = st.characters(max_codepoint=0x2070, categories=("L", "M", "N", "P", "S", "Z"))


@settings(deadline=None)
@given(text=st.text(NEAR, max_size=12))
def test_characters_beside_each_other_fold_as_before(text: str) -> None:
    assert fold_words(text) == slowly(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("L’Œuvre – d’été…", ["l", "oeuvre", "d", "ete"], id="punctuation"),
        pytest.param("E\u0301te\u0301", ["ete"], id="marks-apart"),
        pytest.param("½ m²", ["1", "2", "m2"], id="compatibility"),
    ],
)
def test_words_without_case_accents_and_punctuation(text: str, words: list[str]) -> None:
    assert fold_words(text) == words
