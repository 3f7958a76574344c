"""Transactions: all or nothing, in the order of the specification, answered in the order of the request.

Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.http.calls import (
    bundle,
    entry,
    issues,
    new_id,
    observation,
    patient,
    placeholder,
    send,
    situation,
)

SYSTEM = "urn:oid:1.2.3"


def transact(client: FlaskClient, *entries: Any, **headers: str) -> TestResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(client, "POST", "", bundle("transaction", *entries), fields)


def answers(response: TestResponse) -> list[dict[str, Any]]:
    """Return the responses of a transaction that went well."""
    assert response.status_code == 200, response.data
    body = response.get_json()
    assert body["type"] == "transaction-response"
    return [answer["response"] for answer in body["entry"]]


def identified(value: str, **more: Any) -> dict[str, Any]:
    return patient(identifier=[{"system": SYSTEM, "value": value}], **more)


def criteria(value: str) -> str:
    return f"identifier={SYSTEM}|{value}"


def located(response: dict[str, Any]) -> str:
    """Return `Type/id` of a response."""
    return str(response["location"]).partition("/_history/")[0]


def test_entries_run_in_the_order_of_the_specification_and_answer_in_that_of_the_request(
    client: FlaskClient,
) -> None:
    gone, kept = new_id(), new_id()
    for id in (gone, kept):
        send(client, "PUT", f"/Patient/{id}", patient(id))
    response = transact(
        client,
        entry("GET", f"Patient/{kept}"),
        entry("PUT", f"Patient/{kept}", patient(kept, active=True)),
        entry("GET", f"Patient?_id={gone}"),
        entry("POST", "Patient", patient()),
        entry("DELETE", f"Patient/{gone}"),
    )
    statuses = [answer["status"][:3] for answer in answers(response)]
    assert statuses == ["200", "200", "200", "201", "204"]
    assert response.get_json()["entry"][2]["resource"]["total"] == 0
    seen = response.get_json()["entry"][0]["resource"]
    assert seen["active"] is True
    assert seen["meta"]["versionId"] == "2"


def test_each_response_has_status_location_etag_and_time(client: FlaskClient) -> None:
    id = new_id()
    created, put = answers(
        transact(client, entry("POST", "Patient", patient()), entry("PUT", f"Patient/{id}", patient(id)))
    )
    assert created["status"] == "201 Created"
    assert created["location"].startswith("Patient/")
    assert put["location"] == f"Patient/{id}/_history/1"
    for answer in (created, put):
        assert answer["etag"] == 'W/"1"'
        assert answer["location"].endswith("/_history/1")
        read = send(client, "GET", f"/{answer['location']}").get_json()
        assert read["meta"]["lastUpdated"] == answer["lastModified"]


@pytest.mark.parametrize(
    ("prefer", "resource", "outcome"),
    [
        pytest.param({}, False, False, id="default-is-minimal"),
        pytest.param({"Prefer": "return=minimal"}, False, False, id="minimal"),
        pytest.param({"Prefer": "return=representation"}, True, False, id="representation"),
        pytest.param({"Prefer": "return=OperationOutcome"}, False, True, id="outcome"),
    ],
)
def test_prefer_says_what_each_response_carries(
    client: FlaskClient, prefer: dict[str, str], resource: bool, outcome: bool
) -> None:
    answer = transact(client, entry("POST", "Patient", patient()), **prefer).get_json()["entry"][0]
    assert ("resource" in answer) is resource
    assert ("outcome" in answer["response"]) is outcome


def test_any_failure_leaves_nothing_behind(client: FlaskClient) -> None:
    id, other = new_id(), new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    response = transact(
        client,
        entry("PUT", f"Patient/{other}", patient(other)),
        entry("PUT", f"Patient/{id}", patient(id, active=True), ifMatch='W/"7"'),
    )
    assert (response.status_code, situation(response)) == (412, "stale-version")
    assert issues(response)[0]["expression"] == ["Bundle.entry[1].request.ifMatch"]
    assert send(client, "GET", f"/Patient/{other}").status_code == 404
    assert send(client, "GET", f"/Patient/{id}").get_json()["meta"]["versionId"] == "1"


def _one(method: str, url: str, resource: Any = None, **request: str) -> list[Any]:
    return [entry(method, url, resource, **request)]


@pytest.mark.parametrize(
    ("entries", "status", "code", "place"),
    [
        pytest.param([{}], 400, "malformed-entry", "Bundle.entry[0].request", id="no-request"),
        pytest.param(["x"], 400, "malformed-entry", "Bundle.entry[0].request", id="not-an-object"),
        pytest.param(
            [{"request": {"method": "GET"}}], 400, "malformed-entry", "Bundle.entry[0].request", id="no-url"
        ),
        pytest.param(
            _one("POST", "Patient"), 400, "malformed-entry", "Bundle.entry[0].resource", id="no-resource"
        ),
        pytest.param(
            _one("POST", "Nonsense", patient()), 404, "unknown-type", "Bundle.entry[0].request.url", id="type"
        ),
        pytest.param(
            _one("PUT", "Patient/a_b", patient("a_b")), 400, "illegal-id", "Bundle.entry[0].request.url", id="id"
        ),
        pytest.param(
            _one("BREW", "Patient/a"), 405, "method-not-allowed", "Bundle.entry[0].request.url", id="method"
        ),
        pytest.param(
            _one("GET", "Patient/a/b/c"), 404, "unknown-address", "Bundle.entry[0].request.url", id="address"
        ),
        pytest.param(
            _one("POST", "", {"resourceType": "Bundle", "type": "batch"}),
            400, "malformed-entry", "Bundle.entry[0].request.url", id="batch-in-a-transaction",
        ),
        pytest.param(
            _one("PUT", "Patient/a", patient("b")),
            400, "id-mismatch", "Bundle.entry[0].resource.id", id="another-id",
        ),
        pytest.param(
            _one("PUT", "Patient/a", patient()), 400, "id-mismatch", "Bundle.entry[0].resource.id", id="lacks-id"
        ),
        pytest.param(
            _one("POST", "Observation", patient()),
            400, "type-mismatch", "Bundle.entry[0].resource.resourceType", id="another-type",
        ),
        pytest.param(
            _one("POST", "Patient", patient(nonsense=1)),
            422, "unknown-element", "Bundle.entry[0].resource.nonsense", id="unknown-element",
        ),
        pytest.param(
            _one("PUT", "Patient/a", patient("a")) + _one("DELETE", "Patient/a"),
            400, "same-resource-twice", "Bundle.entry[1].request.url", id="put-and-delete",
        ),
        pytest.param(
            _one("PUT", "Patient/a", patient("a")) * 2,
            400, "same-resource-twice", "Bundle.entry[1].request.url", id="put-twice",
        ),
        pytest.param(
            _one("POST", "Patient", patient(), ifNoneExist="_sort=_id"),
            412, "criteria-needed", "Bundle.entry[0].request.ifNoneExist", id="criteria-without-a-filter",
        ),
        pytest.param(
            _one("POST", "Patient", patient(), ifNoneExist="nonsense=1"),
            400, "unknown-parameter", "Bundle.entry[0].request.ifNoneExist", id="unknown-criteria",
        ),
        pytest.param(
            _one("PUT", "Patient/never-was", patient("never-was"), ifMatch="1"),
            400, "malformed-header", "Bundle.entry[0].request.ifMatch", id="malformed-etag",
        ),
        pytest.param(
            _one("POST", "Observation", observation(placeholder())),
            None, "unresolved-reference", "Bundle.entry[0].resource.subject.reference", id="dangling",
        ),
    ],
)  # fmt: skip
def test_a_refusal_names_the_entry(
    client: FlaskClient, entries: list[Any], status: int | None, code: str, place: str
) -> None:
    response = transact(client, *entries)
    assert situation(response) == code, response.data
    assert status is None or response.status_code == status
    assert issues(response)[0]["expression"] == [place]


def test_every_faulty_entry_is_told(client: FlaskClient) -> None:
    response = transact(client, {}, entry("GET", "Patient/x"), entry("GET", "Nonsense"))
    assert [issue["expression"] for issue in issues(response)] == [
        ["Bundle.entry[0].request"],
        ["Bundle.entry[2].request.url"],
    ]


def test_a_transaction_of_nothing_is_answered(client: FlaskClient) -> None:
    response = send(client, "POST", "", {"resourceType": "Bundle", "type": "transaction"})
    assert response.get_json() == {"resourceType": "Bundle", "type": "transaction-response"}


def test_a_create_that_gives_way_answers_with_what_exists(client: FlaskClient) -> None:
    value = new_id()
    existing = send(client, "POST", "/Patient", identified(value)).get_json()["id"]
    full_url = placeholder()
    found, created = answers(
        transact(
            client,
            entry("POST", "Patient", identified(value, active=True), full_url, ifNoneExist=criteria(value)),
            entry("POST", "Observation", observation(full_url)),
        )
    )
    assert found["status"] == "200 OK"
    assert found["location"] == f"Patient/{existing}/_history/1"
    stored = send(client, "GET", f"/{located(created)}").get_json()
    assert stored["subject"]["reference"] == f"Patient/{existing}"
    assert "active" not in send(client, "GET", f"/Patient/{existing}").get_json()


def test_criteria_that_several_match_refuse_the_whole(client: FlaskClient) -> None:
    value = new_id()
    for _ in range(2):
        send(client, "POST", "/Patient", identified(value))
    response = transact(
        client,
        entry("POST", "Observation", observation(None, note=[{"text": value}])),
        entry("POST", "Patient", identified(value), ifNoneExist=criteria(value)),
    )
    assert (response.status_code, situation(response)) == (412, "multiple-matches")
    assert issues(response)[0]["expression"] == ["Bundle.entry[1].request.ifNoneExist"]


def test_two_entries_of_the_same_criteria_are_one_resource(client: FlaskClient) -> None:
    value = new_id()
    first, second = placeholder(), placeholder()
    responses = answers(
        transact(
            client,
            entry("POST", "Patient", identified(value), first, ifNoneExist=criteria(value)),
            entry("POST", "Observation", observation(second)),
            entry("POST", "Patient", identified(value), second, ifNoneExist=criteria(value)),
        )
    )
    assert [answer["status"][:3] for answer in responses] == ["201", "201", "200"]
    assert responses[0]["location"] == responses[2]["location"]
    stored = send(client, "GET", f"/{located(responses[1])}").get_json()
    assert stored["subject"]["reference"] == located(responses[0])
    assert send(client, "GET", f"/Patient?{criteria(value)}").get_json()["total"] == 1


def test_two_entries_of_the_same_criteria_find_the_one_that_is_there(client: FlaskClient) -> None:
    value = new_id()
    there = send(client, "POST", "/Patient", identified(value)).get_json()["id"]
    found = answers(
        transact(
            client,
            entry("POST", "Patient", identified(value), placeholder(), ifNoneExist=criteria(value)),
            entry("POST", "Patient", identified(value), placeholder(), ifNoneExist=criteria(value)),
        )
    )
    assert [one["status"][:3] for one in found] == ["200", "200"]
    assert {located(one).split("/")[1] for one in found} == {there}


def test_a_deletion_of_nothing_is_no_failure(client: FlaskClient) -> None:
    (answer,) = answers(transact(client, entry("DELETE", f"Patient/{new_id()}")))
    assert answer == {"status": "204 No Content"}


@pytest.mark.parametrize(
    ("url", "status", "code", "place"),
    [
        pytest.param("Patient/no-such-patient", 404, "not-found", "Bundle.entry[1]", id="read-of-nothing"),
        pytest.param("Patient/{id}/_history/2", 404, "not-found", "Bundle.entry[1]", id="no-such-version"),
        pytest.param("Patient?nonsense:exact=1", 400, None, None, id="unknown-parameter"),
    ],
)
def test_a_read_that_fails_undoes_the_whole(
    client: FlaskClient, url: str, status: int, code: str | None, place: str | None
) -> None:
    id = new_id()
    response = transact(
        client,
        entry("PUT", f"Patient/{id}", patient(id)),
        entry("GET", url.format(id=id)),
        Prefer="handling=strict",
    )
    assert response.status_code == status, response.data
    assert code is None or situation(response) == code
    assert place is None or issues(response)[0]["expression"] == [place]
    assert send(client, "GET", f"/Patient/{id}").status_code == 404


def test_a_repeat_is_answered_though_what_it_read_is_gone(client: FlaskClient) -> None:
    kept, read, key = new_id(), new_id(), {"Idempotency-Key": new_id()}
    send(client, "PUT", f"/Patient/{read}", patient(read))
    asked = (entry("PUT", f"Patient/{kept}", patient(kept)), entry("GET", f"Patient/{read}"))
    assert [one["status"][:3] for one in answers(transact(client, *asked, **key))] == ["201", "200"]
    send(client, "DELETE", f"/Patient/{read}")
    again = transact(client, *asked, **key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert [one["status"][:3] for one in answers(again)] == ["201", "410"]


def test_searches_and_histories_run_after_the_writes(client: FlaskClient) -> None:
    id = new_id()
    response = transact(
        client,
        entry("GET", f"Patient?_id={id}"),
        entry("GET", f"Patient/{id}/_history"),
        entry("HEAD", f"Patient/{id}"),
        entry("PUT", f"Patient/{id}", patient(id)),
    )
    found, history, head, _ = response.get_json()["entry"]
    assert found["resource"]["total"] == 1
    assert history["resource"]["type"] == "history"
    assert "resource" not in head
    assert head["response"]["status"] == "200 OK"


def test_urls_below_our_own_base_are_understood(client: FlaskClient) -> None:
    id = new_id()
    (answer,) = answers(
        transact(client, entry("PUT", f"http://fhir.example.org/fhir/Patient/{id}", patient(id)))
    )
    assert answer["status"] == "201 Created"
    assert send(client, "GET", f"/Patient/{id}").status_code == 200


def test_a_bundle_posted_to_its_type_is_stored_as_it_is(client: FlaskClient) -> None:
    full_url = placeholder()
    sent = bundle(
        "transaction",
        entry("POST", "Patient", patient(), full_url),
        entry("POST", "Observation", observation(full_url)),
    )
    created = send(client, "POST", "/Bundle", sent)
    assert created.status_code == 201
    stored = created.get_json()
    assert stored["entry"] == sent["entry"]
    assert send(client, "GET", f"/Observation?subject={full_url}").get_json()["total"] == 0
