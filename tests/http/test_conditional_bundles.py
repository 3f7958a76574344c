"""Conditional updates, patches and deletes as entries of a batch or transaction.

Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.http.calls import bundle, entry, issues, new_id, observation, patient, placeholder, send
from tests.http.conftest import MakeApp
from tests.http.patches import fhirpath
from tests.http.test_access_log import Log

KINDS = ["batch", "transaction"]
ACTIVE = fhirpath({"type": "add", "path": "Patient", "name": "active", "value": {"valueBoolean": True}})


def named(value: str, id: str | None = None, **more: Any) -> dict[str, Any]:
    return patient(id, identifier=[{"value": value}], **more)


def put(value: str, resource: Any, full_url: str | None = None, **request: str) -> Any:
    return entry("PUT", f"Patient?identifier={value}", resource, full_url, **request)


def statuses(client: FlaskClient, kind: str, *entries: Any) -> list[str]:
    answer = send(client, "POST", "", bundle(kind, *entries))
    assert answer.status_code == 200, answer.data
    return [one["response"]["status"][:3] for one in answer.get_json()["entry"]]


def found(client: FlaskClient, value: str) -> list[dict[str, Any]]:
    return [
        one["resource"]
        for one in send(client, "GET", f"/Patient?identifier={value}").get_json().get("entry", [])
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_conditional_update_creates_then_replaces(client: FlaskClient, kind: str) -> None:
    value, id = new_id(), new_id()
    assert statuses(client, kind, put(value, named(value))) == ["201"]
    assert statuses(client, kind, put(value, named(value, active=True))) == ["200"]
    [one] = found(client, value)
    assert (one["active"], one["meta"]["versionId"]) == (True, "2")
    other = new_id()
    assert statuses(client, kind, put(other, named(other, id))) == ["201"]
    assert [one["id"] for one in found(client, other)] == [id]


@pytest.mark.parametrize("kind", KINDS)
def test_a_conditional_update_brings_a_deleted_id_back(client: FlaskClient, kind: str) -> None:
    value, id = new_id(), new_id()
    send(client, "PUT", f"/Patient/{id}", named(value, id))
    send(client, "DELETE", f"/Patient/{id}")
    assert statuses(client, kind, put(value, named(value, id))) == ["201"]
    assert found(client, value)[0]["meta"]["versionId"] == "3"


@pytest.mark.parametrize("kind", KINDS)
def test_a_conditional_delete_deletes_the_match(client: FlaskClient, kind: str) -> None:
    value = new_id()
    send(client, "POST", "/Patient", named(value))
    delete = entry("DELETE", f"Patient?identifier={value}")
    assert [statuses(client, kind, delete) for _ in range(2)] == [["204"], ["204"]]
    assert found(client, value) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_conditional_delete_deletes_several_where_that_is_declared(make_app: MakeApp, kind: str) -> None:
    app = make_app(conditional_delete="multiple", max_entries=3)
    client, value = app.test_client(), new_id()
    ids = sorted(send(client, "POST", "/Patient", named(value)).get_json()["id"] for _ in range(3))
    entries = Log(app).of("POST", "", bundle(kind, entry("DELETE", f"Patient?identifier={value}")))
    assert found(client, value) == []
    assert [one["owner"] for one in entries if one["owner"]] == ids
    assert [one["entities"] for one in entries if one["owner"]] == [
        [f"Patient/{id}/_history/2"] for id in ids
    ]


def test_a_repeated_transaction_with_several_deletions_is_answered_as_before(make_app: MakeApp) -> None:
    client, value = make_app(conditional_delete="multiple").test_client(), new_id()
    for _ in range(2):
        send(client, "POST", "/Patient", named(value))
    made = bundle(
        "transaction", entry("DELETE", f"Patient?identifier={value}"), entry("POST", "Patient", patient())
    )
    first, second = (send(client, "POST", "", made, {"Idempotency-Key": "k"}) for _ in range(2))
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.data == second.data
    assert [one["response"]["status"] for one in first.get_json()["entry"]] == [
        "204 No Content",
        "201 Created",
    ]


def test_links_lead_to_what_a_conditional_update_is_about(client: FlaskClient) -> None:
    there, new = new_id(), new_id()
    known = send(client, "POST", "/Patient", named(there)).get_json()["id"]
    first, second = placeholder(), placeholder()
    made = bundle(
        "transaction",
        put(there, named(there), first),
        put(new, named(new), second),
        entry("POST", "Observation", observation(first)),
        entry("POST", "Observation", observation(second)),
        entry("POST", "Observation", observation(f"Patient?identifier={new}")),
    )
    answer = send(client, "POST", "", made, {"Prefer": "return=representation"})
    assert answer.status_code == 200, answer.data
    resources = [one["resource"] for one in answer.get_json()["entry"]]
    created = resources[1]["id"]
    assert resources[0]["id"] == known
    assert [one["subject"]["reference"] for one in resources[2:]] == [
        f"Patient/{known}", f"Patient/{created}", f"Patient/{created}",
    ]  # fmt: skip


VALUE = "{value}"


@pytest.mark.parametrize(
    ("made", "status", "code", "place"),
    [
        pytest.param(put("two", named("two")), 412, "multiple-matches", "request.url", id="update-several"),
        pytest.param(entry("DELETE", "Patient?identifier=two"), 412, "multiple-matches", "request.url", id="delete-several"),
        pytest.param(entry("PATCH", "Patient?identifier=two", ACTIVE), 412, "multiple-matches", "request.url", id="patch-several"),
        pytest.param(entry("PATCH", "Patient?identifier=none", ACTIVE), 404, "not-found", "request.url", id="patch-none"),
        pytest.param(put("one", named("one", "another")), 400, "id-mismatch", "resource.id", id="another-id"),
        pytest.param(put("none", named("none", "taken")), 409, "conflict", "resource.id", id="an-id-that-is-taken"),
        pytest.param(put("one", named("one"), ifMatch='W/"7"'), 412, "stale-version", "request.ifMatch", id="stale"),
        pytest.param(put("one", named("one"), ifNoneMatch="*"), 412, "exists", "request.ifNoneMatch", id="exists"),
        pytest.param(entry("PUT", "Patient", patient()), 412, "criteria-needed", "request.url", id="update-no-criteria"),
        pytest.param(entry("DELETE", "Patient"), 412, "criteria-needed", "request.url", id="delete-no-criteria"),
        pytest.param(entry("DELETE", "Patient?_lastUpdated=gt1900"), 412, "criteria-needed", "request.url", id="delete-everything"),
        pytest.param(entry("DELETE", "Patient?gender:not=male"), 412, "criteria-needed", "request.url", id="delete-the-others"),
        pytest.param(entry("DELETE", "Patient?nonsense=1"), 400, "unknown-parameter", "request.url", id="unknown-parameter"),
        pytest.param(put("one", {"resourceType": "Person"}), 400, "type-mismatch", "resource.resourceType", id="another-type"),
    ],
)  # fmt: skip
def test_a_conditional_entry_that_cannot_be_is_refused_at_its_place_and_changes_nothing(
    make_app: MakeApp, made: Any, status: int, code: str, place: str
) -> None:
    client = make_app().test_client()
    for value in ("one", "two", "two"):
        send(client, "POST", "/Patient", named(value))
    send(client, "PUT", "/Patient/taken", patient("taken"))
    answer = send(client, "POST", "", bundle("transaction", entry("POST", "Patient", named("beside")), made))
    [first, *_] = issues(answer)
    assert (answer.status_code, first["details"]["coding"][0]["code"]) == (status, code)
    assert first["expression"] == [f"Bundle.entry[1].{place}"]
    history = send(client, "GET", "/Patient?_count=50").get_json()["entry"]
    assert [one["resource"]["meta"]["versionId"] for one in history] == ["1"] * 4


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([put("one", named("one")), put("one", named("one"))], id="update-twice"),
        pytest.param([put("one", named("one")), entry("DELETE", "Patient/known")], id="update-and-delete"),
        pytest.param([entry("PATCH", "Patient?identifier=one", ACTIVE), put("one", named("one"))], id="patch-and-update"),
        pytest.param([put("new", named("new")), put("new", named("new"))], id="create-twice"),
        pytest.param(
            [entry("POST", "Patient", named("new"), ifNoneExist="identifier=new"), put("new", named("new"))],
            id="create-by-both",
        ),
        pytest.param(
            [entry("POST", "Patient", named("one"), ifNoneExist="identifier=one"), entry("DELETE", "Patient/known")],
            id="find-and-delete",
        ),
    ],
)  # fmt: skip
def test_two_entries_about_one_resource_are_refused(make_app: MakeApp, entries: list[Any]) -> None:
    client = make_app().test_client()
    send(client, "PUT", "/Patient/known", named("one", "known"))
    answer = send(client, "POST", "", bundle("transaction", *entries))
    [first, *_] = issues(answer)
    assert (answer.status_code, first["details"]["coding"][0]["code"]) == (400, "same-resource-twice")
    assert first["expression"][0].startswith("Bundle.entry[")
    assert send(client, "GET", "/Patient?_summary=count").get_json()["total"] == 1


def test_of_many_transactions_at_once_one_creates(app: Flask) -> None:
    value, start = new_id(), Barrier(16)
    made = bundle("transaction", put(value, named(value)))

    def attempt(_: int) -> str:
        client = app.test_client()
        start.wait()
        answer = send(client, "POST", "", made).get_json()
        return str(answer["entry"][0]["response"]["status"])[:3] if "entry" in answer else "409"

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(attempt, range(16)))
    assert answers.count("201") == 1
    assert set(answers) <= {"200", "201", "409"}
    assert len(found(app.test_client(), value)) == 1
