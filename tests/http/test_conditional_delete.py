"""`DELETE [type]?[criteria]`, single and multiple.  Spec: https://hl7.org/fhir/R4/http.html#3.1.0.7.1"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.http.calls import issues, new_id, observation, patient, send, situation
from tests.http.conftest import MakeApp
from tests.http.test_access_log import Log


def delete(client: FlaskClient, value: str, **headers: str) -> TestResponse:
    return send(client, "DELETE", f"/Patient?identifier={value}", headers=headers)


def stored(client: FlaskClient, value: str, number: int = 1) -> list[str]:
    """Store Patients of one identifier and return their ids."""
    body = patient(identifier=[{"value": value}])
    return [str(send(client, "POST", "/Patient", body).get_json()["id"]) for _ in range(number)]


def statuses(client: FlaskClient, ids: list[str]) -> list[int]:
    return [send(client, "GET", f"/Patient/{id}").status_code for id in ids]


@pytest.fixture
def several(make_app: MakeApp) -> FlaskClient:
    """A server that deletes several matches, three at most."""
    return make_app(conditional_delete="multiple", max_entries=3).test_client()


def test_the_one_match_is_deleted(client: FlaskClient) -> None:
    value = new_id()
    [id] = stored(client, value)
    response = delete(client, value)
    assert (response.status_code, response.data, response.headers["ETag"]) == (204, b"", 'W/"2"')
    assert statuses(client, [id]) == [410]


def test_no_match_is_no_error(client: FlaskClient) -> None:
    value = new_id()
    assert delete(client, value).status_code == 204
    [id] = stored(client, value)
    assert [delete(client, value).status_code for _ in range(2)] == [204, 204]
    assert send(client, "GET", f"/Patient/{id}/_history").get_json()["total"] == 2


def test_several_matches_are_refused_where_single_is_declared(client: FlaskClient) -> None:
    value = new_id()
    ids = stored(client, value, 2)
    response = delete(client, value)
    assert (response.status_code, situation(response)) == (412, "multiple-matches")
    assert statuses(client, ids) == [200, 200]


def test_several_matches_are_all_deleted_where_multiple_is_declared(several: FlaskClient) -> None:
    value, other = new_id(), new_id()
    ids, kept = stored(several, value, 3), stored(several, other)
    response = delete(several, value)
    assert (response.status_code, response.data) == (204, b"")
    assert "ETag" not in response.headers
    assert statuses(several, ids) == [410, 410, 410]
    assert statuses(several, kept) == [200]


def test_more_matches_than_may_be_deleted_at_once_are_all_kept(several: FlaskClient) -> None:
    value = new_id()
    ids = stored(several, value, 4)
    response = delete(several, value)
    assert (response.status_code, situation(response)) == (412, "multiple-matches")
    assert "3" in issues(response)[0]["details"]["text"]
    assert statuses(several, ids) == [200] * 4


def test_what_is_declared_is_what_the_setting_says(client: FlaskClient, several: FlaskClient) -> None:
    for one, word in ((client, "single"), (several, "multiple")):
        resources = send(one, "GET", "/metadata").get_json()["rest"][0]["resource"]
        assert {each["conditionalDelete"] for each in resources} == {word}


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        pytest.param('W/"1"', 204, id="current"),
        pytest.param('W/"2"', 412, id="stale"),
        pytest.param("1", 400, id="malformed"),
    ],
)
def test_if_match_guards_the_match(client: FlaskClient, if_match: str, status: int) -> None:
    value = new_id()
    ids = stored(client, value)
    assert delete(client, value, **{"If-Match": if_match}).status_code == status
    assert statuses(client, ids) == [410 if status == 204 else 200]


def test_if_match_goes_with_one_match_alone(several: FlaskClient) -> None:
    value = new_id()
    response = delete(several, value, **{"If-Match": 'W/"1"'})
    assert (response.status_code, situation(response)) == (412, "stale-version")
    ids = stored(several, value, 2)
    response = delete(several, value, **{"If-Match": 'W/"1"'})
    assert (response.status_code, situation(response)) == (412, "stale-version")
    assert statuses(several, ids) == [200, 200]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_outcome_is_given_when_asked(several: FlaskClient, number: int) -> None:
    value = new_id()
    stored(several, value, number)
    response = delete(several, value, Prefer="return=OperationOutcome")
    assert (response.status_code, issues(response)[0]["severity"]) == (200, "information")


def test_an_idempotent_deletion_is_carried_out_once(several: FlaskClient) -> None:
    value, key = new_id(), {"Idempotency-Key": new_id()}
    stored(several, value, 2)
    first = delete(several, value, **key)
    ids = stored(several, value, 2)
    second = delete(several, value, **key)
    assert (first.status_code, second.status_code) == (204, 204)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert statuses(several, ids) == [200, 200]


def test_the_access_log_tells_each_person_whose_record_it_touched(make_app: MakeApp) -> None:
    app = make_app(conditional_delete="multiple")
    value = new_id()
    ids = sorted(stored(app.test_client(), value, 2))
    entries = Log(app).of("DELETE", f"/Patient?identifier={value}")
    assert [(one["interaction"], one["status"]) for one in entries] == [("delete", 204)] * 2
    assert [one["owner"] for one in entries] == ids
    assert [one["entities"] for one in entries] == [[f"Patient/{id}/_history/2"] for id in ids]


def test_a_person_in_the_criteria_is_enough(client: FlaskClient) -> None:
    """`patient=` names what the resource has: the one Observation of that person goes."""
    id = new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    made = send(client, "POST", "/Observation", observation(f"Patient/{id}")).get_json()["id"]
    assert send(client, "DELETE", f"/Observation?patient={id}").status_code == 204
    assert send(client, "GET", f"/Observation/{made}").status_code == 410


def test_of_many_at_once_one_deletes(app: Flask) -> None:
    value, start = new_id(), Barrier(16)
    [id] = stored(app.test_client(), value)

    def attempt(_: int) -> int:
        client = app.test_client()
        start.wait()
        return delete(client, value).status_code

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(attempt, range(16))) == {204}
    assert send(app.test_client(), "GET", f"/Patient/{id}/_history").get_json()["total"] == 2
