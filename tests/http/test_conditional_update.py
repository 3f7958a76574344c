"""`PUT [type]?[criteria]`.  Spec: https://hl7.org/fhir/R4/http.html#cond-update"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fhir_server.app import CONTEXT
from fhir_server.interactions.conditional_update import conditional_update
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.model.outcome import FhirError
from fhir_server.model.view import View
from tests.http.calls import issues, new_id, patient, send, situation

SYSTEM = "urn:oid:1.2.7"
TOGETHER = 32


def named(value: str, id: str | None = None, **more: Any) -> dict[str, Any]:
    return patient(id, identifier=[{"system": SYSTEM, "value": value}], **more)


def put(client: FlaskClient, value: str, resource: Any, **headers: str) -> TestResponse:
    return send(client, "PUT", f"/Patient?identifier={SYSTEM}%7C{value}", resource, headers)


def count(client: FlaskClient, value: str) -> int:
    return int(send(client, "GET", f"/Patient?identifier={value}&_summary=count").get_json()["total"])


def test_no_match_and_no_id_creates_under_a_new_id(client: FlaskClient) -> None:
    value = new_id()
    created = put(client, value, named(value))
    assert (created.status_code, created.headers["ETag"]) == (201, 'W/"1"')
    id = created.get_json()["id"]
    assert created.headers["Location"].endswith(f"/Patient/{id}/_history/1")
    assert send(client, "GET", f"/Patient/{id}").status_code == 200


def test_no_match_and_an_id_creates_under_that_id(client: FlaskClient) -> None:
    value, id = new_id(), new_id()
    created = put(client, value, named(value, id))
    assert (created.status_code, created.get_json()["id"]) == (201, id)


def test_no_match_and_the_id_of_another_resource_is_a_conflict(client: FlaskClient) -> None:
    value, id = new_id(), new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    response = put(client, value, named(value, id))
    assert (response.status_code, situation(response)) == (409, "conflict")
    assert issues(response)[0]["expression"] == ["Patient.id"]
    assert "identifier" not in send(client, "GET", f"/Patient/{id}").get_json()


def test_no_match_and_the_id_of_a_deleted_resource_brings_it_back(client: FlaskClient) -> None:
    value, id = new_id(), new_id()
    send(client, "PUT", f"/Patient/{id}", named(value, id))
    send(client, "DELETE", f"/Patient/{id}")
    response = put(client, value, named(value, id))
    assert (response.status_code, response.headers["ETag"]) == (201, 'W/"3"')


@pytest.mark.parametrize("with_id", [False, True], ids=["no-id", "the-same-id"])
def test_one_match_is_replaced(client: FlaskClient, with_id: bool) -> None:
    value = new_id()
    id = put(client, value, named(value)).get_json()["id"]
    response = put(client, value, named(value, id if with_id else None, active=True))
    assert (response.status_code, response.headers["ETag"]) == (200, 'W/"2"')
    assert response.get_json()["id"] == id
    assert send(client, "GET", f"/Patient/{id}").get_json()["active"] is True


def test_one_match_of_another_id_is_refused(client: FlaskClient) -> None:
    value = new_id()
    id = put(client, value, named(value)).get_json()["id"]
    response = put(client, value, named(value, new_id()))
    assert (response.status_code, situation(response)) == (400, "id-mismatch")
    assert send(client, "GET", f"/Patient/{id}").get_json()["meta"]["versionId"] == "1"


def test_several_matches_are_refused(client: FlaskClient) -> None:
    value = new_id()
    for _ in range(2):
        send(client, "POST", "/Patient", named(value))
    response = put(client, value, named(value, active=True))
    assert (response.status_code, situation(response)) == (412, "multiple-matches")
    found = send(client, "GET", f"/Patient?identifier={value}").get_json()["entry"]
    assert ["active" in one["resource"] for one in found] == [False, False]


UNSELECTIVE = [
    pytest.param("", 412, "criteria-needed", id="none"),
    pytest.param("?", 412, "criteria-needed", id="empty"),
    pytest.param("?_sort=_lastUpdated", 412, "criteria-needed", id="order"),
    pytest.param("?_count=1", 412, "criteria-needed", id="page-size"),
    pytest.param("?_format=json", 412, "criteria-needed", id="format"),
    pytest.param("?identifier:missing=false", 412, "criteria-needed", id="whatever-has"),
    pytest.param("?identifier:missing=true", 412, "criteria-needed", id="whatever-lacks"),
    pytest.param("?gender:not=male", 412, "criteria-needed", id="whatever-is-not"),
    pytest.param("?_lastUpdated=gt1900", 412, "criteria-needed", id="whenever"),
    pytest.param("?_filter=gender pr true", 412, "criteria-needed", id="by-a-filter-alone"),
    pytest.param("?nonsense=1", 400, "unknown-parameter", id="unknown"),
    pytest.param("?identifier=x&nonsense=1", 400, "unknown-parameter", id="unknown-beside-a-known-one"),
    pytest.param("?identifier=", 400, "illegal-parameter-value", id="no-value"),
    pytest.param("?family:sounds=x", 400, "unsupported-modifier", id="modifier"),
    pytest.param("?birthdate=yesterday", 400, "illegal-parameter-value", id="illegal-value"),
]
"""Criteria that are none, or that match next to everything."""


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(("query", "status", "code"), UNSELECTIVE)
def test_criteria_that_select_nothing_in_particular_are_refused(
    client: FlaskClient, method: str, query: str, status: int, code: str
) -> None:
    put(client, "kept", named("kept"))
    before = send(client, "GET", "/Patient?_summary=count").get_json()["total"]
    headers = {"Content-Type": "application/json-patch+json"} if method == "PATCH" else {}
    body = {"PUT": patient(), "PATCH": [{"op": "add", "path": "/active", "value": True}], "DELETE": None}[
        method
    ]
    response = send(client, method, f"/Patient{query}", body, headers)
    assert (response.status_code, situation(response)) == (status, code)
    assert send(client, "GET", "/Patient?_summary=count").get_json()["total"] == before
    assert (
        "active"
        not in send(client, "GET", f"/Patient?identifier={SYSTEM}%7Ckept").get_json()["entry"][0]["resource"]
    )


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        pytest.param('W/"1"', 200, id="current"),
        pytest.param('W/"9"', 412, id="stale"),
        pytest.param("9", 400, id="malformed"),
    ],
)
def test_if_match_guards_the_match(client: FlaskClient, if_match: str, status: int) -> None:
    value = new_id()
    put(client, value, named(value))
    assert put(client, value, named(value), **{"If-Match": if_match}).status_code == status


def test_if_match_of_no_match_creates_nothing(client: FlaskClient) -> None:
    value = new_id()
    response = put(client, value, named(value), **{"If-Match": 'W/"1"'})
    assert (response.status_code, situation(response), count(client, value)) == (412, "stale-version", 0)


def test_if_none_match_star_only_creates(client: FlaskClient) -> None:
    value = new_id()
    first, second = (put(client, value, named(value), **{"If-None-Match": "*"}) for _ in range(2))
    assert (first.status_code, second.status_code, situation(second)) == (201, 412, "exists")


@pytest.mark.parametrize(
    ("resource", "status", "code"),
    [
        pytest.param({"resourceType": "Person"}, 400, "type-mismatch", id="another-type"),
        pytest.param(patient(nonsense=1), 422, "unknown-element", id="invalid"),
        pytest.param(patient("a_b"), 422, "illegal-value", id="illegal-id"),
        pytest.param(None, 400, "empty-body", id="no-body"),
    ],
)
def test_a_resource_that_cannot_be_stored_is_refused(
    client: FlaskClient, resource: Any, status: int, code: str
) -> None:
    value = new_id()
    response = put(client, value, resource)
    assert (response.status_code, situation(response), count(client, value)) == (status, code, 0)


def test_an_idempotent_update_is_carried_out_once(client: FlaskClient) -> None:
    value, key = new_id(), {"Idempotency-Key": new_id()}
    first, second = (put(client, value, named(value), **key) for _ in range(2))
    assert (first.status_code, second.status_code, second.data) == (201, 201, first.data)
    assert second.headers["Idempotency-Replayed"] == "true"


def test_where_clients_may_not_choose_ids_only_the_server_does(app: Flask) -> None:
    context: Context = replace(app.extensions[CONTEXT], update_create=False)
    value = new_id()
    request = Request(
        "update", View.unrestricted("open"), context.clock.now(), "r", "Patient",
        query=(("identifier", value),), body=named(value, new_id()),
    )  # fmt: skip
    with pytest.raises(FhirError) as refusal:
        conditional_update(context, request)
    assert (refusal.value.status, refusal.value.issues[0].situation) == (405, "update-create-not-allowed")
    assert conditional_update(context, replace(request, body=named(value))).status == 201


def test_of_many_at_once_one_creates_and_the_others_update_it(app: Flask) -> None:
    value, start = new_id(), Barrier(TOGETHER)

    def attempt(_: int) -> tuple[int, str]:
        client = app.test_client()
        start.wait()
        response = put(client, value, named(value))
        return response.status_code, response.get_json().get("id", "")

    with ThreadPoolExecutor(TOGETHER) as threads:
        answers = list(threads.map(attempt, range(TOGETHER)))
    statuses = [status for status, _ in answers]
    assert statuses.count(201) == 1
    # Those that always found another one before them give up: nothing is lost, the client is told.
    assert set(statuses) <= {200, 201, 409}
    assert len({id for status, id in answers if status != 409}) == 1
    client = app.test_client()
    assert count(client, value) == 1
    [found] = send(client, "GET", f"/Patient?identifier={value}").get_json()["entry"]
    assert int(found["resource"]["meta"]["versionId"]) == statuses.count(200) + 1


def test_an_update_and_a_create_of_the_same_criteria_make_one_resource(app: Flask) -> None:
    value, start = new_id(), Barrier(16)

    def attempt(number: int) -> int:
        client = app.test_client()
        start.wait()
        if number % 2:
            return put(client, value, named(value)).status_code
        headers = {"If-None-Exist": f"identifier={SYSTEM}|{value}"}
        return send(client, "POST", "/Patient", named(value), headers).status_code

    with ThreadPoolExecutor(16) as threads:
        statuses = list(threads.map(attempt, range(16)))
    assert statuses.count(201) == 1
    assert count(app.test_client(), value) == 1
