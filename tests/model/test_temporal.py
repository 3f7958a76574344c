"""Dates as intervals.  Spec: https://hl7.org/fhir/R4/datatypes.html#dateTime"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.model.temporal import LATEST, format_instant, parse_interval

PARIS = ZoneInfo("Europe/Paris")


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        pytest.param("2024", at(2024, 1, 1), at(2025, 1, 1), id="year"),
        pytest.param("2024-02", at(2024, 2, 1), at(2024, 3, 1), id="leap-february"),
        pytest.param("2023-12", at(2023, 12, 1), at(2024, 1, 1), id="december"),
        pytest.param("2024-02-29", at(2024, 2, 29), at(2024, 3, 1), id="day"),
        pytest.param("9999-12-31", at(9999, 12, 31), LATEST, id="last-day"),
        pytest.param("2024-02-29T10:15Z", at(2024, 2, 29, 10, 15), at(2024, 2, 29, 10, 16), id="minute"),
        pytest.param(
            "2024-02-29T23:59:59+01:00", at(2024, 2, 29, 22, 59, 59), at(2024, 2, 29, 23), id="second"
        ),
        pytest.param(
            "2024-02-29T10:15:00.25Z",
            at(2024, 2, 29, 10, 15, 0, 250_000), at(2024, 2, 29, 10, 15, 0, 260_000), id="hundredths",
        ),
        pytest.param(
            "2024-02-29T10:15:00.1234567890Z",
            at(2024, 2, 29, 10, 15, 0, 123_456), at(2024, 2, 29, 10, 15, 0, 123_457), id="nanoseconds",
        ),
        pytest.param("2015-06-30T23:59:60Z", at(2015, 6, 30, 23, 59, 59), at(2015, 7, 1), id="leap-second"),
    ],
)  # fmt: skip
def test_a_date_is_the_interval_of_its_precision(text: str, start: datetime, end: datetime) -> None:
    interval = parse_interval(text)
    assert interval is not None
    assert (interval.start, interval.end) == (start, end)


@pytest.mark.parametrize(
    "text",
    ["", "24", "2024-13", "2024-02-30", "2023-02-29", "2024-2-1", "2024-02-29T25:00Z", "0000",
     "2024-02-29T10:15+15:00", "2024-02-29T10:15:00+14:30", "2024-02-29 10:15", "2024-02-29T10", "x2024",
     "2024\n"],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_interval(text) is None


def test_the_zone_applies_only_where_the_text_has_none() -> None:
    day = parse_interval("2024-03-31", PARIS)
    assert day is not None
    assert day.end - day.start == timedelta(hours=23), "the day on which the clocks change is short"
    assert parse_interval("2024-03-31T10:00:00Z", PARIS) == parse_interval("2024-03-31T10:00:00Z")


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_formatted_instant_parses_to_itself_cut_to_milliseconds(instant: datetime) -> None:
    interval = parse_interval(format_instant(instant))
    assert interval is not None
    assert interval.start == instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert interval.start < interval.end
