"""Batches: entries that succeed and fail on their own.  Spec: https://hl7.org/fhir/R4/http.html#brules"""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.http.calls import bundle, entry, new_id, observation, patient, placeholder, send


def test_each_entry_has_a_status_of_its_own(client: FlaskClient) -> None:
    id = new_id()
    response = send(
        client, "POST", "",
        bundle(
            "batch",
            entry("GET", f"Patient/{id}"),
            entry("PUT", f"Patient/{id}", patient(id)),
            entry("POST", "Patient", patient(nonsense=1)),
            entry("GET", "Nonsense/x"),
            {},
            entry("POST", "", {"resourceType": "Bundle", "type": "batch"}),
            entry("DELETE", f"Patient/{new_id()}"),
        ),
    )  # fmt: skip
    assert response.status_code == 200
    body = response.get_json()
    assert body["type"] == "batch-response"
    statuses = [answer["response"]["status"][:3] for answer in body["entry"]]
    assert statuses == ["200", "201", "422", "404", "400", "400", "204"]
    assert body["entry"][0]["resource"]["id"] == id


def test_a_failing_entry_carries_an_outcome_with_its_place(client: FlaskClient) -> None:
    wrong = patient(name=[{"family": 5}])
    response = send(
        client, "POST", "", bundle("batch", entry("GET", "metadata"), entry("POST", "Patient", wrong))
    )
    outcome = response.get_json()["entry"][1]["response"]["outcome"]
    assert outcome["issue"][0]["expression"] == ["Bundle.entry[1].resource.name[0].family"]


def test_references_between_entries_stay_as_they_are(client: FlaskClient) -> None:
    full_url = placeholder()
    response = send(
        client, "POST", "",
        bundle("batch", entry("POST", "Patient", patient(), full_url), entry("POST", "Observation", observation(full_url))),
        {"Prefer": "return=representation"},
    )  # fmt: skip
    assert response.get_json()["entry"][1]["resource"]["subject"]["reference"] == full_url


def test_entries_take_preconditions(client: FlaskClient) -> None:
    id = new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    response = send(
        client, "POST", "",
        bundle(
            "batch",
            entry("PUT", f"Patient/{id}", patient(id), ifMatch='W/"9"'),
            entry("GET", f"Patient/{id}", ifNoneMatch='W/"1"'),
            entry("POST", "Patient", patient(), ifNoneExist=f"_id={id}"),
        ),
    )  # fmt: skip
    assert [one["response"]["status"][:3] for one in response.get_json()["entry"]] == ["412", "304", "200"]


def test_an_empty_batch_is_answered(client: FlaskClient) -> None:
    response = send(client, "POST", "", {"resourceType": "Bundle", "type": "batch"})
    assert response.get_json() == {"resourceType": "Bundle", "type": "batch-response"}
