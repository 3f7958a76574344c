"""Binary as content and as a resource.  Spec: https://hl7.org/fhir/R4/binary.html#rest"""

from __future__ import annotations

import base64

import pytest
from flask.testing import FlaskClient

from tests.http.calls import FHIR_JSON, new_id, send, situation

CDA = b'<?xml version="1.0"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">\xc3\xa9</ClinicalDocument>\r\n'
AS_RESOURCE = {"Accept": FHIR_JSON}


def stored(client: FlaskClient, content: bytes = CDA, content_type: str = "text/xml") -> str:
    """Return the address of a Binary made from content."""
    response = send(client, "POST", "/Binary", content, {"Content-Type": content_type})
    assert response.status_code == 201, response.data
    return f"/Binary/{response.headers['Location'].split('/')[-3]}"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(CDA, id="xml"),
        pytest.param(bytes(range(256)), id="every-byte"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"%PDF-1.7\n" + bytes(range(256)) * 4000, id="a-megabyte"),
    ],
)
def test_content_comes_back_byte_for_byte(client: FlaskClient, content: bytes) -> None:
    path = stored(client, content, "application/pdf")
    read = send(client, "GET", path, headers={"Accept": "application/pdf"})
    assert read.status_code == 200
    assert read.data == content
    assert read.headers["Content-Type"] == "application/pdf"
    assert read.headers["ETag"] == 'W/"1"'
    assert read.headers["X-Content-Type-Options"] == "nosniff"


def test_content_is_a_resource_to_those_who_name_a_fhir_format(client: FlaskClient) -> None:
    path = stored(client, CDA, "text/xml; charset=utf-8")
    for read in (
        send(client, "GET", path, headers=AS_RESOURCE),
        send(client, "GET", f"{path}?_format=json", headers={"Accept": "text/xml"}),
        send(client, "GET", f"{path}/_history/1", headers={"Accept": "application/json"}),
    ):
        resource = read.get_json()
        assert resource["resourceType"] == "Binary"
        assert resource["contentType"] == "text/xml; charset=utf-8"
        assert base64.b64decode(resource["data"]) == CDA


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        pytest.param("text/xml", 200, id="the-type"),
        pytest.param("text/*", 200, id="a-range"),
        pytest.param("*/*", 200, id="anything"),
        pytest.param("image/png, */*;q=0.1", 200, id="anything-as-a-last-resort"),
        pytest.param("image/png", 406, id="another-type"),
    ],
)
def test_content_goes_out_to_those_who_take_its_type(client: FlaskClient, accept: str, status: int) -> None:
    read = send(client, "GET", stored(client), headers={"Accept": accept})
    assert read.status_code == status
    if status == 406:
        assert situation(read) == "not-acceptable"
    else:
        assert read.data == CDA


def test_a_binary_resource_is_stored_as_it_is(client: FlaskClient) -> None:
    id = new_id()
    sent = {
        "resourceType": "Binary",
        "id": id,
        "contentType": "text/xml",
        "data": base64.b64encode(CDA).decode(),
    }
    assert send(client, "PUT", f"/Binary/{id}", sent).status_code == 201
    assert send(client, "GET", f"/Binary/{id}").data == CDA


def test_content_is_put_under_a_chosen_id(client: FlaskClient) -> None:
    id = new_id()
    for content in (b"one", b"two"):
        response = send(client, "PUT", f"/Binary/{id}", content, {"Content-Type": "text/plain"})
        assert response.status_code in (200, 201)
        assert send(client, "GET", f"/Binary/{id}").data == content
    assert send(client, "GET", f"/Binary/{id}/_history/1").data == b"one"


def test_the_security_context_travels_in_a_header(client: FlaskClient) -> None:
    reference = f"Patient/{new_id()}"
    headers = {"Content-Type": "text/plain", "X-Security-Context": reference}
    created = send(client, "POST", "/Binary", b"x", headers)
    assert created.status_code == 201
    path = f"/Binary/{created.get_json()['id']}"
    assert send(client, "GET", path).headers["X-Security-Context"] == reference
    resource = send(client, "GET", path, headers=AS_RESOURCE).get_json()
    assert resource["securityContext"] == {"reference": reference}


def test_content_in_a_fhir_format_is_read_as_a_resource(client: FlaskClient) -> None:
    response = send(client, "POST", "/Binary", b'{"resourceType":"Patient"}')
    assert (response.status_code, situation(response)) == (400, "type-mismatch")
    response = send(client, "POST", "/Binary", b"<Binary/>", {"Content-Type": "application/fhir+xml"})
    assert response.status_code == 422
    assert b"not in the namespace" in response.data


def test_content_of_an_unknown_type_is_bytes(client: FlaskClient) -> None:
    response = send(client, "POST", "/Binary", b"x", {"Content-Type": ""})
    assert response.get_json()["contentType"] == "application/octet-stream"


def test_a_missing_content_is_not_found(client: FlaskClient) -> None:
    response = send(client, "GET", f"/Binary/{new_id()}", headers={"Accept": "application/pdf"})
    assert (response.status_code, situation(response)) == (404, "not-found")


def test_reads_of_content_are_conditional(client: FlaskClient) -> None:
    response = send(client, "GET", stored(client), headers={"If-None-Match": 'W/"1"'})
    assert (response.status_code, response.data) == (304, b"")


def test_head_of_content_has_its_headers(client: FlaskClient) -> None:
    response = send(client, "HEAD", stored(client))
    assert response.headers["Content-Length"] == str(len(CDA))
    assert response.headers["Content-Type"].startswith("text/xml")
