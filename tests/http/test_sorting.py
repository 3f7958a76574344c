"""`_sort` over HTTP, parameter type by parameter type.  Spec: https://hl7.org/fhir/R4/search.html#sort"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.calls import BASE, bundle, entry, new_id, observation, patient, send

UCUM = "http://unitsofmeasure.org"
TAG = "urn:sorting"


def _quantity(value: float, code: str) -> dict[str, Any]:
    return {"value": value, "unit": code, "system": UCUM, "code": code}


def _code(code: str, system: str = "http://loinc.org") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


OBSERVATIONS: dict[str, dict[str, Any]] = {
    "a": {"valueQuantity": _quantity(2, "g"), "code": _code("b", "urn:z"), "status": "final"},
    "b": {"valueQuantity": _quantity(500, "mg"), "code": _code("a"), "status": "amended"},
    "c": {"valueQuantity": _quantity(1.5, "g"), "code": _code("c", "urn:a"), "status": "preliminary"},
    "d": {"valueString": "Œuvre", "code": {"text": "none"}, "status": "registered"},
    "e": {"valueString": "zone", "code": _code("d"), "status": "cancelled"},
}
PATIENTS: dict[str, dict[str, Any]] = {
    "a": {"name": [{"family": "Élan"}, {"family": "Zola"}], "birthDate": "1980-05-01", "gender": "male"},
    "b": {"name": [{"family": "de la Tour"}], "birthDate": "1980", "gender": "female"},
    "c": {"name": [{"family": "MARTIN"}], "gender": "other"},
    "d": {"name": [{"text": "only text"}], "birthDate": "1979-12-31"},
    "e": {"name": [{"family": "Faure"}], "birthDate": "2001-01-01", "gender": "unknown"},
}
RISKS: dict[str, dict[str, Any]] = {
    "a": {"prediction": [{"probabilityDecimal": 0.9}]},
    "b": {"prediction": [{"probabilityDecimal": 0.25}, {"probabilityDecimal": 0.95}]},
    "c": {},
    "d": {"prediction": [{"probabilityDecimal": 0.5}]},
}


@pytest.fixture(scope="module")
def sorted_(app: Any) -> str:
    """What is sorted; the id of the person whose record holds the Observations and RiskAssessments."""
    client, person = app.test_client(), new_id()
    reference = f"Patient/{person}"
    made = [entry("PUT", reference, patient(person))]
    for label, content in OBSERVATIONS.items():
        resource = observation(reference, **{**content, "identifier": [{"value": label}]})
        resource["encounter"] = {"reference": f"Encounter/{label}"}
        made.append(entry("POST", "Observation", resource))
    for label, content in RISKS.items():
        made.append(
            entry(
                "POST",
                "RiskAssessment",
                {
                    "resourceType": "RiskAssessment", "status": "final", "subject": {"reference": reference},
                    "identifier": [{"value": label}], **content,
                },
            )
        )  # fmt: skip
    for label, content in PATIENTS.items():
        meta = {"tag": [{"system": TAG, "code": "x"}]}
        resource = {"resourceType": "Patient", "meta": meta, "identifier": [{"value": label}], **content}
        made.append(entry("POST", "Patient", resource))
    response = send(client, "POST", "", bundle("transaction", *made))
    assert response.status_code == 200, response.get_data(as_text=True)
    return person


def labels(client: FlaskClient, address: str) -> str:
    """Return the labels of all pages of two, in order."""
    found = ""
    while address:
        response = send(client, "GET", address)
        assert response.status_code == 200, response.get_data(as_text=True)
        page = response.get_json()
        found += "".join(one["resource"]["identifier"][0]["value"] for one in page.get("entry", []))
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        address = following[0].removeprefix(BASE) if following else ""
    return found


@pytest.mark.parametrize(
    ("search", "ascending", "descending"),
    [
        pytest.param("Observation?subject={}&_sort=value-quantity", "bcade", "acbed", id="base-units"),
        pytest.param("Observation?subject={}&_sort=code", "baced", "ecabd", id="code-without-its-system"),
        pytest.param("Observation?subject={}&_sort=status", "beacd", "dcaeb", id="code-that-is-required"),
        pytest.param("Observation?subject={}&_sort=value-string", "deabc", "edcba", id="string-folded"),
        pytest.param("Observation?subject={}&_sort=encounter", "abcde", "edcba", id="reference"),
        pytest.param("Observation?subject={}&_sort=identifier", "abcde", "edcba", id="identifier"),
        pytest.param("Observation?subject={}&_sort=patient,identifier", "abcde", "edcba", id="person-ties"),
        pytest.param("RiskAssessment?subject={}&_sort=probability", "bdac", "badc", id="number-of-several"),
        pytest.param("Patient?_tag=urn:sorting|x&_sort=family", "baecd", "acebd", id="family-of-several"),
        pytest.param("Patient?_tag=urn:sorting|x&_sort=birthdate,identifier", "dbaec", "eabdc", id="date"),
        pytest.param("Patient?_tag=urn:sorting|x&_sort=gender,identifier", "baced", "ecabd", id="gender"),
    ],
)
def test_each_type_of_parameter_orders_its_resources(
    client: FlaskClient, sorted_: str, search: str, ascending: str, descending: str
) -> None:
    address = "/" + search.format(sorted_)
    assert labels(client, f"{address}&_count=2") == ascending
    turned = address.replace("_sort=", "_sort=-").replace(",identifier", ",-identifier")
    assert labels(client, f"{turned}&_count=2") == descending


def test_the_second_key_orders_what_the_first_leaves_equal(client: FlaskClient, sorted_: str) -> None:
    address = f"/Observation?subject={sorted_}&_sort=-patient,code,-_id"
    assert labels(client, address) == "baced"


def test_an_ascending_walk_by_date_ends_with_what_has_none(client: FlaskClient) -> None:
    person = new_id()
    for label, day in (("x", "2026-01-02"), ("y", None), ("w", "2026-01-01"), ("z", None)):
        dated = {"effectiveDateTime": day} if day else {}
        resource = observation(f"Patient/{person}", identifier=[{"value": label}], **dated)
        assert send(client, "POST", "/Observation", resource).status_code == 201
    for size in (1, 2, 3, 9):
        address = f"/Observation?subject={person}&_count={size}"
        assert labels(client, f"{address}&_sort=date") == "wxyz"
        assert labels(client, f"{address}&_sort=-date") == "xwzy"
