"""`$import-document` and `$source`: stored once, replaced as a whole, and back to the bytes it came from."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.http.calls import bundle, entry, issues, new_id, patient, send, situation
from tests.http.conftest import MakeApp
from tests.http.imported import OPERATION, SUPERSEDED, XML, all_of, document, told

Get = Callable[[str], TestResponse]


@pytest.fixture
def get(client: FlaskClient) -> Get:
    return lambda path: send(client, "GET", path)


def deliver(client: FlaskClient, data: bytes, query: str = "") -> TestResponse:
    return send(client, "POST", OPERATION + query, data, XML)


def imported(client: FlaskClient, data: bytes) -> dict[str, Any]:
    return told(deliver(client, data))


def written(client: FlaskClient) -> int:
    answer = send(client, "GET", "/_history?_summary=count")
    return int(answer.get_json()["total"])


def test_a_document_becomes_resources_that_lead_back_to_it(client: FlaskClient, get: Get) -> None:
    data = document(new_id(), person := new_id())
    answer = imported(client, data)
    assert answer["outcome"] == "stored"
    stored = get(f"/{answer['document']}").get_json()
    assert stored["status"] == "current"
    assert stored["subject"] == {"reference": answer["patient"]}
    assert stored["meta"].get("source") is None
    [allergy] = all_of(get, f"/AllergyIntolerance?patient={answer['patient']}")
    assert allergy["meta"]["source"] == answer["document"]
    assert allergy["patient"]["reference"] == answer["patient"]
    known = get(f"/{answer['patient']}").get_json()["identifier"]
    assert person in [one["value"] for one in known]


def test_the_original_comes_back_byte_for_byte_and_imports_to_nothing_new(
    client: FlaskClient, get: Get
) -> None:
    data = document(new_id(), new_id(), note="é\r\n")
    answer = imported(client, data)
    [content] = get(f"/{answer['document']}").get_json()["content"]
    exported = send(client, "GET", f"/{content['attachment']['url']}", headers={"Accept": "*/*"})
    assert exported.data == data
    assert imported(client, exported.data) == {
        **answer, "outcome": "already-there", "resources": {},
    }  # fmt: skip


def test_the_same_bytes_twice_write_nothing(client: FlaskClient) -> None:
    data = document(new_id(), new_id())
    first = imported(client, data)
    before = written(client)
    again = imported(client, data)
    assert (again["outcome"], again["document"]) == ("already-there", first["document"])
    assert written(client) == before


def test_the_same_id_with_other_bytes_is_a_conflict(client: FlaskClient) -> None:
    id, person = new_id(), new_id()
    imported(client, document(id, person))
    before = written(client)
    refused = deliver(client, document(id, person, note="changed"))
    assert (refused.status_code, situation(refused)) == (409, "other-content")
    assert written(client) == before


def test_of_many_at_once_one_is_stored(make_app: MakeApp) -> None:
    app = make_app()
    data = document("D1", "P1")

    def deliver_once(_: int) -> str:
        return str(imported(app.test_client(), data)["outcome"])

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(deliver_once, range(64)))
    assert sorted(set(outcomes)) == ["already-there", "stored"]
    assert outcomes.count("stored") == 1

    def counted(resource_type: str) -> int:
        return int(send(app.test_client(), "GET", f"/{resource_type}?_summary=count").get_json()["total"])

    types = ("DocumentReference", "Patient", "AllergyIntolerance", "Practitioner", "Binary")
    assert [counted(name) for name in types] == [1, 1, 1, 1, 1]


def test_a_replaced_document_is_superseded_with_all_that_it_said(client: FlaskClient, get: Get) -> None:
    one, two, person = new_id(), new_id(), new_id()
    first = imported(client, document(one, person))
    second = imported(client, document(two, person, replaces=one))
    assert second["replaced"] == [first["document"]]
    before = get(f"/{first['document']}").get_json()
    after = get(f"/{second['document']}").get_json()
    assert (before["status"], after["status"]) == ("superseded", "current")
    [relation] = after["relatesTo"]
    assert (relation["code"], relation["target"]["reference"]) == ("replaces", first["document"])
    about = f"patient={first['patient']}"
    [active] = all_of(get, f"/AllergyIntolerance?{about}&clinical-status=active")
    assert active["meta"]["source"] == second["document"]
    tag = f"{SUPERSEDED['system']}|{SUPERSEDED['code']}"
    [withdrawn] = all_of(get, f"/AllergyIntolerance?{about}&_tag={tag}")
    assert withdrawn["meta"]["source"] == first["document"]
    assert withdrawn["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert "clinicalStatus" not in withdrawn
    [composition] = all_of(get, f"/Composition?{about}&_tag:not={tag}")
    assert composition["meta"]["source"] == second["document"]
    history = get(f"/{first['document']}/_history").get_json()["entry"]
    assert [entry["resource"]["status"] for entry in history] == ["superseded", "current"]


def test_a_document_that_comes_after_its_replacement_is_superseded_at_once(
    client: FlaskClient, get: Get
) -> None:
    one, two, person = new_id(), new_id(), new_id()
    later = imported(client, document(two, person, replaces=one))
    late = imported(client, document(one, person))
    assert late["superseded"] is True
    assert get(f"/{late['document']}").get_json()["status"] == "superseded"
    [relation] = get(f"/{later['document']}").get_json()["relatesTo"]
    assert relation["target"]["reference"] == late["document"]
    found = all_of(get, f"/AllergyIntolerance?patient={late['patient']}&clinical-status=active")
    assert [one["meta"]["source"] for one in found] == [later["document"]]


def test_a_chain_in_any_order_and_at_once_leaves_one_current(make_app: MakeApp) -> None:
    app = make_app()

    def deliver_one(number: int) -> dict[str, Any]:
        return imported(app.test_client(), document(f"D{number}", "P1", replaces=f"D{number - 1}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver_one, (5, 2, 8, 1, 7, 3, 6, 4)))
    found = all_of(lambda path: send(app.test_client(), "GET", path), "/DocumentReference?_count=50")
    current = [one["masterIdentifier"]["value"] for one in found if one["status"] == "current"]
    assert len(found) == 8
    assert [value.rpartition("D")[2] for value in current] == ["8"]
    links = [relation["target"].get("reference") for one in found for relation in one["relatesTo"]]
    assert links.count(None) == 1  # the first one names what never came


def test_practitioners_and_organizations_are_found_again(client: FlaskClient) -> None:
    author = new_id()
    imported(client, document(new_id(), new_id(), author=author))
    answer = imported(client, document(new_id(), new_id(), author=author))
    assert answer["resources"]["Practitioner"] == (0, 1)
    assert answer["resources"]["Organization"] == (0, 1)


def test_the_stored_patient_is_found_and_not_overwritten(client: FlaskClient, get: Get) -> None:
    person = new_id()
    identifier = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": person}
    known = send(client, "POST", "/Patient", patient(identifier=[identifier])).get_json()
    answer = imported(client, document(new_id(), person))
    assert answer["patient"] == f"Patient/{known['id']}"
    assert get(f"/{answer['patient']}").get_json() == known


def test_of_several_patients_none_is_guessed(client: FlaskClient) -> None:
    person = new_id()
    identifier = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": person}
    for _ in range(2):
        send(client, "POST", "/Patient", patient(identifier=[identifier]))
    refused = deliver(client, document(new_id(), person))
    assert (refused.status_code, situation(refused)) == (412, "multiple-matches")


def with_local(data: bytes, number: str) -> bytes:
    """Return the document with one more identifier of the person, which it does not call official."""
    known = b"<recordTarget><patientRole>"
    return data.replace(known, known + f'<id root="2.999.77" extension="{number}"/>'.encode())


def test_identifiers_of_two_patients_are_refused(client: FlaskClient) -> None:
    one, other = new_id(), new_id()
    local = {"system": "urn:oid:2.999.77", "value": other}
    imported(client, document(new_id(), one))
    send(client, "POST", "/Patient", patient(identifier=[local]))
    before = written(client)
    refused = deliver(client, with_local(document(new_id(), one), other))
    assert (refused.status_code, situation(refused)) == (412, "multiple-matches")
    assert "two Patients" in issues(refused)[0]["details"]["text"]
    assert written(client) == before


def test_a_further_identifier_that_nobody_else_has_changes_nothing(client: FlaskClient) -> None:
    person = new_id()
    first = imported(client, document(new_id(), person))
    assert imported(client, with_local(document(new_id(), person), new_id()))["patient"] == first["patient"]


def test_a_document_about_another_person_than_named_is_refused(client: FlaskClient) -> None:
    other = send(client, "POST", "/Patient", patient()).get_json()["id"]
    refused = deliver(client, document(new_id(), new_id()), f"?patient=Patient/{other}")
    assert (refused.status_code, situation(refused)) == (422, "other-person")


def test_a_document_is_taken_in_a_binary_among_parameters(client: FlaskClient) -> None:
    data = document(new_id(), new_id())
    binary = {
        "resourceType": "Binary", "contentType": "application/xml",
        "data": base64.b64encode(data).decode("ascii"),
    }  # fmt: skip
    call = {"resourceType": "Parameters", "parameter": [{"name": "document", "resource": binary}]}
    assert told(send(client, "POST", OPERATION, call))["outcome"] == "stored"
    assert told(send(client, "POST", OPERATION, binary))["outcome"] == "already-there"


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_an_import_is_no_entry_of_a_bundle(client: FlaskClient, kind: str) -> None:
    binary = {
        "resourceType": "Binary", "contentType": "application/xml",
        "data": base64.b64encode(document(new_id(), new_id())).decode("ascii"),
    }  # fmt: skip
    before = written(client)
    answer = send(client, "POST", "", bundle(kind, entry("POST", OPERATION[1:], binary)))
    if kind == "batch":
        [told_so] = answer.get_json()["entry"]
        assert told_so["response"]["status"][:1] == "4"
    else:
        assert answer.status_code == 400
    assert written(client) == before


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", (400, "empty-body"), id="nothing"),
        pytest.param(b"<a/>", (422, "unreadable-document"), id="no-document"),
        pytest.param(b"<ClinicalDocument", (422, "unreadable-document"), id="cut-off"),
        pytest.param(b"<!DOCTYPE a []><a/>", (422, "unreadable-document"), id="a-DTD"),
    ],
)
def test_what_is_no_document_is_refused(client: FlaskClient, data: bytes, expected: tuple[int, str]) -> None:
    before = written(client)
    refused = deliver(client, data)
    assert (refused.status_code, situation(refused)) == expected
    assert written(client) == before


def test_the_source_of_a_resource_is_the_place_it_was_made_from(client: FlaskClient, get: Get) -> None:
    data = document(new_id(), new_id())
    answer = imported(client, data)
    [allergy] = all_of(get, f"/AllergyIntolerance?patient={answer['patient']}")
    place = send(client, "GET", f"/AllergyIntolerance/{allergy['id']}/$source", headers={"Accept": "*/*"})
    assert place.content_type.partition(";")[0] == "application/xml"
    assert place.data in data
    assert b'code="762952008"' in place.data
    assert b"recordTarget" not in place.data
    wrapped = get(f"/AllergyIntolerance/{allergy['id']}/$source?_format=json").get_json()
    assert base64.b64decode(wrapped["data"]) == place.data
    assert (
        get(f"/{answer['document']}/$source").data
        == data.rstrip().removesuffix(b"<!---->").rstrip()[data.index(b"<ClinicalDocument") :]
    )


def test_what_was_not_imported_has_no_source(client: FlaskClient, get: Get) -> None:
    made = send(client, "POST", "/Patient", patient()).get_json()
    refused = get(f"/Patient/{made['id']}/$source")
    assert (refused.status_code, situation(refused)) == (404, "not-found")


def test_both_operations_are_declared(client: FlaskClient, get: Get) -> None:
    rest = get("/metadata").get_json()["rest"][0]
    named = {one["name"] for one in rest.get("operation", ())}
    named |= {one["name"] for kind in rest["resource"] for one in kind.get("operation", ())}
    assert {"import-document", "source"} <= named


def test_a_place_that_no_document_has_is_no_source(client: FlaskClient, get: Get) -> None:
    answer = imported(client, document(new_id(), new_id()))
    [allergy] = all_of(get, f"/AllergyIntolerance?patient={answer['patient']}")
    [provenance, *_] = all_of(get, f"/Provenance?target=AllergyIntolerance/{allergy['id']}")
    for target in provenance["target"]:
        for extension in target.get("extension", ()):
            if "valueString" in extension:
                extension["valueString"] = "0-" + "9" * 5000
    assert send(client, "PUT", f"/Provenance/{provenance['id']}", provenance).status_code == 200
    assert get(f"/AllergyIntolerance/{allergy['id']}/$source").status_code == 404
