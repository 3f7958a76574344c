"""`$meta`, `$meta-add`, `$meta-delete` and `$validate`.  Spec: https://hl7.org/fhir/R4/operations.html"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from fhir_server.operations import definitions
from profiles.registry import Registry
from tests.http.calls import bundle, entry, issues, new_id, observation, patient, send, situation
from tests.http.conftest import MakeApp

TAG = {"system": "urn:t", "code": "a"}
LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}
PROFILE = "http://example.org/StructureDefinition/p"


def meta_call(**meta: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def returned(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    [parameter] = answer.get_json()["parameter"]
    assert parameter["name"] == "return"
    meta: dict[str, Any] = parameter["valueMeta"]
    return meta


@pytest.fixture
def path(client: FlaskClient) -> str:
    id = new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id, meta={"tag": [TAG]}))
    return f"/Patient/{id}"


def test_meta_is_that_of_the_resource(client: FlaskClient, path: str) -> None:
    stored = send(client, "GET", path).get_json()["meta"]
    assert returned(send(client, "GET", f"{path}/$meta")) == stored
    assert returned(send(client, "POST", f"{path}/$meta", {"resourceType": "Parameters"})) == stored


def test_adding_makes_no_new_version_and_is_found_at_once(client: FlaskClient, path: str) -> None:
    before = send(client, "GET", path)
    code = new_id()
    call = meta_call(
        tag=[TAG, {"system": "urn:t", "code": code, "display": "new"}], security=[LABEL], profile=[PROFILE]
    )
    meta = returned(send(client, "POST", f"{path}/$meta-add", call))
    assert [tag["code"] for tag in meta["tag"]] == ["a", code]
    after = send(client, "GET", path)
    assert after.headers["ETag"] == before.headers["ETag"] == 'W/"1"'
    assert after.get_json()["meta"] == meta
    assert after.get_json()["name"] == before.get_json()["name"]
    assert send(client, "GET", f"{path}/_history").get_json()["total"] == 1
    found = send(
        client, "GET", f"/Patient?_tag=urn:t|{code}&_security={LABEL['code']}&_profile={PROFILE}"
    ).get_json()
    assert [one["fullUrl"].rpartition("/")[2] for one in found["entry"]] == [path.rpartition("/")[2]]


def test_adding_twice_changes_nothing(client: FlaskClient, path: str) -> None:
    call = meta_call(tag=[{"system": "urn:t", "code": "b"}], profile=[PROFILE])
    once = returned(send(client, "POST", f"{path}/$meta-add", call))
    assert returned(send(client, "POST", f"{path}/$meta-add", call)) == once


def test_deleting_removes_by_system_and_code(client: FlaskClient, path: str) -> None:
    other = meta_call(tag=[{"system": "urn:other", "code": "a"}])
    assert returned(send(client, "POST", f"{path}/$meta-delete", other))["tag"] == [TAG]
    same = meta_call(tag=[{**TAG, "display": "whatever", "version": "2"}])
    assert "tag" not in returned(send(client, "POST", f"{path}/$meta-delete", same))
    assert "tag" not in send(client, "GET", path).get_json()["meta"]
    assert send(client, "GET", f"{path}/_history/1").status_code == 200


def test_an_attachment_outlives_a_change_of_tags(client: FlaskClient) -> None:
    import base64

    id, data = new_id(), base64.b64encode(b"x" * 100_000).decode()
    body = {"resourceType": "Binary", "id": id, "contentType": "application/pdf", "data": data}
    send(client, "PUT", f"/Binary/{id}", body)
    returned(send(client, "POST", f"/Binary/{id}/$meta-add", meta_call(tag=[TAG])))
    accept = {"Accept": "application/fhir+json"}
    assert send(client, "GET", f"/Binary/{id}", headers=accept).get_json()["data"] == data


def test_a_precondition_holds_for_labels_too(client: FlaskClient, path: str) -> None:
    answer = send(client, "POST", f"{path}/$meta-add", meta_call(tag=[LABEL]), {"If-Match": 'W/"7"'})
    assert (answer.status_code, situation(answer)) == (412, "stale-version")


def test_meta_of_a_type_and_of_the_server_is_what_is_in_use(make_app: MakeApp) -> None:
    client = make_app().test_client()
    assert returned(send(client, "GET", "/$meta")) == {}
    send(client, "POST", "/Patient", patient(meta={"tag": [TAG], "profile": [PROFILE]}))
    send(client, "POST", "/Patient", patient(meta={"tag": [TAG]}))
    send(client, "POST", "/Observation", observation(None, meta={"security": [LABEL]}))
    assert returned(send(client, "GET", "/Patient/$meta")) == {"tag": [TAG], "profile": [PROFILE]}
    assert returned(send(client, "GET", "/$meta")) == {
        "tag": [TAG],
        "profile": [PROFILE],
        "security": [LABEL],
    }
    assert returned(send(client, "GET", "/Device/$meta")) == {}


@pytest.mark.parametrize(("method", "address", "body", "status", "refused"), [
    pytest.param("POST", "{path}/$meta-add", {"resourceType": "Parameters"}, 422, "missing-element", id="no-meta"),
    pytest.param("POST", "{path}/$meta-add", None, 422, "missing-element", id="no-body"),
    pytest.param("POST", "{path}/$meta-add", {"resourceType": "Patient"}, 400, "type-mismatch", id="no-parameters"),
    pytest.param(
        "POST", "{path}/$meta-add",
        {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueString": "x"}]},
        400, "illegal-parameter-value", id="wrong-type",
    ),
    pytest.param(
        "POST", "{path}/$meta-add",
        {"resourceType": "Parameters", "parameter": [{"name": "other", "valueString": "x"}]},
        400, "unknown-parameter", id="unknown-parameter",
    ),
    pytest.param("GET", "{path}/$meta-add", None, 405, "method-not-allowed", id="add-by-get"),
    pytest.param("GET", "{path}/$nothing", None, 404, "unknown-operation", id="unknown-operation"),
    pytest.param("POST", "/$nothing", None, 404, "unknown-operation", id="unknown-on-the-system"),
    pytest.param("POST", "/Patient/never-was/$meta-add", meta_call(tag=[TAG]), 404, "not-found", id="no-resource"),
    pytest.param("GET", "/Patient/never-was/$meta", None, 404, "not-found", id="meta-of-nothing"),
    pytest.param("GET", "/Nothing/$meta", None, 404, "unknown-type", id="unknown-type"),
])  # fmt: skip
def test_a_wrong_call_is_refused(
    client: FlaskClient, path: str, method: str, address: str, body: Any, status: int, refused: str
) -> None:
    answer = send(client, method, address.format(path=path), body)
    assert (answer.status_code, situation(answer)) == (status, refused), answer.text
    assert returned(send(client, "GET", f"{path}/$meta"))["tag"] == [TAG]


def test_what_is_deleted_has_no_meta(client: FlaskClient, path: str) -> None:
    send(client, "DELETE", path)
    assert send(client, "GET", f"{path}/$meta").status_code == 410
    assert send(client, "POST", f"{path}/$meta-add", meta_call(tag=[TAG])).status_code == 410


def call(resource: Any = None, **more: str) -> dict[str, Any]:
    given: list[Any] = [{"name": "resource", "resource": resource}] if resource is not None else []
    given += [
        {"name": name, ("valueCode" if name == "mode" else "valueUri"): text} for name, text in more.items()
    ]
    return {"resourceType": "Parameters", "parameter": given}


BROKEN = {"resourceType": "Patient", "name": [], "nothing": 1}
KNOWN = "http://hl7.org/fhir/StructureDefinition/Patient"

VALIDATIONS = [
    pytest.param("/Patient/$validate", patient(), ["done"], id="valid-alone"),
    pytest.param("/Patient/$validate", call(patient()), ["done"], id="valid-in-parameters"),
    pytest.param("/Patient/$validate?mode=create", patient(), ["done"], id="mode-in-the-address"),
    pytest.param("/Patient/$validate", BROKEN, ["empty-element", "unknown-element"], id="broken-alone"),
    pytest.param("/Patient/$validate", call(BROKEN), ["empty-element", "unknown-element"], id="broken-within-parameters"),
    pytest.param("/Patient/$validate", observation(None), ["profile-mismatch", "type-mismatch"], id="another-type"),
    pytest.param("/Patient/$validate", call(patient(), profile=KNOWN), ["done"], id="profile-of-the-type"),
    pytest.param("/Patient/$validate", call(patient(), profile=PROFILE), ["unknown-profile"], id="profile"),
    pytest.param("/Patient/$validate", call(patient(), mode="update"), ["id-mismatch"], id="update-without-id"),
    pytest.param("{path}/$validate", call(patient("x"), mode="update"), ["id-mismatch"], id="update-of-another"),
    pytest.param("{path}/$validate", call(mode="delete"), ["done"], id="delete"),
    pytest.param("{path}/$validate", {"resourceType": "Parameters"}, ["done"], id="what-is-stored"),
    pytest.param("/Parameters/$validate", {"resourceType": "Parameters", "parameter": [{"name": "x"}]}, None, id="parameters"),
]  # fmt: skip


@pytest.mark.parametrize(("address", "body", "expected"), VALIDATIONS)
def test_validation_is_answered_200_with_what_was_found(
    client: FlaskClient, path: str, address: str, body: Any, expected: list[str] | None
) -> None:
    answer = send(client, "POST", address.format(path=path), body)
    assert answer.status_code == 200, answer.text
    found = [issue["details"]["coding"][0]["code"] for issue in issues(answer)]
    assert expected is None or sorted(found) == sorted(expected)


def test_what_is_validated_is_not_stored(make_app: MakeApp) -> None:
    client = make_app().test_client()
    send(client, "POST", "/Patient/$validate", patient())
    assert send(client, "GET", "/Patient").get_json()["total"] == 0


@pytest.mark.parametrize(("address", "body", "status"), [
    pytest.param("/Patient/$validate", None, 400, id="nothing-to-validate"),
    pytest.param("/Patient/$validate?mode=x", patient(), 400, id="unknown-mode"),
    pytest.param("/Patient/$validate", call(mode="delete"), 400, id="delete-of-a-type"),
    pytest.param("/Patient/$validate", b"{", 400, id="malformed"),
    pytest.param("/Patient/never-was/$validate", call(mode="delete"), 404, id="delete-of-nothing"),
])  # fmt: skip
def test_a_validation_that_makes_no_sense_is_refused(
    client: FlaskClient, address: str, body: Any, status: int
) -> None:
    answer = send(client, "POST", address, body)
    assert answer.status_code == status, answer.text
    assert issues(answer)


def test_an_instance_is_validated_by_get(client: FlaskClient, path: str) -> None:
    assert situation(send(client, "GET", f"{path}/$validate")) == "done"


def test_a_batch_can_call_operations(client: FlaskClient, path: str) -> None:
    called = bundle("batch", entry("GET", f"{path[1:]}/$meta"), entry("POST", "Patient/$validate", BROKEN))
    answers = send(client, "POST", "", called).get_json()["entry"]
    assert [one["response"]["status"] for one in answers] == ["200 OK", "200 OK"]
    assert answers[0]["resource"]["resourceType"] == "Parameters"
    assert answers[1]["response"]["outcome"]["resourceType"] == "OperationOutcome"


def test_operations_are_declared_where_they_can_be_called(client: FlaskClient, registry: Registry) -> None:
    rest = send(client, "GET", "/metadata").get_json()["rest"][0]
    assert [one["name"] for one in rest["operation"]] == ["import-document", "meta"]
    for resource in rest["resource"]:
        names = {one["name"]: one["definition"] for one in resource["operation"]}
        own = {"Observation": {"lastn"}, "Patient": {"everything"}}.get(resource["type"], set())
        assert set(names) == {"meta", "meta-add", "meta-delete", "source", "validate", *own}
        assert set(names.values()) <= {*registry.operations, *definitions()}
