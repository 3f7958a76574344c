"""Cursors: what is sealed comes back, for the same question and View alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.outcome import FhirError
from fhir_server.model.plan import Position
from fhir_server.search.cursor import Cursors

KEY, QUERY, VIEW = bytes(range(64)), b"q" * 32, b"v" * 32
POSITION = Position(datetime(2024, 2, 29, 10, 30, 0, 123_000, tzinfo=UTC), 1 << 60, "a.B-9")

POSITIONS = st.builds(
    Position,
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=64),
    st.lists(
        st.none()
        | st.text(max_size=100)
        | st.decimals(allow_nan=False, allow_infinity=False)
        | st.datetimes(timezones=st.just(UTC)),
        max_size=5,
    ).map(tuple),
    st.booleans(),
)


@settings(deadline=None)
@given(position=POSITIONS)
def test_a_position_comes_back_as_it_was(position: Position) -> None:
    cursors = Cursors(KEY)
    text = cursors.seal(position, QUERY, VIEW)
    assert cursors.open(text, QUERY, VIEW) == position
    assert all(character.isalnum() or character in "-_" for character in text)


def test_the_same_inputs_give_the_same_text() -> None:
    assert Cursors(KEY).seal(POSITION, QUERY, VIEW) == Cursors(KEY).seal(POSITION, QUERY, VIEW)


def test_the_text_does_not_show_the_position() -> None:
    assert POSITION.id not in Cursors(KEY).seal(POSITION, QUERY, VIEW)


@pytest.mark.parametrize(
    ("query", "view"),
    [pytest.param(b"x" * 32, VIEW, id="other-query"), pytest.param(QUERY, b"x" * 32, id="other-view")],
)
def test_a_cursor_opens_nothing_else(query: bytes, view: bytes) -> None:
    text = Cursors(KEY).seal(POSITION, QUERY, VIEW)
    with pytest.raises(FhirError) as refused:
        Cursors(KEY).open(text, query, view)
    assert refused.value.issues[0].situation == "illegal-cursor"


@settings(deadline=None)
@given(place=st.integers(0, 50), bit=st.integers(0, 7), junk=st.text(max_size=500))
def test_what_was_tampered_with_or_invented_is_refused(place: int, bit: int, junk: str) -> None:
    text = Cursors(KEY).seal(POSITION, QUERY, VIEW)
    place %= len(text) - 1
    changed = text[:place] + chr(ord(text[place]) ^ (1 << bit)) + text[place + 1 :]
    for forged in (changed, junk, text[:-4], text + "AAAA"):
        with pytest.raises(FhirError) as refused:
            Cursors(KEY).open(forged, QUERY, VIEW)
        assert refused.value.status == 400
