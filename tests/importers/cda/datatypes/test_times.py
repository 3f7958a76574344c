"""Points in time and intervals: every precision, every offset, and what is decided is reported."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importers.cda.datatypes import date, date_time, effective, instant, period, stamp
from tests.importers.cda.documents import ZONE, first, unused

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


@pytest.mark.parametrize(
    ("written", "read", "decided"),
    [
        pytest.param("1975", "1975", 0, id="year"),
        pytest.param("197503", "1975-03", 0, id="month"),
        pytest.param("19750318", "1975-03-18", 0, id="day"),
        pytest.param("202003121120+0100", "2020-03-12T11:20:00+01:00", 0, id="minutes-with-offset"),
        pytest.param("20200312112033+0100", "2020-03-12T11:20:33+01:00", 0, id="seconds-with-offset"),
        pytest.param("20200312112033.1234+0100", "2020-03-12T11:20:33.1234+01:00", 0, id="fraction-kept"),
        pytest.param("20200312112033.50-0330", "2020-03-12T11:20:33.50-03:30", 0, id="half-hour-offset"),
        pytest.param("20200312112033Z", "2020-03-12T11:20:33Z", 0, id="utc"),
        pytest.param("202003121120+01", "2020-03-12T11:20:00+01:00", 0, id="offset-in-hours"),
        pytest.param("20200112112033", "2020-01-12T11:20:33+01:00", 1, id="no-offset-in-winter"),
        pytest.param("202007121120", "2020-07-12T11:20:00+02:00", 1, id="no-offset-in-summer"),
        pytest.param("202003290230", "2020-03-29T02:30:00+01:00", 2, id="a-time-that-was-skipped"),
        pytest.param("202010250230", "2020-10-25T02:30:00+02:00", 2, id="a-time-that-was-twice"),
        pytest.param("20230106113623+100", "2023-01-06T11:36:23+01:00", 1, id="offset-of-three-digits"),
        pytest.param("20220813124536-500", "2022-08-13T12:45:36-05:00", 1, id="offset-of-three-digits-west"),
        pytest.param("20220813124536+9900", "2022-08-13T12:45:36+02:00", 2, id="impossible-offset"),
        pytest.param("2017010912", "2017-01-09", 1, id="hour-alone"),
        pytest.param("201701+0100", "2017-01", 1, id="month-with-offset"),
        pytest.param("19750300", "1975-03", 1, id="day-unknown"),
        pytest.param("19750000", "1975", 1, id="month-unknown"),
        pytest.param("20230230", "2023-02", 1, id="no-such-day"),
        pytest.param("20240229", "2024-02-29", 0, id="leap-day"),
        pytest.param("2012121200099", "2012-12-12T00:09:00+01:00", 2, id="thirteen-digits"),
        pytest.param("202001012460", "2020-01-01", 1, id="no-such-time-of-day"),
        pytest.param("20191", "2019", 1, id="five-digits"),
    ],
)
def test_a_time_keeps_its_precision(written: str, read: str, decided: int) -> None:
    found = stamp(written, ZONE)
    assert found is not None
    assert (found.text, len(found.decisions)) == (read, decided)
    cv, node = first(f'<effectiveTime value="{written}"/>')
    assert date_time(cv, node) == read
    assert [issue.kind for issue in cv.issues] == ["date"] * bool(decided)
    assert written not in "".join(issue.text for issue in cv.issues)
    assert not unused(cv)


@pytest.mark.parametrize(
    "written", ["hier", "197", "0000", "2020-03-12", "202003121120+01000", "²⁰²⁰", "１９７５", "-1975"]
)
def test_what_is_no_time_is_reported_and_stays_unused(written: str) -> None:
    cv, node = first(f'<effectiveTime value="{written}"/>')
    assert date_time(cv, node) is None
    assert [issue.severity for issue in cv.issues] == ["warning"]
    assert unused(cv) == {"effectiveTime@value"}


@settings(deadline=None)
@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(["Europe/Paris", "America/Guadeloupe", "Indian/Reunion", "Australia/Lord_Howe"]),
)
def test_a_time_without_offset_is_the_time_of_its_zone(moment: datetime, zone: str) -> None:
    place = ZoneInfo(zone)
    found = stamp(f"{moment:%Y%m%d%H%M%S}", place)
    assert found is not None
    read = datetime.fromisoformat(found.text)
    assert read.replace(tzinfo=None) == moment.replace(microsecond=0)
    assert read.utcoffset() == moment.replace(tzinfo=place).utcoffset() or moment.year < 1973
    assert len(found.decisions) >= 1


@settings(deadline=None)
@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-14 * 60, 14 * 60))
def test_a_time_with_offset_is_the_same_instant(moment: datetime, minutes: int) -> None:
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    found = stamp(f"{moment.year:04}{moment:%m%d%H%M%S}{offset}", UTC)
    assert found is not None
    assert not found.decisions
    whole = moment.replace(microsecond=0, tzinfo=UTC) - timedelta(minutes=minutes)
    assert datetime.fromisoformat(found.text) == whole


@settings(deadline=None)
@given(st.text(alphabet="0123456789+-.,Z: ²", max_size=24))
def test_no_text_is_too_strange_for_a_time(text: str) -> None:
    found = stamp(text, ZONE)
    if found is not None:
        padded = found.text + "-01-01"[len(found.text) - 4 :] if len(found.text) < 10 else found.text
        datetime.fromisoformat(padded[:19])


def test_a_date_is_cut_from_a_time_and_an_instant_made_from_a_date() -> None:
    cv, node = first('<birthTime value="197503181200+0100"/>')
    assert date(cv, node) == "1975-03-18"
    assert len(cv.issues) == 1
    cv, node = first('<time value="197507"/>')
    assert instant(cv, node) == "1975-07-01T00:00:00+01:00"
    assert len(cv.issues) == 1
    cv, node = first('<time value="20200701000000Z"/>')
    assert instant(cv, node) == "2020-07-01T00:00:00Z"
    assert not cv.issues


UNKNOWN = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param('<low value="2020"/><high value="2021"/>', {"start": "2020", "end": "2021"}, id="both"),
        pytest.param('<low value="2020"/>', {"start": "2020"}, id="open"),
        pytest.param('<high value="2021"/>', {"end": "2021"}, id="end-only"),
        pytest.param(
            '<low nullFlavor="UNK"/><high value="2021"/>', {"_start": UNKNOWN, "end": "2021"}, id="unknown"
        ),
        pytest.param(
            '<low value="20211201"/><width value="2" unit="d"/>',
            {"start": "2021-12-01", "end": "2021-12-02"},
            id="width-counts-both-days",
        ),
        pytest.param(
            '<width value="1" unit="mo"/><high value="202101"/>',
            {"start": "2021-01", "end": "2021-01"},
            id="width-before",
        ),
        pytest.param(
            '<low value="20210115"/><width value="1" unit="mo"/>',
            {"start": "2021-01-15", "end": "2021-02-14"},
            id="width-of-a-month",
        ),
        pytest.param(
            '<low value="20200131"/><width value="1" unit="mo"/>', {"start": "2020-01-31"}, id="no-such-end"
        ),
        pytest.param(
            '<low value="2020"/><width value="2" unit="d"/>', {"start": "2020"}, id="width-below-precision"
        ),
        pytest.param(
            '<low value="20200101100000+0100"/><width value="90" unit="min"/>',
            {"start": "2020-01-01T10:00:00+01:00", "end": "2020-01-01T11:30:00+01:00"},
            id="minutes",
        ),
        pytest.param('<center value="2020"/>', {"start": "2020", "end": "2020"}, id="center"),
        pytest.param("", None, id="nothing"),
        pytest.param(
            '<low value="20200102"/><high value="20200101"/>',
            {"start": "2020-01-02", "_end": {"extension": [{"url": ABSENT, "valueCode": "error"}]}},
            id="an-end-before-its-start",
        ),
        pytest.param(
            '<low value="20200102100000+0100"/><high value="20200102095900+0100"/>',
            {
                "start": "2020-01-02T10:00:00+01:00",
                "_end": {"extension": [{"url": ABSENT, "valueCode": "error"}]},
            },
            id="a-minute-before-its-start",
        ),
        pytest.param(
            '<low value="20200102100000+0100"/><high value="20200102"/>',
            {"start": "2020-01-02T10:00:00+01:00", "end": "2020-01-02"},
            id="the-day-of-its-start",
        ),
    ],
)
def test_an_interval_is_a_period(inner: str, expected: object) -> None:
    cv, node = first(f"<effectiveTime>{inner}</effectiveTime>")
    assert period(cv, node) == expected


def test_a_width_that_was_not_carried_stays_unused() -> None:
    cv, node = first('<effectiveTime><low value="2020"/><width value="2" unit="d"/></effectiveTime>')
    period(cv, node)
    assert unused(cv) == {"effectiveTime/width@value", "effectiveTime/width@unit"}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param('<effectiveTime value="1975"/>', ("DateTime", "1975"), id="point"),
        pytest.param(
            '<effectiveTime><center value="1975"/></effectiveTime>', ("DateTime", "1975"), id="center"
        ),
        pytest.param(
            '<effectiveTime><low value="1975"/></effectiveTime>', ("Period", {"start": "1975"}), id="low"
        ),
        pytest.param('<effectiveTime nullFlavor="UNK"/>', None, id="unknown"),
    ],
)
def test_when_is_a_point_or_an_interval(node: str, expected: object) -> None:
    cv, found = first(node)
    assert effective(cv, found) == expected
