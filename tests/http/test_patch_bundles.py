"""PATCH as an entry of a batch or transaction: Parameters, or a Binary with the body of a patch.

Spec: https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.calls import bundle, entry, issues, new_id, patient, placeholder, send, situation
from tests.http.patches import JSON_PATCH, as_binary, fhirpath, replace_family

FORMATS = sorted(replace_family("x"))


def version(client: FlaskClient, path: str) -> str:
    return str(send(client, "GET", path).get_json()["meta"]["versionId"])


@pytest.fixture
def path(client: FlaskClient) -> str:
    """A Patient in its first version."""
    id = new_id()
    assert send(client, "PUT", f"/Patient/{id}", patient(id)).status_code == 201
    return f"/Patient/{id}"


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("content_type", FORMATS)
def test_a_patch_in_a_bundle_is_a_binary(
    client: FlaskClient, path: str, kind: str, content_type: str
) -> None:
    described = as_binary(content_type, replace_family("Bundled")[content_type])
    answer = send(client, "POST", "", bundle(kind, entry("PATCH", path[1:], described)))
    assert answer.status_code == 200
    [response] = [one["response"] for one in answer.get_json()["entry"]]
    assert (response["status"], response["etag"]) == ("200 OK", 'W/"2"')
    assert send(client, "GET", path).get_json()["name"][0]["family"] == "Bundled"


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_patch_in_a_bundle_may_be_parameters_and_conditional(client: FlaskClient, kind: str) -> None:
    value = new_id()
    id = send(client, "POST", "/Patient", patient(identifier=[{"value": value}])).get_json()["id"]
    described = fhirpath(
        {"type": "add", "path": "Patient", "name": "active", "value": {"valueBoolean": True}}
    )
    made = bundle(kind, entry("PATCH", f"Patient?identifier={value}", described, ifMatch='W/"1"'))
    assert send(client, "POST", "", made).get_json()["entry"][0]["response"]["status"] == "200 OK"
    assert send(client, "GET", f"/Patient/{id}").get_json()["active"] is True
    again = send(client, "POST", "", made)
    if kind == "batch":
        assert again.get_json()["entry"][0]["response"]["status"] == "412 Precondition Failed"
    else:
        assert (again.status_code, issues(again)[0]["expression"]) == (
            412,
            ["Bundle.entry[0].request.ifMatch"],
        )


ACTIVE = fhirpath({"type": "add", "path": "Patient", "name": "active", "value": {"valueBoolean": True}})
LOST = fhirpath({"type": "replace", "path": "Patient.photo", "value": {"valueBoolean": True}})
WRONG = fhirpath({"type": "add", "path": "Patient", "name": "gender", "value": {"valueCode": "f"}})


@pytest.mark.parametrize(
    ("resource", "status", "code", "place"),
    [
        pytest.param(LOST, 422, "patch-failed", ".resource.parameter[0].part[1].value", id="does-not-fit"),
        pytest.param(WRONG, 422, "code-not-in-value-set", "", id="result-is-not-valid"),
        pytest.param(patient(), 400, "malformed-entry", ".resource", id="no-patch"),
        pytest.param({"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="},
                     400, "malformed-entry", ".resource.contentType", id="unknown-format"),
        pytest.param({"resourceType": "Binary", "contentType": JSON_PATCH}, 400, "empty-body", "", id="no-data"),
        pytest.param(as_binary(JSON_PATCH, b'[{"op": "remove", "path": "/name/9"}]'),
                     422, "patch-failed", "", id="json-does-not-fit"),
        pytest.param(as_binary(JSON_PATCH, b'[{"op": "remove", "path": "/id"}]'), 400, "id-mismatch", "", id="no-id"),
        pytest.param(None, 400, "malformed-entry", ".resource", id="no-resource"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_patch_in_a_bundle_is_refused_at_its_entry(
    client: FlaskClient, path: str, kind: str, resource: Any, status: int, code: str, place: str
) -> None:
    id = new_id()
    made = bundle(kind, entry("PUT", f"Patient/{id}", patient(id)), entry("PATCH", path[1:], resource))
    answer = send(client, "POST", "", made)
    body = answer.get_json()
    outcome = body["entry"][1]["response"]["outcome"] if kind == "batch" else body
    [first, *_] = outcome["issue"]
    assert first["details"]["coding"][0]["code"] == code
    assert first["expression"] == [f"Bundle.entry[1]{place}"]
    if kind == "batch":
        assert body["entry"][1]["response"]["status"].startswith(str(status))
    else:
        assert answer.status_code == status
    assert version(client, path) == "1"
    assert send(client, "GET", f"/Patient/{id}").status_code == (200 if kind == "batch" else 404)


def test_a_transaction_patches_nothing_that_is_not_there(client: FlaskClient, path: str) -> None:
    for url, status in ((f"Patient/{new_id()}", 404), (f"Patient?identifier={new_id()}", 404)):
        answer = send(client, "POST", "", bundle("transaction", entry("PATCH", url, ACTIVE)))
        assert (answer.status_code, issues(answer)[0]["expression"]) == (
            status,
            ["Bundle.entry[0].request.url"],
        )
    send(client, "DELETE", path)
    answer = send(client, "POST", "", bundle("transaction", entry("PATCH", path[1:], ACTIVE)))
    assert (answer.status_code, situation(answer)) == (410, "deleted")


def test_placeholders_in_patches_lead_to_what_the_transaction_creates(client: FlaskClient, path: str) -> None:
    full_url, other = placeholder(), new_id()
    send(client, "PUT", f"/Patient/{other}", patient(other))
    reference = {"type": "add", "path": "Patient", "name": "managingOrganization",
                 "value": {"valueReference": {"reference": full_url}}}  # fmt: skip
    in_json = json.dumps([{"op": "add", "path": "/managingOrganization", "value": {"reference": full_url}}])
    made = bundle(
        "transaction",
        entry("PATCH", path[1:], fhirpath(reference)),
        entry("PATCH", f"Patient/{other}", as_binary(JSON_PATCH, in_json.encode())),
        entry("POST", "Organization", {"resourceType": "Organization", "name": "A"}, full_url),
    )
    answer = send(client, "POST", "", made)
    assert answer.status_code == 200, answer.data
    created = answer.get_json()["entry"][2]["response"]["location"].partition("/_history")[0]
    for one in (path, f"/Patient/{other}"):
        assert send(client, "GET", one).get_json()["managingOrganization"]["reference"] == created


def test_a_placeholder_that_was_stored_before_does_not_stand_in_the_way(client: FlaskClient) -> None:
    """What an earlier request stored is not for this transaction to resolve."""
    id = new_id()
    stored = patient(id, managingOrganization={"reference": placeholder()})
    send(client, "PUT", f"/Patient/{id}", stored)
    answer = send(client, "POST", "", bundle("transaction", entry("PATCH", f"Patient/{id}", ACTIVE)))
    assert answer.status_code == 200
    kept = send(client, "GET", f"/Patient/{id}").get_json()
    assert (kept["active"], kept["managingOrganization"]) == (True, stored["managingOrganization"])


def test_a_transaction_changes_a_resource_once(client: FlaskClient, path: str) -> None:
    id = path.rpartition("/")[2]
    made = bundle("transaction", entry("PATCH", path[1:], ACTIVE), entry("PUT", path[1:], patient(id)))
    answer = send(client, "POST", "", made)
    assert (answer.status_code, situation(answer)) == (400, "same-resource-twice")
