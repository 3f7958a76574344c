"""If-None-Exist: exactly one resource, however many ask at once.  Spec: https://hl7.org/fhir/R4/http.html#ccreate"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.http.calls import bundle, entry, new_id, patient, send, situation
from tests.http.conftest import MakeApp

SYSTEM = "urn:oid:1.2.5"
TOGETHER = 64


def _create(client: FlaskClient, value: str) -> tuple[int, str]:
    body = patient(identifier=[{"system": SYSTEM, "value": value}])
    response = send(client, "POST", "/Patient", body, {"If-None-Exist": f"identifier={SYSTEM}|{value}"})
    return response.status_code, response.get_json().get("id", "")


def test_the_second_create_answers_with_what_exists_and_makes_no_version(client: FlaskClient) -> None:
    value = new_id()
    first, second = _create(client, value), _create(client, value)
    assert (first[0], second[0]) == (201, 200)
    assert first[1] == second[1]
    assert send(client, "GET", f"/Patient/{first[1]}").get_json()["meta"]["versionId"] == "1"


def test_several_matches_are_refused(client: FlaskClient) -> None:
    value = new_id()
    for _ in range(2):
        send(client, "POST", "/Patient", patient(identifier=[{"system": SYSTEM, "value": value}]))
    response = send(client, "POST", "/Patient", patient(), {"If-None-Exist": f"identifier={SYSTEM}|{value}"})
    assert (response.status_code, situation(response)) == (412, "multiple-matches")


@pytest.mark.parametrize(
    ("criteria", "status"),
    [
        pytest.param("", 412, id="empty"),
        pytest.param("_sort=_lastUpdated", 412, id="result-parameter-only"),
        pytest.param("_count=1", 412, id="page-size-only"),
        pytest.param("nonsense=1", 400, id="unknown-parameter"),
        pytest.param("identifier=a&nonsense=1", 400, id="unknown-beside-a-known-one"),
        pytest.param("birthdate=yesterday", 400, id="illegal-value"),
    ],
)
def test_criteria_that_do_not_select_are_refused(client: FlaskClient, criteria: str, status: int) -> None:
    before = send(client, "GET", "/Patient?_summary=count").get_json()["total"]
    response = send(client, "POST", "/Patient", patient(), {"If-None-Exist": criteria})
    assert response.status_code == status
    assert send(client, "GET", "/Patient?_summary=count").get_json()["total"] == before


def test_a_deleted_match_does_not_count(client: FlaskClient) -> None:
    value = new_id()
    _, id = _create(client, value)
    send(client, "DELETE", f"/Patient/{id}")
    status, again = _create(client, value)
    assert status == 201
    assert again != id


def test_of_many_at_once_exactly_one_creates(app: Flask) -> None:
    value, start = new_id(), Barrier(TOGETHER)

    def attempt(_: int) -> tuple[int, str]:
        client = app.test_client()
        start.wait()
        return _create(client, value)

    with ThreadPoolExecutor(TOGETHER) as threads:
        answers = list(threads.map(attempt, range(TOGETHER)))
    assert sorted(status for status, _ in answers) == [200] * (TOGETHER - 1) + [201]
    assert len({id for _, id in answers}) == 1
    assert send(app.test_client(), "GET", f"/Patient?identifier={SYSTEM}|{value}").get_json()["total"] == 1


@pytest.mark.parametrize("way", ["create", "update", "transaction"])
def test_a_code_is_looked_up_under_systems_that_others_bring_at_the_same_time(
    make_app: MakeApp, way: str
) -> None:
    """Nobody wrote any of these systems before; the criteria name none."""
    app, start = make_app(), Barrier(8)

    def attempt(number: int) -> int:
        client = app.test_client()
        body = patient(identifier=[{"system": f"urn:oid:1.2.{number}", "value": "new"}])
        start.wait()
        if way == "update":
            return send(client, "PUT", "/Patient?identifier=new", body).status_code
        if way == "create":
            return send(client, "POST", "/Patient", body, {"If-None-Exist": "identifier=new"}).status_code
        made = bundle("transaction", entry("POST", "Patient", body, ifNoneExist="identifier=new"))
        answer = send(client, "POST", "", made)
        if answer.status_code != 200:
            return answer.status_code
        return int(answer.get_json()["entry"][0]["response"]["status"][:3])

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(attempt, range(8)))
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
    assert send(app.test_client(), "GET", "/Patient?identifier=new").get_json()["total"] == 1


def test_of_many_transactions_at_once_exactly_one_creates(app: Flask) -> None:
    value, start = new_id(), Barrier(16)
    body = bundle(
        "transaction",
        entry(
            "POST", "Patient", patient(identifier=[{"system": SYSTEM, "value": value}]),
            ifNoneExist=f"identifier={SYSTEM}|{value}",
        ),
    )  # fmt: skip

    def attempt(_: int) -> str:
        client = app.test_client()
        start.wait()
        return str(send(client, "POST", "", body).get_json()["entry"][0]["response"]["status"])

    with ThreadPoolExecutor(16) as threads:
        statuses = list(threads.map(attempt, range(16)))
    assert sorted(statuses) == ["200 OK"] * 15 + ["201 Created"]


def test_of_many_updates_at_once_none_is_lost(app: Flask) -> None:
    """Each is planned anew when another came first; a version number tells that all were stored."""
    id, start = new_id(), Barrier(4)
    send(app.test_client(), "PUT", f"/Patient/{id}", patient(id))

    def attempt(_: int) -> int:
        client = app.test_client()
        start.wait()
        return send(client, "PUT", f"/Patient/{id}", patient(id)).status_code

    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(attempt, range(4)))
    stored = send(app.test_client(), "GET", f"/Patient/{id}/_history").get_json()["total"]
    assert stored == 1 + statuses.count(200)
    assert set(statuses) <= {200, 409}


def test_of_many_guarded_updates_at_once_one_wins(app: Flask) -> None:
    id, start = new_id(), Barrier(8)
    send(app.test_client(), "PUT", f"/Patient/{id}", patient(id))

    def attempt(_: int) -> int:
        client = app.test_client()
        start.wait()
        return send(client, "PUT", f"/Patient/{id}", patient(id), {"If-Match": 'W/"1"'}).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(attempt, range(8)))
    assert sorted(statuses) == [200] + [412] * 7
