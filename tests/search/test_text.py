"""Folding, escaping and splitting of text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search.escape import split_bar, split_unescaped, unescape
from fhir_server.search.fold import MAX_FOLDED, fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        pytest.param("Müller", "muller", id="umlaut"),
        pytest.param("Mu\u0308ller", "muller", id="combining"),
        pytest.param("STRASSE", "strasse", id="capitals"),
        pytest.param("Straße", "strasse", id="sharp-s"),
        pytest.param("Œuvre Æther", "oeuvre aether", id="ligatures"),
        pytest.param("Łódź", "lodz", id="strokes"),
        pytest.param("O'Brien-Smith, Jr.", "o brien smith jr", id="punctuation"),
        pytest.param("  a \t\n b  ", "a b", id="spacing"),
        pytest.param("ﬁne №1", "fine no1", id="compatibility"),
        pytest.param("ΟΔΥΣΣΕΎΣ", "οδυσσευσ", id="greek"),
        pytest.param("東京", "東京", id="ideographs"),
        pytest.param("...", "", id="nothing-left"),
    ],
)
def test_text_is_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_is_done_once_and_knows_no_case(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert len(folded) <= MAX_FOLDED
    assert "  " not in folded
    assert not any(unicodedata.combining(character) for character in folded)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_what_was_escaped_comes_back(pieces: list[str]) -> None:
    escaped = [piece.replace("\\", "\\\\").replace(",", "\\,") for piece in pieces]
    assert [unescape(piece) for piece in split_unescaped(",".join(escaped), ",")] == pieces


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        pytest.param("c", (None, "c"), id="code"),
        pytest.param("s|c", ("s", "c"), id="both"),
        pytest.param("|c", ("", "c"), id="no-system"),
        pytest.param("s|", ("s", ""), id="system"),
        pytest.param("a\\|b", (None, "a|b"), id="escaped"),
        pytest.param("s|a|b", ("s", "a|b"), id="a-bar-in-the-code"),
        pytest.param("\\x", (None, "\\x"), id="no-escape"),
    ],
)
def test_a_token_is_split_at_its_first_bar(text: str, pair: tuple[str | None, str]) -> None:
    assert split_bar(text) == pair
