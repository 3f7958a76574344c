"""What goes wrong with an address, a method or a media type: one status, always an OperationOutcome.

Spec: https://hl7.org/fhir/R4/http.html#Status-Codes
"""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.http.calls import BASE, bundle, issues, new_id, patient, send, situation

LONGEST_ID = "x" * 64


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("GET", "/Patient/unknown", 404, "not-found", id="unknown-id"),
        pytest.param("GET", "/Patient/unknown/_history", 404, "not-found", id="history-of-unknown-id"),
        pytest.param("GET", "/Patient/unknown/_history/1", 404, "not-found", id="version-of-unknown-id"),
        pytest.param("GET", "/Person1", 404, "unknown-type", id="unknown-type"),
        pytest.param("GET", "/patient/x", 404, "unknown-type", id="type-in-lower-case"),
        pytest.param("GET", "/DomainResource/x", 404, "unknown-type", id="abstract-type"),
        pytest.param("GET", "/HumanName", 404, "unknown-type", id="data-type"),
        pytest.param("DELETE", "/Person1/x", 404, "unknown-type", id="delete-of-unknown-type"),
        pytest.param("GET", "/Patient/a/b/c/d", 404, "unknown-address", id="no-such-address"),
        pytest.param("GET", "/Patient/a/_history/1/2", 404, "unknown-address", id="below-a-version"),
        pytest.param("GET", "/_unknown", 404, "unknown-address", id="reserved-word"),
        pytest.param("GET", "//Patient", 404, "unknown-address", id="empty-segment"),
        pytest.param("GET", "/$nothing", 404, "unknown-operation", id="system-operation"),
        pytest.param("POST", "/Patient/$nothing", 404, "unknown-operation", id="type-operation"),
        pytest.param("GET", "/Patient/$nothing", 404, "unknown-operation", id="type-operation-by-get"),
        pytest.param("GET", "/Patient/a/$nothing", 404, "unknown-operation", id="instance-operation"),
        pytest.param("GET", "/Patient/a_b", 400, "illegal-id", id="underscore"),
        pytest.param("GET", f"/Patient/{LONGEST_ID}x", 400, "illegal-id", id="65-characters"),
        pytest.param("GET", f"/Patient/{LONGEST_ID}", 404, "not-found", id="64-characters"),
        pytest.param("GET", "/Patient/a%00", 400, "illegal-id", id="nul"),
        pytest.param("GET", "/Patient/é", 400, "illegal-id", id="not-ascii"),
        pytest.param("GET", "/Patient/a%0Ab", 400, "illegal-id", id="line-feed"),
        pytest.param("DELETE", "/Patient/a_b", 400, "illegal-id", id="delete-of-an-illegal-id"),
        pytest.param("GET", "/Patient/a/_history/a_b", 400, "illegal-id", id="illegal-version-id"),
        pytest.param("GET", "/Patient?a=%ff", 400, "illegal-parameter-value", id="query-not-utf-8"),
        pytest.param("GET", "/Patient?" + "a&" * 501, 400, "too-costly", id="too-many-parameters"),
    ],
)
def test_a_wrong_address_is_refused(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    response = send(client, method, path)
    assert (response.status_code, situation(response)) == (status, code)
    assert response.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert response.headers["X-Request-Id"]


INSTANCE_METHODS = {"GET", "HEAD", "PUT", "PATCH", "DELETE"}
TYPE_METHODS = INSTANCE_METHODS | {"POST"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        pytest.param("PUT", "", {"GET", "HEAD", "POST"}, id="put-the-base"),
        pytest.param("PUT", "/", {"GET", "HEAD", "POST"}, id="put-the-base-with-a-slash"),
        pytest.param("DELETE", "", {"GET", "HEAD", "POST"}, id="delete-the-base"),
        pytest.param("POST", "/metadata", {"GET", "HEAD"}, id="post-metadata"),
        pytest.param("BREW", "/Patient", TYPE_METHODS, id="no-method-of-a-type"),
        pytest.param("POST", "/Patient/x", INSTANCE_METHODS, id="post-an-instance"),
        pytest.param("GET", "/Patient/_search", {"POST"}, id="get-the-search-form"),
        pytest.param("PUT", "/Patient/x/_history/1", {"GET", "HEAD"}, id="put-a-version"),
        pytest.param("BREW", "/Patient/x", INSTANCE_METHODS, id="no-method-at-all"),
    ],
)
def test_a_wrong_method_names_the_right_ones(
    client: FlaskClient, method: str, path: str, allowed: set[str]
) -> None:
    response = send(client, method, path)
    assert (response.status_code, situation(response)) == (405, "method-not-allowed")
    assert set(response.headers["Allow"].split(", ")) - {"OPTIONS"} == allowed


@pytest.mark.parametrize("path", ["", "/Patient", "/Patient/x", "/metadata"])
def test_options_says_the_methods_and_has_no_body(client: FlaskClient, path: str) -> None:
    response = send(client, "OPTIONS", path)
    assert response.status_code == 200
    assert "GET" in response.headers["Allow"]
    assert response.data == b""
    assert "Content-Type" not in response.headers


