"""read, vread, create, update, delete, one resource at a time.

Spec: https://hl7.org/fhir/R4/http.html
"""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.http.calls import BASE, issues, new_id, observation, patient, send, situation


def test_create_ignores_the_id_version_and_update_time_of_the_body_and_keeps_other_meta(
    client: FlaskClient,
) -> None:
    sent = patient("mine", meta={"versionId": "9", "lastUpdated": "2001-01-01T00:00:00Z", "source": "urn:s"})
    response = send(client, "POST", "/Patient", sent)
    created = response.get_json()
    assert response.status_code == 201
    assert created["id"] != "mine"
    assert created["meta"]["versionId"] == "1"
    assert created["meta"]["lastUpdated"] > "2020"
    assert created["meta"]["source"] == "urn:s"


def test_location_etag_and_body_name_the_same_version(client: FlaskClient) -> None:
    response = send(client, "POST", "/Patient", patient())
    created = response.get_json()
    assert response.headers["Location"] == f"{BASE}/Patient/{created['id']}/_history/1"
    assert response.headers["ETag"] == 'W/"1"'
    assert response.headers["Last-Modified"].endswith("GMT")
    assert created["meta"]["versionId"] == "1"


def test_a_new_id_and_meta_stand_after_the_resource_type(client: FlaskClient) -> None:
    created = send(client, "POST", "/Patient", patient()).get_data(as_text=True)
    assert re.match(r'\{"resourceType":"Patient","id":"[^"]+","meta":\{[^}]+\},"name":', created)


def test_members_keep_the_order_in_which_they_were_sent(client: FlaskClient) -> None:
    id = new_id()
    sent = b'{"name":[{"given":["A"],"family":"B"}],"id":"%s","meta":{"source":"urn:s"},"resourceType":"Patient"}'
    send(client, "PUT", f"/Patient/{id}", sent % id.encode())
    members = list(send(client, "GET", f"/Patient/{id}").get_json())
    assert members == ["name", "id", "meta", "resourceType"]


def test_an_update_without_the_id_or_with_another_one_is_refused(client: FlaskClient) -> None:
    id = new_id()
    for body in (patient(), patient("other")):
        response = send(client, "PUT", f"/Patient/{id}", body)
        assert (response.status_code, situation(response)) == (400, "id-mismatch")
        assert issues(response)[0]["expression"] == ["Patient.id"]
    assert send(client, "GET", f"/Patient/{id}").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_resource_of_another_type_than_the_address_is_refused(client: FlaskClient, method: str) -> None:
    id = new_id()
    path = "/Observation" if method == "POST" else f"/Observation/{id}"
    response = send(client, method, path, patient(id))
    assert (response.status_code, situation(response)) == (400, "type-mismatch")


def test_versions_count_through_update_delete_and_return(client: FlaskClient) -> None:
    id = new_id()
    path = f"/Patient/{id}"
    assert send(client, "PUT", path, patient(id)).status_code == 201
    assert send(client, "PUT", path, patient(id, active=True)).status_code == 200
    deleted = send(client, "DELETE", path)
    assert (deleted.status_code, deleted.headers["ETag"], deleted.data) == (204, 'W/"3"', b"")
    gone = send(client, "GET", path)
    assert (gone.status_code, situation(gone), gone.headers["ETag"]) == (410, "deleted", 'W/"3"')
    assert send(client, "GET", f"{path}/_history/3").status_code == 410
    assert send(client, "GET", f"{path}/_history/2").get_json()["active"] is True
    back = send(client, "PUT", path, patient(id))
    assert (back.status_code, back.headers["ETag"]) == (201, 'W/"4"')
    assert back.headers["Location"].endswith("/_history/4")
    assert send(client, "GET", path).get_json()["meta"]["versionId"] == "4"


def test_update_times_never_go_back(client: FlaskClient) -> None:
    id = new_id()
    times = [
        send(client, "PUT", f"/Patient/{id}", patient(id)).get_json()["meta"]["lastUpdated"] for _ in range(5)
    ]
    assert times == sorted(times)


@pytest.mark.parametrize("version", ["0", "01", "2", "99999999999", "x", "1.0"])
def test_a_version_that_never_was_is_not_found(client: FlaskClient, version: str) -> None:
    id = new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    assert send(client, "GET", f"/Patient/{id}/_history/{version}").status_code == 404


def test_deleting_what_is_gone_or_never_was_succeeds(client: FlaskClient) -> None:
    id = new_id()
    assert send(client, "DELETE", f"/Patient/{id}").status_code == 204
    send(client, "PUT", f"/Patient/{id}", patient(id))
    assert send(client, "DELETE", f"/Patient/{id}").status_code == 204
    assert send(client, "DELETE", f"/Patient/{id}").status_code == 204
    assert send(client, "GET", f"/Patient/{id}/_history").get_json()["total"] == 2


def test_ids_are_case_sensitive(client: FlaskClient) -> None:
    id = "a" + new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    assert send(client, "GET", f"/Patient/{id.upper()}").status_code == 404


def test_numbers_come_back_to_the_digit(client: FlaskClient) -> None:
    literals = ["1.00", "0.010", "1e2", "-0.0", "123456789012345678.123", "1E-7", "100"]
    components = ",".join(
        '{"code":{"text":"c"},"valueQuantity":{"value":%s}}' % literal  # noqa: UP031
        for literal in literals
    )
    sent = '{"resourceType":"Observation","status":"final","code":{"text":"c"},"component":[%s]}' % components  # noqa: UP031
    created = send(client, "POST", "/Observation", sent.encode())
    assert created.status_code == 201, created.data
    read = send(client, "GET", f"/Observation/{created.get_json()['id']}").get_data(as_text=True)
    assert re.findall(r'"value":([^}]+)\}', read) == literals


def test_a_resource_that_a_search_shortened_is_refused(client: FlaskClient) -> None:
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    response = send(client, "POST", "/Patient", patient(meta={"tag": [tag]}))
    assert (response.status_code, situation(response)) == (422, "subsetted")
    assert issues(response)[0]["expression"] == ["Patient.meta.tag[0]"]


def test_a_conditional_reference_is_refused_outside_of_a_transaction(client: FlaskClient) -> None:
    id = new_id()
    sent = observation("Patient?identifier=x|y", id)
    for method, path in (("POST", "/Observation"), ("PUT", f"/Observation/{id}")):
        response = send(client, method, path, sent)
        assert (response.status_code, situation(response)) == (422, "illegal-reference")
        assert issues(response)[0]["expression"] == ["Observation.subject.reference"]
    harmless = observation("Patient/x", id, note=[{"text": '"reference":"Patient?a=b"'}])
    assert send(client, "PUT", f"/Observation/{id}", harmless).status_code == 201


def test_a_resource_does_not_change_persons(client: FlaskClient) -> None:
    id = new_id()
    assert send(client, "PUT", f"/Observation/{id}", observation("Patient/a", id)).status_code == 201
    response = send(client, "PUT", f"/Observation/{id}", observation("Patient/b", id))
    assert (response.status_code, situation(response)) == (422, "owner-changed")


def test_the_capability_statement_declares_whether_an_update_can_create(client: FlaskClient) -> None:
    statement = send(client, "GET", "/metadata").get_json()
    declared = {resource["updateCreate"] for resource in statement["rest"][0]["resource"]}
    id = new_id()
    status = send(client, "PUT", f"/Patient/{id}", patient(id)).status_code
    assert declared == {status == 201}
