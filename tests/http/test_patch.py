"""PATCH, whatever it is described in.  Spec: https://hl7.org/fhir/R4/http.html#patch"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.http.calls import (
    FHIR_JSON,
    issues,
    new_id,
    observation,
    patient,
    send,
    situation,
)
from tests.http.patches import FHIR_XML, JSON_PATCH, XML_PATCH, fhirpath, patch, replace_family

FORMATS = sorted(replace_family("x"))
EXACT = (
    '{"resourceType":"Patient","id":"%s","text":{"status":"generated","div":'
    '"<div xmlns=\\"http://www.w3.org/1999/xhtml\\"><p class=\'a\'>x<br /></p></div>"},'
    '"extension":[{"url":"http://x/y","valueDecimal":1.50e2}],'
    '"name":[{"family":"Martin","given":["A",null],"_given":[null,{"extension":[{"url":"http://x/g","valueCode":"g"}]}]}],'
    '"_birthDate":{"extension":[{"url":"http://x/z","valueCode":"unknown"}]}}'
)


def version(client: FlaskClient, path: str) -> str:
    return str(send(client, "GET", path).get_json()["meta"]["versionId"])


@pytest.fixture
def path(client: FlaskClient) -> str:
    """A Patient in its first version."""
    id = new_id()
    assert send(client, "PUT", f"/Patient/{id}", EXACT.encode() % id.encode()).status_code == 201
    return f"/Patient/{id}"


@pytest.mark.parametrize("content_type", FORMATS)
def test_a_patch_changes_what_it_names_and_no_other_character(
    client: FlaskClient, path: str, content_type: str
) -> None:
    response = patch(client, path, replace_family("Müller")[content_type], content_type, Accept=FHIR_JSON)
    assert response.status_code == 200
    assert response.headers["ETag"] == 'W/"2"'
    assert response.headers["Location"].endswith(f"{path}/_history/2")
    read = send(client, "GET", path)
    assert read.data == response.data
    after = json.loads(read.data, parse_float=lambda literal: f"literal {literal}")
    assert after.pop("meta")["versionId"] == "2"
    before = EXACT % path.rpartition("/")[2]
    assert after == json.loads(
        before.replace("Martin", "Müller"), parse_float=lambda literal: f"literal {literal}"
    )
    assert send(client, "GET", f"{path}/_history/1").get_json()["name"][0]["family"] == "Martin"


@pytest.mark.parametrize("content_type", FORMATS)
def test_a_patched_resource_is_found_by_what_it_is_now(client: FlaskClient, content_type: str) -> None:
    id, family = new_id(), f"Name{new_id()}"
    send(client, "PUT", f"/Patient/{id}", patient(id))
    patch(client, f"/Patient/{id}", replace_family(family)[content_type], content_type)
    found = send(client, "GET", f"/Patient?family={family}").get_json()
    assert [one["resource"]["id"] for one in found["entry"]] == [id]


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        pytest.param("return=minimal", None, id="minimal"),
        pytest.param("return=OperationOutcome", "OperationOutcome", id="outcome"),
    ],
)
def test_prefer_chooses_the_body(client: FlaskClient, path: str, prefer: str, kind: str | None) -> None:
    response = patch(client, path, [{"op": "add", "path": "/active", "value": True}], Prefer=prefer)
    assert (response.status_code, response.headers["ETag"]) == (200, 'W/"2"')
    assert (response.get_json()["resourceType"] if response.data else None) == kind


@pytest.mark.parametrize("content_type", FORMATS)
@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        pytest.param('W/"1"', 200, id="current"),
        pytest.param("*", 200, id="any"),
        pytest.param('W/"7"', 412, id="stale"),
        pytest.param("1", 400, id="malformed"),
    ],
)
def test_if_match_guards_a_patch(
    client: FlaskClient, path: str, content_type: str, if_match: str, status: int
) -> None:
    described = replace_family("New")[content_type]
    response = patch(client, path, described, content_type, **{"If-Match": if_match})
    assert response.status_code == status
    assert version(client, path) == ("2" if status == 200 else "1")


OPERATION = "Parameters.parameter[0].part[1].value"


@pytest.mark.parametrize(
    ("content_type", "described", "status", "code", "place"),
    [
        pytest.param(JSON_PATCH, [{"op": "test", "path": "/name/0/family", "value": "X"}],
                     422, "patch-failed", "operation[0].value", id="json-test-fails"),
        pytest.param(JSON_PATCH, [{"op": "remove", "path": "/name/4"}],
                     422, "patch-failed", "operation[0].path", id="json-nothing-there"),
        pytest.param(JSON_PATCH, [{"op": "shout", "path": "/name"}],
                     400, "malformed-patch", "operation[0].op", id="json-unknown-operation"),
        pytest.param(JSON_PATCH, {"op": "remove", "path": "/name"}, 400, "malformed-patch", None, id="json-object"),
        pytest.param(JSON_PATCH, b"[{]", 400, "malformed-json", None, id="no-json"),
        pytest.param(JSON_PATCH, b"", 400, "empty-body", None, id="json-nothing"),
        pytest.param(JSON_PATCH, [{"op": "replace", "path": "", "value": 7}],
                     422, "patch-failed", None, id="json-leaves-no-resource"),
        pytest.param(JSON_PATCH, [{"op": "replace", "path": "/name/0/family", "value": 7}],
                     422, "wrong-type", "Patient.name[0].family", id="json-breaks-a-type"),
        pytest.param(JSON_PATCH, [{"op": "replace", "path": "/name", "value": "x"}],
                     422, "cardinality", "Patient.name", id="json-breaks-a-list"),
        pytest.param(JSON_PATCH, [{"op": "add", "path": "/gender", "value": "f"}],
                     422, "code-not-in-value-set", "Patient.gender", id="json-illegal-code"),
        pytest.param(JSON_PATCH, [{"op": "add", "path": "/colour", "value": "red"}],
                     422, "unknown-element", "Patient.colour", id="json-unknown-element"),
        pytest.param(JSON_PATCH, [{"op": "replace", "path": "/id", "value": "other"}],
                     400, "id-mismatch", "Patient.id", id="json-another-id"),
        pytest.param(JSON_PATCH, [{"op": "remove", "path": "/id"}], 400, "id-mismatch", "Patient.id", id="json-no-id"),
        pytest.param(JSON_PATCH, [{"op": "replace", "path": "/resourceType", "value": "Person"}],
                     400, "type-mismatch", "Patient.resourceType", id="json-another-type"),
        pytest.param(JSON_PATCH, [{"op": "replace", "path": "/meta/versionId", "value": "9"}],
                     400, "server-assigned", "Patient.meta.versionId", id="json-another-version"),
        pytest.param(JSON_PATCH, [{"op": "replace", "path": "/meta/lastUpdated", "value": "2000-01-01T00:00:00Z"}],
                     400, "server-assigned", "Patient.meta.lastUpdated", id="json-another-instant"),
        pytest.param(JSON_PATCH, [{"op": "add", "path": "/meta/tag", "value": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]}],
                     422, "subsetted", "Patient.meta.tag[0]", id="json-pretends-to-be-a-part"),
        pytest.param(JSON_PATCH, [{"op": "copy", "from": "/extension", "path": "/extension/0/extension"}] * 40,
                     400, "too-deep", None, id="json-bottomless"),
        pytest.param(JSON_PATCH, [{"op": "copy", "from": "/name", "path": "/name/-"}] * 30,
                     400, "too-costly", "operation", id="json-copies-of-copies"),
        pytest.param(JSON_PATCH, [{"op": "remove", "path": "/x"}] * 10_001, 400, "too-costly", None, id="json-too-many"),
        pytest.param(FHIR_JSON, fhirpath({"type": "delete", "path": "Patient.id"}),
                     400, "id-mismatch", "Patient.id", id="fhirpath-no-id"),
        pytest.param(FHIR_JSON, fhirpath({"type": "replace", "path": "Patient.meta.versionId", "value": {"valueId": "9"}}),
                     400, "server-assigned", "Patient.meta.versionId", id="fhirpath-another-version"),
        pytest.param(FHIR_JSON, fhirpath({"type": "replace", "path": "Patient.photo", "value": {"valueCode": "x"}}),
                     422, "patch-failed", OPERATION, id="fhirpath-nothing-there"),
        pytest.param(FHIR_JSON, fhirpath({"type": "delete", "path": "Patient.("}),
                     400, "malformed-patch", OPERATION, id="fhirpath-no-path"),
        pytest.param(FHIR_JSON, patient(), 400, "type-mismatch", "Patient.resourceType", id="fhirpath-no-parameters"),
        pytest.param(FHIR_JSON, {"resourceType": "Parameters", "parameter": [{"name": 7}]},
                     422, "wrong-type", "Parameters.parameter[0].name", id="fhirpath-invalid-parameters"),
        pytest.param(FHIR_JSON, [{"op": "remove", "path": "/name"}], 422, "wrong-type", "Parameters", id="json-patch-as-fhir"),
        pytest.param(FHIR_XML, b'<Parameters xmlns="urn:x"/>', 422, "unknown-element", "Parameters", id="xml-namespace"),
        pytest.param(XML_PATCH, b"<diff><remove sel='Patient/photo'/></diff>",
                     422, "patch-failed", "operation[0]", id="xml-nothing-there"),
        pytest.param(XML_PATCH, b"<diff><explode sel='f:Patient'/></diff>",
                     400, "malformed-patch", "operation[0]", id="xml-unknown-operation"),
        pytest.param(XML_PATCH, b"<diff><remove sel='//f:name'/></diff>",
                     400, "malformed-patch", "operation[0]", id="xml-unbounded-selector"),
        pytest.param(XML_PATCH, b"<diff/>", 400, "malformed-patch", None, id="xml-no-operation"),
        pytest.param(XML_PATCH, b"<diff>", 400, "malformed-xml", None, id="no-xml"),
        pytest.param(XML_PATCH, b"<!DOCTYPE d [<!ENTITY e 'x'>]><diff><remove sel='f:Patient'/></diff>",
                     400, "malformed-xml", None, id="xml-document-type"),
        pytest.param(XML_PATCH, b"<diff><add sel='f:Patient'><photo value='x'/></add></diff>",
                     422, "unknown-element", "Patient.photo", id="xml-without-a-namespace"),
        pytest.param(XML_PATCH, b"<diff><remove sel='f:Patient/f:id'/></diff>", 400, "id-mismatch", "Patient.id", id="xml-no-id"),
        pytest.param(XML_PATCH, b"<diff><add sel='f:Patient' xmlns='http://hl7.org/fhir'><gender value='f'/></add></diff>",
                     422, "code-not-in-value-set", "Patient.gender", id="xml-illegal-code"),
        pytest.param("application/merge-patch+json", {"active": True}, 415, "unsupported-media-type", None, id="merge-patch"),
        pytest.param("application/json", [], 415, "unsupported-media-type", None, id="plain-json"),
        pytest.param("application/xml", b"<diff/>", 415, "unsupported-media-type", None, id="plain-xml"),
        pytest.param(f"{JSON_PATCH}; charset=latin-1", [], 415, "unsupported-media-type", None, id="charset"),
    ],
)  # fmt: skip
def test_a_patch_that_cannot_be_is_refused_with_its_place_and_changes_nothing(
    client: FlaskClient,
    path: str,
    content_type: str,
    described: Any,
    status: int,
    code: str,
    place: str | None,
) -> None:
    before = send(client, "GET", path).data
    response = patch(client, path, described, content_type, Accept=FHIR_JSON)
    assert (response.status_code, situation(response)) == (status, code)
    found = issues(response)[0].get("expression", [None])[0]
    assert found == place or (place is not None and found.startswith(place))
    if status == 415:
        assert JSON_PATCH in response.headers["Accept-Patch"]
    assert send(client, "GET", path).data == before
    assert send(client, "GET", f"{path}/_history").get_json()["total"] == 1


def test_what_is_not_there_cannot_be_patched(client: FlaskClient, path: str) -> None:
    described = [{"op": "add", "path": "/active", "value": True}]
    response = patch(client, f"/Patient/{new_id()}", described)
    assert (response.status_code, situation(response)) == (404, "not-found")
    send(client, "DELETE", path)
    response = patch(client, path, described)
    assert (response.status_code, situation(response)) == (410, "deleted")
    assert send(client, "GET", path).status_code == 410


def test_a_resource_stays_in_the_record_of_its_person(client: FlaskClient) -> None:
    first, second, id = new_id(), new_id(), new_id()
    for one in (first, second):
        send(client, "PUT", f"/Patient/{one}", patient(one))
    send(client, "PUT", f"/Observation/{id}", observation(f"Patient/{first}", id))
    described = [{"op": "replace", "path": "/subject/reference", "value": f"Patient/{second}"}]
    response = patch(client, f"/Observation/{id}", described)
    assert (response.status_code, situation(response)) == (422, "owner-changed")


def test_of_many_patches_at_once_none_is_lost(app: Flask) -> None:
    """Each is applied to what the one before it stored."""
    id, start = new_id(), Barrier(4)
    send(app.test_client(), "PUT", f"/Patient/{id}", patient(id, identifier=[{"value": "0"}]))

    def attempt(number: int) -> int:
        client = app.test_client()
        start.wait()
        described = [{"op": "add", "path": "/identifier/-", "value": {"value": str(number)}}]
        return patch(client, f"/Patient/{id}", described).status_code

    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(attempt, range(1, 5)))
    stored = send(app.test_client(), "GET", f"/Patient/{id}").get_json()
    assert set(statuses) <= {200, 409}
    assert len(stored["identifier"]) == 1 + statuses.count(200)


@pytest.mark.parametrize("content_type", FORMATS)
def test_a_conditional_patch_changes_the_one_match(client: FlaskClient, content_type: str) -> None:
    value = new_id()
    described = replace_family("Found")[content_type]
    none = patch(client, f"/Patient?identifier={value}", described, content_type, Accept=FHIR_JSON)
    assert (none.status_code, situation(none)) == (404, "not-found")
    id = send(client, "POST", "/Patient", patient(identifier=[{"value": value}])).get_json()["id"]
    one = patch(client, f"/Patient?identifier={value}", described, content_type, Accept=FHIR_JSON)
    assert (one.status_code, one.get_json()["id"], one.headers["ETag"]) == (200, id, 'W/"2"')
    send(client, "POST", "/Patient", patient(identifier=[{"value": value}]))
    several = patch(client, f"/Patient?identifier={value}", described, content_type, Accept=FHIR_JSON)
    assert (several.status_code, situation(several)) == (412, "multiple-matches")
    assert version(client, f"/Patient/{id}") == "2"


def test_an_idempotent_patch_is_applied_once(client: FlaskClient, path: str) -> None:
    described = [
        {"op": "add", "path": "/identifier", "value": []},
        {"op": "add", "path": "/identifier/-", "value": {"value": "1"}},
    ]
    headers = {"Idempotency-Key": new_id()}
    first, second = (patch(client, path, described, **headers) for _ in range(2))
    assert (first.status_code, second.status_code, second.data) == (200, 200, first.data)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert version(client, path) == "2"


@pytest.mark.corpus
@pytest.mark.parametrize("content_type", [FHIR_JSON, JSON_PATCH, XML_PATCH])
def test_a_tag_added_to_every_third_example_changes_nothing_else(
    client: FlaskClient, corpus: Path, content_type: str
) -> None:
    """The tag is put in by each kind of patch; all that was there keeps its literal."""
    different = []
    for file in sorted((corpus / "r4-examples").glob("*.json"))[::3]:
        text = file.read_bytes()
        sent = json.loads(text)
        kind, path = sent["resourceType"], f"/{sent['resourceType']}/{sent['id']}"
        send(client, "PUT", path, text)
        before = _literals(send(client, "GET", path).data)
        described = {
            FHIR_JSON: fhirpath({"type": "add", "path": f"{kind}.meta", "name": "tag", "value": {"valueCoding": {"code": "t"}}}),
            JSON_PATCH: [{"op": "add", "path": "/meta/tag", "value": [*before["meta"].get("tag", []), {"code": "t"}]}],
            XML_PATCH: f'<diff><add sel="f:{kind}/f:meta"><tag xmlns="http://hl7.org/fhir"><code value="t"/></tag></add></diff>'.encode(),
        }[content_type]  # fmt: skip
        response = patch(client, path, described, content_type, Accept=FHIR_JSON)
        after = _literals(response.data)
        tags = after.get("meta", {}).pop("tag", [None])
        before["meta"].pop("tag", None)
        for one in (before, after):
            one["meta"] = {
                key: value for key, value in one["meta"].items() if key not in ("versionId", "lastUpdated")
            }
        if response.status_code != 200 or tags[-1] != {"code": "t"} or before != after:
            different.append((file.name, response.data[:300]))
    assert different == []


def _literals(text: bytes) -> Any:
    return json.loads(
        text, parse_float=lambda number: f"literal {number}", parse_int=lambda number: f"literal {number}"
    )