JSON_NAMES = ("application/fhir+json", "application/json", "text/json", "json")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        *(pytest.param(name, 200, id=name) for name in JSON_NAMES[:3]),
        pytest.param("*/*", 200, id="anything"),
        pytest.param("application/*", 200, id="any-application"),
        pytest.param("application/fhir+json; fhirVersion=4.0", 200, id="our-version"),
        pytest.param("text/html, */*;q=0.1", 200, id="a-browser"),
        pytest.param("APPLICATION/FHIR+JSON", 200, id="capitals"),
        pytest.param("application/fhir+json; fhirVersion=3.0", 406, id="another-version"),
        pytest.param("text/html", 406, id="html"),
        pytest.param("application/fhir+turtle", 406, id="turtle"),
        pytest.param("application/json;q=0", 406, id="excluded"),
        pytest.param("application/json;q=x", 406, id="quality-that-is-no-number"),
        pytest.param("garbage", 406, id="no-media-type"),
    ],
)
def test_accept_is_answered_or_refused(client: FlaskClient, accept: str, status: int) -> None:
    response = send(client, "GET", "/metadata", headers={"Accept": accept})
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    if status == 406:
        assert situation(response) == "not-acceptable"


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        *(pytest.param(name.replace("+", "%2B"), 200, id=name) for name in JSON_NAMES),
        pytest.param("application/fhir+json", 200, id="plus-not-encoded"),
        pytest.param("html", 406, id="html"),
        pytest.param("turtle", 406, id="turtle"),
    ],
)
def test_the_format_parameter_wins_over_accept(client: FlaskClient, wanted: str, status: int) -> None:
    opposite = {"Accept": "text/html" if status == 200 else "application/fhir+json"}
    assert send(client, "GET", f"/metadata?_format={wanted}", headers=opposite).status_code == status


def test_pretty_is_indented_and_says_the_same(client: FlaskClient) -> None:
    id = new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    plain, pretty = send(client, "GET", f"/Patient/{id}"), send(client, "GET", f"/Patient/{id}?_pretty=true")
    assert b"\n" in pretty.data
    assert b"\n" not in plain.data
    assert pretty.get_json() == plain.get_json()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Content-Type": "application/fhir+json; charset=utf-8"}, 201, id="utf-8"),
        pytest.param({"Content-Type": "application/fhir+json; fhirVersion=4.0"}, 201, id="our-version"),
        pytest.param({"Content-Type": "application/json"}, 201, id="plain-json"),
        pytest.param({"Content-Type": "application/json; charset=iso-8859-1"}, 415, id="latin-1"),
        pytest.param({"Content-Type": "application/fhir+json; fhirVersion=5.0"}, 415, id="another-version"),
        pytest.param({"Content-Type": "text/plain"}, 415, id="plain-text"),
        pytest.param({"Content-Type": "application/x-www-form-urlencoded"}, 415, id="form"),
        pytest.param({"Content-Type": ""}, 415, id="none"),
        pytest.param({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415, id="compressed"),
    ],
)
def test_a_body_in_another_format_is_refused(
    client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    response = send(client, "POST", "/Patient", patient(), headers)
    assert response.status_code == status
    if status == 415:
        assert situation(response) == "unsupported-media-type"


@pytest.mark.parametrize("path", ["", "/Patient"])
def test_a_missing_body_is_refused(client: FlaskClient, path: str) -> None:
    response = send(client, "POST", path)
    assert (response.status_code, situation(response)) == (400, "empty-body")


@pytest.mark.parametrize("kind", ["collection", "document", "searchset", "history", "transaction-response"])
def test_a_bundle_to_be_stored_does_not_go_to_the_base(client: FlaskClient, kind: str) -> None:
    response = send(client, "POST", "", bundle(kind))
    assert (response.status_code, situation(response)) == (400, "wrong-bundle-type")
    assert issues(response)[0]["expression"] == ["Bundle.type"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(patient(), id="another-resource"),
        pytest.param({"resourceType": "Bundle"}, id="no-type"),
        pytest.param({"resourceType": "Bundle", "type": 5}, id="type-is-a-number"),
        pytest.param([], id="list"),
        pytest.param(1, id="number"),
    ],
)
def test_only_a_bundle_goes_to_the_base(client: FlaskClient, body: object) -> None:
    assert 400 <= send(client, "POST", "", body).status_code < 500


def test_the_base_is_found_with_and_without_a_slash(client: FlaskClient) -> None:
    for path in ("", "/"):
        assert send(client, "POST", path, {"resourceType": "Bundle", "type": "batch"}).status_code == 200


def test_every_address_in_an_answer_begins_with_the_base(client: FlaskClient) -> None:
    created = send(client, "POST", "/Patient", patient())
    assert created.headers["Location"].startswith(f"{BASE}/Patient/")
    found = send(client, "GET", f"/Patient?_id={created.get_json()['id']}").get_json()
    assert found["entry"][0]["fullUrl"].startswith(f"{BASE}/Patient/")
    assert found["link"][0]["url"].startswith(f"{BASE}/Patient?")


def test_an_address_outside_the_api_is_not_found_in_the_same_words(client: FlaskClient) -> None:
    response = client.get("/nowhere")
    assert (response.status_code, situation(response)) == (404, "unknown-address")
