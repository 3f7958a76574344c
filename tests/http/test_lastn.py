"""`Observation/$lastn` over HTTP.  Spec: https://hl7.org/fhir/R4/observation-operation-lastn.html"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.calls import BASE, bundle, entry, new_id, observation, patient, send, situation

LOINC = "http://loinc.org"
VITAL = [
    {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
        ]
    }
]


def _coded(*codes: str) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code} for code in codes]}


MADE = [
    ("a1", _coded("a"), "2026-01-01"),
    ("a2", _coded("a"), "2026-01-02"),
    ("a3", _coded("a"), "2026-01-03"),
    ("b1", _coded("b"), "2026-01-05"),
    ("b2", _coded("b"), "2026-01-05"),
    ("b3", _coded("b"), "2026-01-04"),
    ("x1", _coded("x"), "2026-01-06"),
    ("xy", _coded("x", "y"), "2026-01-07"),
    ("y1", _coded("y"), "2026-01-08"),
    ("t1", {"text": "Weight"}, "2026-01-09"),
    ("t2", {"text": "weight"}, "2026-01-08"),
    ("u1", _coded("a"), None),
]  # fmt: skip
"""Label, code and day; x and y are one group through xy."""


@pytest.fixture(scope="module")
def person(app: Any) -> str:
    client, id = app.test_client(), new_id()
    entries = [
        entry(
            "POST", "Observation",
            observation(
                f"Patient/{id}", code=code, category=VITAL, identifier=[{"value": label}],
                **({"effectiveDateTime": day} if day else {}),
            ),
        )
        for label, code, day in MADE
    ]  # fmt: skip
    made = bundle("transaction", entry("PUT", f"Patient/{id}", patient(id)), *entries)
    assert send(client, "POST", "", made).status_code == 200
    return id


def labels(page: dict[str, Any]) -> list[str]:
    return [one["resource"]["identifier"][0]["value"] for one in page.get("entry", [])]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", {"a3", "b1", "b2", "y1", "t1"}, id="last-with-ties"),
        pytest.param("&max=2", {"a3", "a2", "b1", "b2", "y1", "xy", "t1", "t2"}, id="two"),
        pytest.param(
            "&max=3", {"a1", "a2", "a3", "b1", "b2", "b3", "x1", "xy", "y1", "t1", "t2"}, id="undated-is-last"
        ),
        pytest.param("&max=99", {label for label, _, _ in MADE}, id="all"),
        pytest.param("&date=lt2026-01-03", {"a2"}, id="within-a-period"),
        pytest.param("&code=a,b", {"a3", "b1", "b2"}, id="by-codes"),
    ],
)
def test_the_last_of_each_code_are_given_newest_first(
    client: FlaskClient, person: str, query: str, expected: set[str]
) -> None:
    page = send(client, "GET", f"/Observation/$lastn?patient={person}&category=vital-signs{query}").get_json()
    assert set(labels(page)) == expected
    assert page["total"] == len(page["entry"]) == len(expected)
    days = {label: day or "" for label, _, day in MADE}
    assert [days[label] for label in labels(page)] == sorted(
        (days[label] for label in expected), reverse=True
    )


def test_pages_join_to_the_whole(client: FlaskClient, person: str) -> None:
    address = f"/Observation/$lastn?patient={person}&category=vital-signs&max=2"
    whole = labels(send(client, "GET", address).get_json())
    seen, address = [], f"{address}&_count=3"
    while address:
        page = send(client, "GET", address).get_json()
        seen += labels(page)
        assert page["total"] == len(whole)
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        address = following[0].removeprefix(BASE) if following else ""
    assert seen == whole


def test_a_call_by_post_means_the_same(client: FlaskClient, person: str) -> None:
    call = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "subject", "valueReference": {"reference": f"Patient/{person}"}},
            {"name": "category", "valueString": "vital-signs"},
            {"name": "max", "valuePositiveInt": 2},
        ],
    }
    asked = f"/Observation/$lastn?subject=Patient/{person}&category=vital-signs&max=2"
    posted = send(client, "POST", "/Observation/$lastn", call).get_json()
    assert labels(posted) == labels(send(client, "GET", asked).get_json())


@pytest.mark.parametrize(
    ("path", "code"),
    [
        pytest.param("/Observation/$lastn?category=vital-signs", "missing-element", id="no-person"),
        pytest.param("/Observation/$lastn?patient=x", "missing-element", id="no-code"),
        pytest.param("/Observation/$lastn?patient=x&code=a&max=0", "illegal-parameter-value", id="max"),
        pytest.param("/Observation/$lastn?patient=x&code=a&max=1&max=2", "illegal-parameter-value", id="two"),
        pytest.param("/Observation/$lastn?patient=x&code=a&_sort=date", "illegal-parameter-value", id="sort"),
        pytest.param("/Observation/$lastn?patient=x&code=a&nonsense=1", "unknown-parameter", id="unknown"),
        pytest.param("/Observation/$lastn?patient=x&code=a&_cursor=AAAA", "illegal-cursor", id="cursor"),
        pytest.param("/Condition/$lastn?patient=x&code=a", "unknown-operation", id="other-type"),
    ],
)
def test_a_wrong_call_is_refused(client: FlaskClient, path: str, code: str) -> None:
    assert situation(send(client, "GET", path)) == code
