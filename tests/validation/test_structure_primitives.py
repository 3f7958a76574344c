"""Which values each primitive type allows."""

from __future__ import annotations

from base64 import b64encode
from calendar import monthrange
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from fhir_server.model.temporal import parse_interval
from fhir_server.validation.primitives import MAX_STRING, PRIMITIVES
from tests.instances import PRIMITIVES as SAMPLES

LEGAL: dict[str, list[Any]] = {
    "boolean": [True, False],
    "integer": [0, -2147483648, 2147483647],
    "unsignedInt": [0, 2147483647],
    "positiveInt": [1, 2147483647],
    "decimal": [0, -1, 10**30, Raw(b"1.50"), Raw(b"-0"), Raw(b"1e-7")],
    "string": ["a", " a ", "a\tb\r\nc", "é\u00a0b", "x" * MAX_STRING],
    "markdown": ["# a\n\n- b"],
    "base64Binary": ["SGVsbG8=", "SGVs bG8=\r\n", "SGVsbG9v", "SGVsbA==", "+/+/"],
    "id": ["a", "A-1.b", "x" * 64],
    "code": ["a", "a b c", "text/plain"],
    "uri": ["urn:x", "http://example.org/é"],
    "url": ["https://example.org"],
    "canonical": ["https://example.org|1", "#a"],
    "oid": ["urn:oid:1.2.250.1.213", "urn:oid:2.16.840"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "date": ["2024", "2024-02", "2024-02-29", "0001-01-01", "9999-12-31"],
    "dateTime": [
        "2024", "2024-02", "2024-02-29", "2024-02-29T00:00:00Z", "2024-02-29T23:59:60.123456789+14:00",
    ],
    "instant": ["2024-02-29T23:59:59Z", "2024-02-29T23:59:59.1-13:59"],
    "time": ["00:00:00", "23:59:59.999"],
}  # fmt: skip

ILLEGAL: dict[str, list[Any]] = {
    "integer": [-2147483649, 2147483648, Raw(b"1.0"), Raw(b"1e2")],
    "unsignedInt": [-1, 2147483648],
    "positiveInt": [0, -1],
    "string": ["", " ", "\t\n", "\u00a0", "a\x00", "a\x1fb", "x" * (MAX_STRING + 1)],
    "markdown": ["", " \n"],
    "base64Binary": ["", " ", "SGVsbG8", "SGVsbG8==", "=SGVsbG8", "SGVs=bG8", "====", "SG=sbG8=", "SGVsbGé="],
    "id": ["", "a_b", "a b", "x" * 65, "é", "a\n"],
    "code": ["", " a", "a ", "a  b", "a\tb", "a\n"],
    "uri": ["", "a b", " a", "a\n"],
    "url": ["a b"],
    "canonical": ["a b"],
    "oid": ["1.2", "urn:oid:3.1", "urn:oid:1", "urn:oid:1.02", "urn:oid:1.2."],
    "uuid": ["c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"],
    "date": [
        "0000", "24", "2024-13", "2024-00", "2024-2", "2023-02-29", "1900-02-29", "2024-04-31",
        "2024-02-29T00:00:00Z", "2024-02-29 ", "2024-02-29\n", "２０２４",
    ],
    "dateTime": [
        "2024-02-29T00:00:00", "2024-02-29T00:00Z", "2024-02-29T24:00:00Z", "2023-02-29T00:00:00Z",
        "2024-02T00:00:00Z", "2024-02-29T00:00:00z", "2024-02-29T00:00:00+14:01", "2024-02-29 00:00:00Z",
        "2024-02-29T00:00:61Z", "2024-02-29T00:00:00.Z",
    ],
    "instant": ["2024", "2024-02-29", "2024-02-29T00:00:00"],
    "time": ["24:00:00", "8:00:00", "08:00", "08:00:00Z", "08:00:61"],
}  # fmt: skip


def rows(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(name, value, id=f"{name}-{index}")
        for name, values in table.items()
        for index, value in enumerate(values)
    ]


@pytest.mark.parametrize(("name", "value"), rows(LEGAL))
def test_legal_value_is_accepted(name: str, value: Any) -> None:
    assert type(value) in PRIMITIVES[name].kinds
    assert PRIMITIVES[name].accepts(value)


@pytest.mark.parametrize(("name", "value"), rows(ILLEGAL))
def test_illegal_value_is_refused(name: str, value: Any) -> None:
    assert not PRIMITIVES[name].accepts(value)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_value_of_another_json_type_is_refused(name: str) -> None:
    primitive = PRIMITIVES[name]
    for value in (None, True, 1, Raw(b"1.5"), "x", [], {}, ["x"], {"x": 1}):
        if type(value) in primitive.kinds:
            continue
        try:
            accepted = primitive.accepts(value)
        except TypeError:
            accepted = False
        assert not accepted


def test_every_primitive_type_has_a_sample() -> None:
    assert {name for name in SAMPLES if PRIMITIVES[name].accepts(SAMPLES[name])} == set(PRIMITIVES)


@pytest.mark.parametrize("year", [1, 4, 100, 400, 1600, 1900, 1999, 2000, 2023, 2024, 2100, 9996, 9999])
@pytest.mark.parametrize("name", ["date", "dateTime", "instant"])
def test_days_are_those_of_the_calendar(name: str, year: int) -> None:
    time = "T08:15:30Z" if name == "instant" else ""
    for month in range(14):
        days = monthrange(year, month)[1] if 1 <= month <= 12 else 0
        for day in range(33):
            text = f"{year:04d}-{month:02d}-{day:02d}{time}"
            assert bool(PRIMITIVES[name].accepts(text)) is (1 <= day <= days), text


@settings(deadline=None)
@given(st.dates(), st.sampled_from([4, 7, 10]))
def test_every_date_is_accepted_at_every_precision(day: date, length: int) -> None:
    assert PRIMITIVES["date"].accepts(day.isoformat()[:length])
    assert PRIMITIVES["dateTime"].accepts(day.isoformat()[:length])


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="0123456789-T:.Z+", max_size=30))
def test_what_is_accepted_as_a_date_time_names_an_interval(text: str) -> None:
    if PRIMITIVES["dateTime"].accepts(text):
        assert parse_interval(text) is not None


@settings(deadline=None)
@given(st.binary(min_size=1))
def test_every_base64_text_is_accepted_and_not_without_its_last_character(data: bytes) -> None:
    text = b64encode(data).decode()
    assert PRIMITIVES["base64Binary"].accepts(text)
    assert not PRIMITIVES["base64Binary"].accepts(text[:-1])


def test_thirty_megabytes_of_base64_are_accepted_and_one_bad_character_is_found() -> None:
    text = "QUJD" * 7_500_000
    assert PRIMITIVES["base64Binary"].accepts(text)
    assert not PRIMITIVES["base64Binary"].accepts(text[:-1] + "!")
