"""Legal clocks: calendar months and years, whatever their length."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fhir_server.access.durations import Duration, parse_duration


@pytest.mark.parametrize(("text", "expected"), [
    pytest.param("P14D", Duration(days=14), id="days"),
    pytest.param("P1M", Duration(months=1), id="month"),
    pytest.param("P18Y", Duration(months=216), id="years"),
    pytest.param("PT12H", Duration(minutes=720), id="hours"),
    pytest.param("P1Y2M3DT4H5M", Duration(14, 3, 245), id="all"),
])  # fmt: skip
def test_a_duration_is_read(text: str, expected: Duration) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "P", "PT", "P0D", "1M", "P1W2", "P-1D", "P1M ", "P1H"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "start", "end"), [
    pytest.param("P1M", "2026-01-31", "2026-02-28", id="shorter-month"),
    pytest.param("P1M", "2024-01-31", "2024-02-29", id="leap-year"),
    pytest.param("P1M", "2025-12-15", "2026-01-15", id="year-end"),
    pytest.param("P18Y", "2008-02-29", "2026-02-28", id="born-on-a-leap-day"),
    pytest.param("P14D", "2026-02-20", "2026-03-06", id="days"),
])  # fmt: skip
def test_months_are_those_of_the_calendar(text: str, start: str, end: str) -> None:
    def at(day: str) -> datetime:
        return datetime.fromisoformat(day).replace(tzinfo=UTC)

    assert parse_duration(text).after(at(start)) == at(end)
