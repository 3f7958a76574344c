"""Dates, quantities and numbers: equality, order and arithmetic where precision is partial."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.fhirpath import compile
from fhir_server.fhirpath.dates import compare, from_datetime, parse_date_time
from fhir_server.fhirpath.functions.conversion import text_of
from fhir_server.fhirpath.node import system
from fhir_server.model.number import number

NOTHING = {"resourceType": "Basic"}


def texts(expression: str) -> list[str | None]:
    return [text_of(system(item)) for item in compile(expression).items(NOTHING)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("@2024-01 = @2024-01-15", [], id="precision-leaves-it-open"),
        pytest.param("@2023 = @2024-01-15", ["false"], id="years-differ"),
        pytest.param("@2024-01-01T23:30-02:00 = @2024-01-02T01:30Z", ["true"], id="zones"),
        pytest.param("@2024-01-01T10:00:00 < @2024-01-01T11:00:00Z", [], id="zone-missing-on-one-side"),
        pytest.param("@2024-01-01T10:00:00 < @2024-01-05T11:00:00Z", ["true"], id="zone-cannot-matter"),
        pytest.param("@2024-01-01T20:00:00 > @2024-01-01T10:00:00Z", [], id="zone-may-be-14-hours-east"),
        pytest.param("@2024-01-02T00:30:00 > @2024-01-01T10:00:00Z", ["true"], id="zone-is-no-further-east"),
        pytest.param("@2024-01-01T05:00:00 < @2024-01-01T10:00:00Z", [], id="zone-may-be-12-hours-west"),
        pytest.param("@2024-01-01T05:00:00 < @2024-01-01T17:00:01Z", ["true"], id="zone-is-no-further-west"),
        pytest.param("@2024-01-01 ~ @2024-01-01T10:00", ["false"], id="equivalence-minds-precision"),
        pytest.param("@T10:30 = @2024", ["false"], id="time-and-date"),
        pytest.param("@2024-02-29 + 1 year", ["2025-02-28"], id="leap-day"),
        pytest.param("@2024-01-31 + 1 month", ["2024-02-29"], id="end-of-month"),
        pytest.param("@2024-03-31 - 1 month", ["2024-02-29"], id="end-of-month-backwards"),
        pytest.param("@2024 + 18 months", ["2025"], id="months-on-a-year"),
        pytest.param("@2024 - 18 months", ["2023"], id="months-on-a-year-backwards"),
        pytest.param("@2024-05 + 40 days", ["2024-06"], id="days-on-a-month"),
        pytest.param("@2024-12-31T23:59:59 + 1 second", ["2025-01-01T00:00:00"], id="over-midnight"),
        pytest.param("@T23:30 + 45 minutes", ["00:15"], id="around-the-clock"),
        pytest.param("@T10 + 90 minutes", ["11"], id="minutes-on-an-hour"),
        pytest.param("@9999-12-31 + 1 day", [], id="past-the-calendar"),
        pytest.param("@0001-01-01 - 1 day", [], id="before-the-calendar"),
        pytest.param("1 'kg' > 999 'g'", ["true"], id="units-convert"),
        pytest.param("1 'kg' = 1 's'", [], id="units-incomparable"),
        pytest.param("1 'parsec' = 1 'parsec'", ["true"], id="unknown-unit-alike"),
        pytest.param("1 'parsec' < 1 'furlong'", [], id="unknown-units"),
        pytest.param("1 year = 1 'a'", [], id="calendar-year-is-no-julian-year"),
        pytest.param("1 year ~ 1 'a'", ["true"], id="calendar-year-is-about-a-julian-year"),
        pytest.param("1 second = 1 's'", ["true"], id="seconds-are-definite"),
        pytest.param("3 = 3 '1'", ["true"], id="number-as-a-quantity"),
        pytest.param("1 'm' + 50 'cm'", ["1.50 'm'"], id="sum-in-the-left-unit"),
        pytest.param("0 'm' + 50 'cm'", ["0.50 'm'"], id="sum-from-zero"),
        pytest.param("2 * 3 'mg'", ["6 'mg'"], id="number-times-quantity"),
        pytest.param("6 'mg' / 3 'mg'", ["2 '1'"], id="quotient-of-like-units"),
        pytest.param("1 'm' / 0 's'", [], id="quantity-by-zero"),
        pytest.param("0.1 + 0.2 = 0.3", ["true"], id="decimals-are-exact"),
        pytest.param("1.0 = 1", ["true"], id="places-do-not-count"),
        pytest.param("1.1 ~ 1.14", ["true"], id="equivalence-rounds"),
        pytest.param("'A b' ~ 'a  B'", ["true"], id="equivalence-of-texts"),
        pytest.param("(1 | 2) = (2 | 1)", ["false"], id="equality-minds-order"),
        pytest.param("true = 1", ["false"], id="boolean-is-no-number"),
        pytest.param("{} and false", ["false"], id="three-valued-and"),
        pytest.param("{} or true", ["true"], id="three-valued-or"),
        pytest.param("{} implies true", ["true"], id="three-valued-implies"),
        pytest.param("{} xor true", [], id="three-valued-xor"),
        pytest.param("'a' & {} & 'b'", ["ab"], id="ampersand-and-empty"),
        pytest.param("'a' + {}", [], id="plus-and-empty"),
    ],
)
def test_operation_gives(expression: str, expected: list[str]) -> None:
    assert texts(expression) == expected


instants = st.datetimes(
    min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31),
    timezones=st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)  # fmt: skip


def milliseconds(instant: datetime) -> int:
    return (instant - datetime(1, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@settings(deadline=None)
@given(instants, instants | st.none())
def test_full_instants_are_ordered_as_python_orders_them(one: datetime, other: datetime | None) -> None:
    second = other or one.astimezone(UTC)
    mine, theirs = milliseconds(one), milliseconds(second)
    assert compare(from_datetime(one), from_datetime(second)) == (mine > theirs) - (mine < theirs)


@settings(deadline=None)
@given(instants)
def test_text_of_an_instant_reads_back(instant: datetime) -> None:
    moment = from_datetime(instant)
    assert parse_date_time(str(moment)) == moment


@settings(deadline=None)
@given(instants, st.integers(-(10**6), 10**6), st.sampled_from(["second", "minute", "hour", "day", "week"]))
def test_moving_by_definite_time_is_what_python_does(instant: datetime, count: int, word: str) -> None:
    start = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    (moved,) = compile(f"%start + {abs(count)} {word}").items(
        NOTHING, environment(from_datetime(start))
    ) or [None]  # fmt: skip
    try:
        wanted = start + timedelta(**{f"{word}s": abs(count)})
    except OverflowError:
        assert moved is None
        return
    assert moved == from_datetime(wanted)


def environment(start: object):  # type: ignore[no-untyped-def]
    from fhir_server.fhirpath import Environment

    return Environment(variables={"start": start})


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_equal_numbers_in_resources_are_equal_whatever_their_literal(one: Decimal, other: Decimal) -> None:
    resource = {"resourceType": "Observation", "a": number(f"{one:f}"), "b": number(f"{other:f}")}
    assert compile("a = b").evaluate(resource) == [one == other]
    assert compile("(a | b).count()").evaluate(resource) == [1 if one == other else 2]
