"""Bodies that cannot be accepted: 4xx with an OperationOutcome, nothing stored, never 5xx."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.store.open import Store
from tests.http.calls import bundle, entry, issues, new_id, observation, patient, send, situation
from tests.http.conftest import MakeApp

DEEP = b'{"resourceType":"Patient","extension":[' + b'{"url":"u:u","extension":[' * 100 + b"]}" * 100 + b"]}"

MALFORMED = [
    pytest.param(b"{", id="cut-off"),
    pytest.param(b'{"resourceType":"Patient"} x', id="trailing-text"),
    pytest.param(b"{'resourceType':'Patient'}", id="single-quotes"),
    pytest.param(b'{"resourceType":"Patient","active":True}', id="capital-true"),
    pytest.param(b'{"resourceType":"Patient","multipleBirthInteger":01}', id="leading-zero"),
    pytest.param(b'{"resourceType":"Patient","multipleBirthInteger":NaN}', id="nan"),
    pytest.param(b'{"resourceType":"Patient","multipleBirthInteger":1e999999999}', id="huge-exponent"),
    pytest.param(b'{"resourceType":"Patient","id":"a","id":"b"}', id="duplicate-key"),
    pytest.param(b'{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}', id="duplicate-below"),
    pytest.param(b'\xef\xbb\xbf{"resourceType":"Patient"}', id="byte-order-mark"),
    pytest.param(b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}', id="escaped-nul"),
    pytest.param(b'{"resourceType":"Patient","name":[{"family":"a\x00b"}]}', id="raw-nul"),
    pytest.param(b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}', id="lone-surrogate"),
    pytest.param(b'{"resourceType":"Patient","name":[{"family":"\xff"}]}', id="not-utf-8"),
    pytest.param(DEEP, id="too-deep"),
    pytest.param(b"[" * 100_000, id="much-too-deep"),
    pytest.param(
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e "e">]><Patient/>', id="xml-under-a-json-name"
    ),
    pytest.param("{}".encode("utf-16"), id="utf-16"),
    pytest.param(b"   ", id="white-space"),
    pytest.param(b"null", id="null"),
    pytest.param(b"[]", id="list"),
    pytest.param(b'"Patient"', id="string"),
    pytest.param(b"12", id="number"),
    pytest.param(b"{}", id="no-resource-type"),
    pytest.param(b'{"resourceType":1}', id="resource-type-is-a-number"),
    pytest.param(b'{"resourceType":"Patient","$where":"1"}', id="key-with-a-dollar"),
    pytest.param(b'{"resourceType":"Patient","name.family":"x"}', id="key-with-a-dot"),
    pytest.param(b'{"resourceType":"Patient","":"x"}', id="empty-key"),
    pytest.param(b'{"resourceType":"Patient","name":[{"$gt":""}]}', id="operator-below"),
    pytest.param(b'{"resourceType":"Patient","id":{"$gt":""}}', id="operator-for-an-id"),
    pytest.param(b'{"resourceType":"Patient","id":"a_b"}', id="illegal-id"),
    pytest.param(b'{"resourceType":"Patient","id":"%s"}' % (b"x" * 65), id="long-id"),
    pytest.param(b'{"resourceType":"Patient","name":[]}', id="empty-list"),
    pytest.param(b'{"resourceType":"Patient","name":{}}', id="empty-object"),
    pytest.param(b'{"resourceType":"Patient","name":null}', id="null-member"),
    pytest.param(b'{"resourceType":"Patient","nonsense":1}', id="unknown-element"),
    pytest.param(b'{"resourceType":"Patient","meta":[]}', id="meta-is-a-list"),
    pytest.param(b'{"resourceType":"Patient","meta":{"tag":"x"}}', id="tag-is-a-string"),
]


def stored(kept: Store) -> int:
    """Return how many Patients there are."""
    return int(kept.client[kept.database]["Patient"].count_documents({}))


@pytest.mark.parametrize("body", MALFORMED)
def test_a_bad_body_is_refused_and_nothing_is_stored(client: FlaskClient, kept: Store, body: bytes) -> None:
    before = stored(kept)
    responses = [send(client, "POST", "/Patient", body), send(client, "PUT", f"/Patient/{new_id()}", body)]
    for response in responses:
        assert 400 <= response.status_code < 500
        assert all(issue["severity"] == "error" for issue in issues(response))
    assert stored(kept) == before


@pytest.mark.parametrize("body", MALFORMED)
def test_a_bad_body_posted_to_the_base_is_refused(client: FlaskClient, body: bytes) -> None:
    assert 400 <= send(client, "POST", "", body).status_code < 500


@pytest.mark.parametrize("body", MALFORMED)
def test_a_bad_entry_refuses_its_transaction(client: FlaskClient, kept: Store, body: bytes) -> None:
    before = stored(kept)
    good = json.dumps(entry("POST", "Patient", patient())).encode()
    bad = b'{"request":{"method":"POST","url":"Patient"},"resource":%s}' % (body.strip() or b"null")
    whole = b'{"resourceType":"Bundle","type":"transaction","entry":[%s,%s]}' % (good, bad)
    assert 400 <= send(client, "POST", "", whole).status_code < 500
    assert stored(kept) == before


def test_a_fault_is_told_with_its_place(client: FlaskClient) -> None:
    response = send(client, "POST", "/Patient", patient(name=[{"family": "A"}, {"given": ["B", 5]}]))
    assert response.status_code == 422
    assert issues(response)[0]["expression"] == ["Patient.name[1].given[1]"]


def test_a_fault_in_a_transaction_is_told_with_its_entry(client: FlaskClient) -> None:
    wrong = patient(name=[{"given": ["B", 5]}])
    response = send(
        client,
        "POST",
        "",
        bundle("transaction", entry("POST", "Patient", patient()), entry("POST", "Patient", wrong)),
    )
    assert response.status_code == 422
    assert issues(response)[0]["expression"] == ["Bundle.entry[1].resource.name[0].given[1]"]


@pytest.mark.parametrize("content_type", ["application/fhir+xml", "application/xml", "text/xml"])
def test_an_external_entity_is_not_read(client: FlaskClient, content_type: str) -> None:
    sent = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir"/>'
    response = send(client, "POST", "/Patient", sent, {"Content-Type": content_type})
    assert response.status_code == 400
    assert response.headers["Content-Type"].startswith("application/fhir+xml")
    assert b"malformed-xml" in response.data


def test_a_body_over_the_limit_is_refused_before_it_is_read(make_app: MakeApp) -> None:
    client = make_app(max_body_bytes=2000).test_client()
    fits = patient(name=[{"family": "x" * 1800}])
    assert send(client, "POST", "/Patient", fits).status_code == 201
    response = send(client, "POST", "/Patient", patient(name=[{"family": "x" * 2000}]))
    assert (response.status_code, situation(response)) == (413, "too-large")


def test_the_limit_holds_for_a_body_of_unknown_length(make_app: MakeApp) -> None:
    client = make_app(max_body_bytes=2000).test_client()
    for length, status in ((1800, 201), (3000, 413)):
        body = json.dumps(patient(name=[{"family": "x" * length}])).encode()
        response = client.open(
            "/fhir/Patient",
            method="POST",
            input_stream=BytesIO(body),
            environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
            headers={"Content-Type": "application/fhir+json"},
        )
        assert response.status_code == status, response.data


def test_a_compressed_body_is_refused_with_what_would_be_taken(client: FlaskClient) -> None:
    response = send(client, "POST", "/Patient", patient(), {"Content-Encoding": "gzip"})
    assert (response.status_code, situation(response)) == (415, "unsupported-media-type")
    assert response.headers["Accept-Encoding"] == "identity"


def test_more_entries_than_the_limit_are_refused(make_app: MakeApp) -> None:
    client = make_app(max_entries=3).test_client()
    for kind in ("batch", "transaction"):
        four = bundle(kind, *[entry("POST", "Patient", patient()) for _ in range(4)])
        response = send(client, "POST", "", four)
        assert (response.status_code, situation(response)) == (413, "too-many-entries")
        assert send(client, "POST", "", {**four, "entry": four["entry"][:3]}).status_code == 200
    assert send(client, "GET", "/Patient?_summary=count").get_json()["total"] == 6


def test_documents_near_the_limit_of_the_database_are_stored_or_refused(client: FlaskClient) -> None:
    """Many long strings cannot leave the body as attachments do."""
    for megabytes, statuses in ((13, {201}), (15, {201, 413}), (17, {201, 413}), (28, {201, 413})):
        notes = [{"text": "x" * 1_000_000} for _ in range(megabytes)]
        response = send(client, "POST", "/Observation", observation(None, note=notes))
        assert response.status_code in statuses, response.data[:400]
        if response.status_code == 201:
            read = send(client, "GET", f"/Observation/{response.get_json()['id']}")
            assert read.get_json()["note"] == notes


def test_a_large_attachment_is_stored_beside_the_document(client: FlaskClient) -> None:
    data = "QUJD" * 6_000_000
    created = send(
        client, "POST", "/Binary", {"resourceType": "Binary", "contentType": "text/plain", "data": data}
    )
    assert created.status_code == 201
    read = send(
        client, "GET", f"/Binary/{created.get_json()['id']}", headers={"Accept": "application/fhir+json"}
    )
    assert read.get_json()["data"] == data


NAMES = st.sampled_from(
    ["resourceType", "id", "meta", "name", "family", "given", "extension", "url", "valueString", "contained",
     "text", "div", "status", "identifier", "system", "value", "birthDate", "_birthDate", "active", "$gt", "a.b",
     "reference", "managingOrganization", "versionId", "security", "tag", "code"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8),
    st.sampled_from(["Patient", "Observation", "1974-12-25", "#a", "urn:uuid:x", "Patient/1", "?", "\x00", "\ud800"]),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=4),
    max_leaves=12,
)
RESOURCES = st.dictionaries(NAMES, TREES, max_size=6).map(lambda tree: {**tree, "resourceType": "Patient"})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(resource=RESOURCES)
def test_whatever_json_comes_the_answer_is_no_failure(client: FlaskClient, resource: dict[str, Any]) -> None:
    response = send(client, "POST", "/Patient", resource)
    assert response.status_code == 201 or 400 <= response.status_code < 500
    assert response.get_json()["resourceType"] in ("Patient", "OperationOutcome")


REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "X"]) | LEAVES,
        "url": st.sampled_from(
            ["Patient", "Patient/a", "Patient/a/_history", "Patient?_id=a", "metadata", "", "/", "?", "x/y/z",
             "Patient/$x", "http://fhir.example.org/fhir/Patient/a", "Patient?%ff"]
        )
        | LEAVES,
        "ifNoneExist": st.sampled_from(["identifier=a", "", "_count=1", "x=y"]) | LEAVES,
        "ifMatch": st.sampled_from(['W/"1"', "1"]) | LEAVES,
    },
)  # fmt: skip
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "fullUrl": st.sampled_from(["urn:uuid:3f6b8e0e-56a5-4a9e-9c5e-0f4f5a5a5a5a", "x"]) | LEAVES,
        "resource": RESOURCES | TREES,
        "request": REQUESTS | TREES,
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["batch", "transaction"]), entries=st.lists(ENTRIES, max_size=3) | TREES)
def test_whatever_entries_come_the_answer_is_no_failure(client: FlaskClient, kind: str, entries: Any) -> None:
    response = send(client, "POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries})
    assert response.status_code == 200 or 400 <= response.status_code < 500
    if response.status_code == 200:
        statuses = [answer["response"]["status"] for answer in response.get_json().get("entry", [])]
        assert not [status for status in statuses if status.startswith("5")]
