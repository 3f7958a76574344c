"""Batches of the access log: each entry in one of them, in its place, whatever order they came in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.access.batches import (
    GAP_WAIT,
    Batch,
    Head,
    Place,
    Span,
    advanced,
    following,
    spans_of,
    without,
)
from fhir_server.access.merkle import Frontier

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LONG_AGO = NOW - 2 * GAP_WAIT
NUMBERS = st.sets(st.tuples(st.sampled_from("abc"), st.integers(1, 12)), max_size=20)


def places(worker: str, *numbers: int, at: datetime | None = LONG_AGO) -> list[Place]:
    return [Place(worker, number, at, bytes([number]) * 32) for number in numbers]


def batch(*spans: Span) -> Batch:
    return Batch(1, NOW, LONG_AGO, spans, (), b"", Frontier(), "")


@given(NUMBERS)
def test_the_place_of_an_entry_is_that_of_its_leaf(numbers: set[tuple[str, int]]) -> None:
    ordered = sorted(numbers)
    held = batch(*spans_of(place for worker, number in ordered for place in places(worker, number)))
    for worker in "abcd":
        for number in range(14):
            expected = ordered.index((worker, number)) if (worker, number) in numbers else None
            assert held.offset(worker, number) == expected


def test_the_same_number_of_two_workers_has_two_places() -> None:
    held = batch(Span("a", 1, 3), Span("b", 1, 2))
    assert [held.offset("a", 2), held.offset("b", 2), held.offset("b", 3)] == [1, 4, None]


@pytest.mark.parametrize(("number", "left"), [
    pytest.param(4, (Span("a", 5, 7),), id="the-first"),
    pytest.param(6, (Span("a", 4, 5), Span("a", 7, 7)), id="in-the-midst"),
    pytest.param(7, (Span("a", 4, 6),), id="the-last"),
    pytest.param(3, (Span("a", 4, 7),), id="before"),
    pytest.param(8, (Span("a", 4, 7),), id="after"),
])  # fmt: skip
def test_what_is_left_of_a_gap(number: int, left: tuple[Span, ...]) -> None:
    assert without(Span("a", 4, 7), number) == left


@pytest.mark.parametrize(("at", "taken", "gaps"), [
    pytest.param(NOW, [2], [], id="young-it-may-still-come"),
    pytest.param(NOW - GAP_WAIT + timedelta(milliseconds=1), [2], [], id="not-yet-old"),
    pytest.param(NOW - GAP_WAIT, [2, 5], [Span("a", 3, 4)], id="old-it-is-passed-over"),
    pytest.param(None, [2, 5], [Span("a", 3, 4)], id="of-unknown-age"),
])  # fmt: skip
def test_a_missing_number_is_waited_for(at: datetime | None, taken: list[int], gaps: list[Span]) -> None:
    found = following(Head("a", 1), [*places("a", 1, 2), *places("a", 5, at=at)], NOW)
    assert ([place.number for place in found[0]], found[1]) == (taken, gaps)


def test_of_two_entries_of_one_number_the_second_is_left() -> None:
    first, second = places("a", 1)[0], places("a", 1, at=NOW)[0]
    assert following(Head("a"), [first, second], NOW) == ([first], [])


@given(st.permutations(range(1, 9)), st.sets(st.integers(1, 8)))
def test_a_head_knows_what_is_missing_below_it(arrivals: list[int], kept_back: set[int]) -> None:
    head, there = Head("a"), set[int]()
    for number in arrivals:
        if number in kept_back:
            continue
        there.add(number)
        late = [place for place in places("a", number) if number < head.last]
        taken, gaps = following(head, places("a", *sorted(there)), NOW)
        head = advanced(head, [*late, *taken], gaps)
        missing = {each for gap in head.gaps for each in range(gap.first, gap.last + 1)}
        assert head.last == max(there)
        assert missing == set(range(1, head.last + 1)) - there
