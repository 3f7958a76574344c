"""Referential integrity by setting.  Spec: https://hl7.org/fhir/R4/http.html#delete"""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.http.calls import BASE, bundle, entry, issues, observation, patient, placeholder, send, situation
from tests.http.conftest import MakeApp


@pytest.fixture
def strict(make_app: MakeApp) -> FlaskClient:
    """A client of a server that enforces integrity and has one Patient, `p`."""
    client = make_app(referential_integrity="enforce").test_client()
    assert send(client, "PUT", "/Patient/p", patient("p")).status_code == 201
    return client


def test_a_reference_to_nothing_is_refused_at_its_place(strict: FlaskClient) -> None:
    body = observation(
        "Patient/p", performer=[{"reference": "Patient/p"}, {"reference": "Practitioner/none"}]
    )
    answer = send(strict, "POST", "/Observation", body)
    assert (answer.status_code, situation(answer)) == (422, "unresolved-reference")
    assert issues(answer)[0]["expression"] == ["Observation.performer[1].reference"]
    assert send(strict, "GET", "/Observation").get_json()["total"] == 0


@pytest.mark.parametrize("reference", [
    pytest.param("Patient/p", id="what-exists"),
    pytest.param(f"{BASE}/Patient/p", id="what-exists-by-its-url"),
    pytest.param("https://elsewhere.example.org/fhir/Patient/1", id="another-server"),
    pytest.param("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", id="a-urn"),
])  # fmt: skip
def test_other_references_are_none_of_its_business(strict: FlaskClient, reference: str) -> None:
    body = observation(None, performer=[{"reference": reference}])
    assert send(strict, "POST", "/Observation", body).status_code == 201


def test_what_is_referenced_cannot_be_deleted_until_its_referrer_is_gone(strict: FlaskClient) -> None:
    body = observation(None, "o", performer=[{"reference": "Patient/p"}])
    assert send(strict, "PUT", "/Observation/o", body).status_code == 201
    refused = send(strict, "DELETE", "/Patient/p")
    assert (refused.status_code, situation(refused)) == (409, "referenced")
    assert "Observation" in issues(refused)[0]["diagnostics"]
    assert "/o" not in issues(refused)[0]["diagnostics"]
    assert send(strict, "GET", "/Patient/p").status_code == 200
    assert send(strict, "DELETE", "/Observation/o").status_code == 204
    assert send(strict, "DELETE", "/Patient/p").status_code == 204


def test_the_person_of_a_record_is_a_reference_too(strict: FlaskClient) -> None:
    assert send(strict, "PUT", "/Observation/o", observation("Patient/p", "o")).status_code == 201
    assert send(strict, "DELETE", "/Patient/p").status_code == 409


def test_a_transaction_is_seen_as_a_whole(strict: FlaskClient) -> None:
    full_url = placeholder()
    made = bundle(
        "transaction",
        entry("POST", "Patient", patient(), full_url),
        entry("PUT", "Observation/o", observation(full_url, "o")),
    )
    assert send(strict, "POST", "", made).status_code == 200
    still = observation(None, "x", performer=[{"reference": "Patient/p"}])
    mixed = bundle("transaction", entry("DELETE", "Patient/p"), entry("PUT", "Observation/x", still))
    assert send(strict, "POST", "", mixed).status_code == 422
    assert send(strict, "PUT", "/Observation/x", still).status_code == 201
    both = bundle("transaction", entry("DELETE", "Patient/p"), entry("DELETE", "Observation/x"))
    assert send(strict, "POST", "", both).status_code == 200


def test_a_reference_to_what_was_deleted_is_refused(strict: FlaskClient) -> None:
    send(strict, "DELETE", "/Patient/p")
    assert send(strict, "POST", "/Observation", observation("Patient/p")).status_code == 422


def test_without_the_setting_references_are_free(client: FlaskClient) -> None:
    assert send(client, "POST", "/Observation", observation("Patient/never-was")).status_code == 201
