"""Date parameters as R4 words them, row by row.  Spec: https://hl7.org/fhir/R4/search.html#date"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.http.calls import observation, patient
from tests.http.planted import found, plant, rows


def _measured(id: str, **effective: Any) -> dict[str, Any]:
    return observation("Patient/p1", id, **effective)


def _ordered(id: str, **occurrence: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest", "id": id, "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"}, **occurrence,
    }  # fmt: skip


RESOURCES = [
    *(
        patient(f"p{at}", **({"birthDate": born} if born else {}))
        for at, born in enumerate(("2000-03-13", "2000-03", "2000", "1999-12-31", "2001-01-01", None))
    ),
    _measured("a", effectiveDateTime="2013-01-14T10:00:00Z"),
    _measured("b", effectiveDateTime="2013-01-14T00:30:00+01:00"),
    _measured("c", effectiveDateTime="2013-01-14"),
    _measured("d", effectiveInstant="2013-01-14T10:00:00.500Z"),
    _measured("e", effectivePeriod={"start": "2013-01-14", "end": "2013-01-21"}),
    _measured("f", effectivePeriod={"start": "2013-01-14"}),
    _measured("g", effectivePeriod={"end": "2013-01-14"}),
    _measured("h", effectiveTiming={"event": ["2013-01-10", "2013-01-20"]}),
    _measured("i"),
    _measured("j", effectiveDateTime="2013-01-14T23:30:00-05:00"),
    _ordered("u", occurrenceTiming={"repeat": {"boundsPeriod": {"start": "2015-01-01", "end": "2015-12-31"}}}),
    _ordered("v", occurrenceTiming={"code": {"text": "BID"}}),
    _ordered("w", occurrencePeriod={"start": "2015-06", "end": "2015-06"}),
    _ordered("x", authoredOn="2015-02-29T10:00:00Z".replace("-29", "-28")),
]  # fmt: skip

BIRTHDAYS = (
    ("Patient?birthdate=2000-03-13", "p0"),
    ("Patient?birthdate=eq2000-03-13", "p0"),
    ("Patient?birthdate=2000-03", "p0 p1"),
    ("Patient?birthdate=2000", "p0 p1 p2"),
    ("Patient?birthdate=ne2000", "p3 p4"),
    ("Patient?birthdate=ne2000-03-13", "p1 p2 p3 p4"),
    ("Patient?birthdate=gt2000", "p4"),
    ("Patient?birthdate=gt2000-03-13", "p1 p2 p4"),
    ("Patient?birthdate=lt2000-03-13", "p1 p2 p3"),
    ("Patient?birthdate=ge2000-03-13", "p0 p1 p2 p4"),
    ("Patient?birthdate=le2000-03-13", "p0 p1 p2 p3"),
    ("Patient?birthdate=le2000-03", "p0 p1 p2 p3"),
    ("Patient?birthdate=lt2000", "p3"),
    ("Patient?birthdate=sa2000-03", "p4"),
    ("Patient?birthdate=eb2000-03-13", "p3"),
    ("Patient?birthdate=sa2000-03-12", "p0 p4"),
    ("Patient?birthdate=ge2000&birthdate=le2000", "p0 p1 p2"),
    ("Patient?birthdate=gt1999&birthdate=lt2001", "p0 p1 p2"),
    ("Patient?birthdate=1999,2001", "p3 p4"),
    ("Patient?birthdate:missing=true", "p5"),
    ("Patient?birthdate:missing=false", "p0 p1 p2 p3 p4"),
    ("Patient?birthdate=2000-03-13T00:00:00Z", ""),
    ("Patient?birthdate=2000-02-30", "illegal-parameter-value"),
    ("Patient?birthdate=2000-13", "illegal-parameter-value"),
    ("Patient?birthdate=00-03-13", "illegal-parameter-value"),
    ("Patient?birthdate=2000-3-13", "illegal-parameter-value"),
    ("Patient?birthdate=xx2000", "illegal-parameter-value"),
    ("Patient?birthdate=EQ2000", "illegal-parameter-value"),
    ("Patient?birthdate=13/03/2000", "illegal-parameter-value"),
    ("Patient?birthdate:exact=2000", "unsupported-modifier"),
    ("Patient?birthdate:missing=2000", "illegal-parameter-value"),
)
MOMENTS = (
    ("Observation?date=2013-01-14", "a c d"),
    ("Observation?date=2013-01-14T10:00", "a d"),
    ("Observation?date=2013-01-14T10:00:00Z", "a d"),
    ("Observation?date=2013-01-14T10:00:00.500Z", "d"),
    ("Observation?date=2013-01-14T10:00:00.5Z", "d"),
    ("Observation?date=2013-01-14T10:00:00.50Z", "d"),
    ("Observation?date=2013-01-14T11:00:00+01:00", "a d"),
    ("Observation?date=2013-01-14T05:00-05:00", "a d"),
    ("Observation?date=2013-01-13", "b"),
    ("Observation?date=2013-01-13T23:30:00Z", "b"),
    ("Observation?date=2013-01-15", "j"),
    ("Observation?date=2013-01-15T04:30:00Z", "j"),
    ("Observation?date=2013-01", "a b c d e h j"),
    ("Observation?date=ne2013-01", "f g"),
    ("Observation?date=gt2013-01-14", "e f h j"),
    ("Observation?date=lt2013-01-14", "b g h"),
    ("Observation?date=ge2013-01-14", "a c d e f h j"),
    ("Observation?date=le2013-01-14", "a b c d g h"),
    ("Observation?date=sa2013-01-14", "j"),
    ("Observation?date=eb2013-01-14", "b"),
    ("Observation?date=sa2013-01-13", "a c d e f j"),
    ("Observation?date=eb2013-01-21", "a b c d g h j"),
    ("Observation?date=ge2030", "f"),
    ("Observation?date=sa2030", ""),
    ("Observation?date=lt1900", "g"),
    ("Observation?date=ap2013-01-14", "a b c d e f g h j"),
    ("Observation?date=2013-01-21", ""),
    ("Observation?date=gt2013-01-21", "f"),
    ("Observation?date=gt2013-01-20", "e f"),
    ("Observation?date=ge2013-01-14T10:00:00Z&date=le2013-01-14T10:00:00Z", "a c d e f g h"),
    ("Observation?date:missing=true", "i"),
    ("Observation?date=2013-01-14T25:00", "illegal-parameter-value"),
    ("Observation?date=2013-01-14T10", "illegal-parameter-value"),
    ("Observation?date=2013-01-14T10:00:00+25:00", "illegal-parameter-value"),
    ("Observation?date=2013-01-14 10:00", "illegal-parameter-value"),
    ("Observation?patient=p1&date=gt2013-01-14", "e f h j"),
    ("Observation?patient=p1&date=ge2030", "f"),
    ("Observation?patient=p1&date=lt1900", "g"),
    ("Observation?patient=p1&date=sa2013-01-13&_sort=date", "a c d e f j"),
    ("Observation?patient=p1&date=ne2013-01&_sort=-date", "f g"),
    ("Observation?patient=p1&date=lt2013-01-14,gt2013-01-21", "b f g h"),
)
ORDERS = (
    ("ServiceRequest?occurrence=2015", "u w"),
    ("ServiceRequest?occurrence=2015-06", "w"),
    ("ServiceRequest?occurrence=gt2015-06", "u"),
    ("ServiceRequest?occurrence=sa2015-05", "w"),
    ("ServiceRequest?occurrence:missing=true", "v x"),
    ("ServiceRequest?authored=2015-02-28", "x"),
    ("ServiceRequest?authored=2015-02-29", "illegal-parameter-value"),
)


@pytest.fixture(scope="module")
def served(app: Flask) -> FlaskClient:
    client = app.test_client()
    plant(client, RESOURCES)
    return client


@pytest.mark.parametrize(("query", "expected"), rows((*BIRTHDAYS, *MOMENTS, *ORDERS)))
def test_a_date_finds_what_r4_says(served: FlaskClient, query: str, expected: str) -> None:
    assert found(served, query) == expected
