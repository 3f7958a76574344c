"""Requests that no client library would send: refused with 4xx and a reason, or the connection is closed."""

from __future__ import annotations

import urllib.request

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.wire import Answer, answer_of, fault_of, faults, request, send, with_length
from tests.running import Running

PATIENT = b'{"resourceType":"Patient"}'
JSON = "Content-Type: application/fhir+json"

SEGMENTS = (
    "%00", "%ff", "%c0%af", "%ed%a0%80", "%2e%2e", "..", ".", "a%2fb", "%", "%zz", "%F0%9F%92%A9", "a" * 65,
    "a" * 50_000, "$", "_", "\\", '"', "<script>", ";x", "_history", "*",
)  # fmt: skip
"""Where an id, a type or a version could stand."""

PLACES = (
    "/fhir/{}", "/fhir/Patient/{}", "/fhir/Patient/demo-odile/_history/{}", "/fhir/{}/demo-odile",
    "/fhir/Patient/{}/_history", "/fhir//{}", "/{}", "{}",
)  # fmt: skip

QUERIES = (
    "%00=1", "%ff=1", "name=%00", "name=%ff", "name=%c0%80", "name=%ed%a0%80", "name=%", "name=%zz", "&&&", "=",
    "name:exact:exact=1", ":missing=true", "name:=1", "name=\\", "name=\\,", "name=,,,", "name:contains=.*",
    "_count=99999999999999999999", "_count=-1", "_count=\xb2", "_count=%D9%A3", "_sort=-", "_sort=--name",
    "_include=a:b:c:d", "_include=*", "_revinclude=*", "_has:::=1", "_summary=x", "_elements=%00", "_elements=,",
    "_format=%00", "_format=html", "_pretty=x", "_total=x", "_cursor=%00", "_cursor=AAAA", "_page=x",
    "birthdate=eq", "birthdate=0000", "birthdate=9999-12-31T23:59:59.999999999999Z", "birthdate=%ef%bc%91",
    "birthdate=0001-01-01T00:00:00%2B14:00", "birthdate=9999-12-31T23:59:59-14:00", "_lastUpdated=ap9999",
    "_lastUpdated=ap0001", "_since=x", "_since=9999-12-31T23:59:59.999Z", "_since=0001-01-01T00:00:00Z",
    "_at=x", "value-quantity=1e99999", "value-quantity=1e-99999", "value-quantity=NaN", "value-quantity=|||",
    "value-quantity=" + "9" * 5000, "code-value-quantity=$", "code-value-quantity=a$b$c",
    "identifier=|", "identifier=a|b|c", "identifier=" + "%7C" * 100, "organization=http://[::1",
    "subject.subject.subject=x", "_id=" + ",".join("a" * 2000), "name=" + "a" * 50_000,
    "&".join(["name=a"] * 3000), "_type=%00", "near=91|181|1|km", "_list=$current", "_text=x", "_filter=x",
)  # fmt: skip

QUERIED = ("/fhir/Patient", "/fhir/Observation", "/fhir/_history", "/fhir/Patient/demo-odile", "/fhir")

HEADERS = (
    "Accept", "Accept-Charset", "Accept-Encoding", "Authorization", "Content-Encoding", "Content-Type", "Cookie",
    "Expect", "Forwarded", "Host", "Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Exist",
    "If-None-Match", "Origin", "Prefer", "Range", "Upgrade", "X-Forwarded-For", "X-Forwarded-Host",
    "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-HTTP-Method-Override", "X-Request-Id",
    "X-Security-Context",
)  # fmt: skip

VALUES = (
    "", "\t", "\x01", "\x7f", "\xff\xfe", "\xb2", '"', "?", "*", "-1", "0x10", "1,1", "null", "a" * 5000,
    "," * 5000, '"a"' + " " * 5000 + "x", ",;,;=", ";q=nan", "*/*;q=", "application/fhir+json;q=9e999",
    "application/fhir+json; fhirVersion=9.9", "application/fhir+json; charset=", "return=",
    "handling=strict;return=;", 'W/"', 'W/"1', '"\x7f"', 'W/"99999999999999999999"', "99999999999999999999999",
    "Mon, 01 Jan 9999999999999 00:00:00 GMT", "Mon, 01 Jan 0000 00:00:00 GMT",
    "Mon, 01 Jan 2020 00:00:00 +99999999", "http://[", 'for=;host="a b";proto=gopher', "name=%00", "%ff",
    "identifier=a|b&%%%", "gzip", "bytes=0-0", "websocket, h2c", "Patient/x",
)  # fmt: skip

BODIES = (
    b"", b"null", b"[]", b"1", b'"x"', b"{}", b"\x00", b"\xff", b"\xef\xbb\xbf{}", b"{" * 5000, b"[" * 50_000,
    b'{"resourceType":null}', b'{"resourceType":[]}', b'{"resourceType":{}}', b'{"resourceType":"Bundle"}',
    b'{"resourceType":"Patient","id":1}', b'{"resourceType":"Patient","meta":[]}',
    b'{"resourceType":"Patient","meta":{"versionId":1}}', b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}',
    b'{"resourceType":"Patient","name":[{"family":"\\u0000"}]}', b'{"resourceType":"Patient","birthDate":"0000-01-01"}',
    b'{"resourceType":"Patient","multipleBirthInteger":99999999999999999999}',
    b'{"resourceType":"Patient","managingOrganization":{"reference":"http://["}}',
    b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e999999}}',
    b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e-999999999}}',
    b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"effectiveDateTime":"9999-12-31T23:59:59-12:00"}',
    b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"effectiveDateTime":"0001-01-01T00:00:00+12:00"}',
    b'{"resourceType":"Bundle","type":"transaction","entry":null}',
    b'{"resourceType":"Bundle","type":"transaction","entry":[null]}',
    b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":null}]}',
    b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"GET","url":"%"}}]}',
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"http://["}}]}',
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient?%ff=%00"}}]}',
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"PATCH","url":"Patient/x"},'
    b'"resource":{"resourceType":"Binary"}},{"request":{"method":"DELETE","url":"Patient?"}},'
    b'{"request":{"method":"GET","url":"//"}},{"request":{"method":"GET","url":"#"}}]}',
    b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"},'
    b'"request":{"method":"POST","url":"Patient","ifNoneExist":"%%&=&?"}}]}',
    b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient",'
    b'"managingOrganization":{"reference":"Organization?name=%00%ff"}},"request":{"method":"POST","url":"Patient"}}]}',
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/x",'
    b'"ifModifiedSince":"9999-99-99","ifNoneMatch":"W/"}}]}',
    b"<a/>", b"<a>" * 5000, b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', b"<Patient", b"<Patient/>",
    b'<?xml version="1.0" encoding="utf-16"?><Patient xmlns="http://hl7.org/fhir"/>',
    b'<?xml version="1.0" encoding="bogus"?><Patient xmlns="http://hl7.org/fhir"/>',
    b'<Patient xmlns="http://hl7.org/fhir"><birthDate value="0000"/></Patient>',
)  # fmt: skip

WRITES = (
    ("POST", "/fhir", ("application/fhir+json", "application/fhir+xml")),
    ("POST", "/fhir/Patient", ("application/fhir+json", "application/fhir+xml", "text/plain")),
    ("POST", "/fhir/Observation", ("application/fhir+json",)),
    ("POST", "/fhir/Bundle", ("application/fhir+json",)),
    ("POST", "/fhir/Binary", ("application/fhir+json", "application/octet-stream")),
    ("POST", "/fhir/Patient/_search", ("application/x-www-form-urlencoded", "application/json")),
    ("POST", "/fhir/Patient/$validate", ("application/fhir+json", "application/fhir+xml")),
    ("POST", "/fhir/Patient/demo-odile/$meta-add", ("application/fhir+json",)),
    ("PUT", "/fhir/Patient/fuzz", ("application/fhir+json", "application/fhir+xml")),
    ("PUT", "/fhir/Patient?_id=demo-odile", ("application/fhir+json",)),
    ("PATCH", "/fhir/Patient/demo-odile", (
        "application/json-patch+json", "application/xml-patch+xml", "application/fhir+json",
        "application/fhir+xml", "application/json",
    )),
)  # fmt: skip

METHODS = (
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "A" * 1000,
    "\x00",
)  # fmt: skip
ADDRESSES = (
    "/fhir", "/fhir/", "/fhir/metadata", "/fhir/Patient", "/fhir/Patient/x", "/fhir/Patient/_search",
    "/fhir/Patient/x/_history", "/fhir/_history", "/openapi.json", "/livez", "/nowhere", "*", "http://else/fhir",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_strange_segment_is_refused(server: Running, place: str) -> None:
    assert faults(server.url, [request("GET", place.format(segment)) for segment in SEGMENTS]) == []


@pytest.mark.parametrize("address", QUERIED)
def test_a_strange_query_is_answered_or_refused(server: Running, address: str) -> None:
    assert faults(server.url, [request("GET", f"{address}?{query}") for query in QUERIES]) == []


@pytest.mark.parametrize("name", HEADERS)
def test_a_strange_header_is_passed_over_or_refused(server: Running, name: str) -> None:
    requests = [
        data
        for value in VALUES
        for data in (
            request("GET", "/fhir/Patient/demo-odile", f"{name}: {value}"),
            request("POST", "/fhir/Patient", JSON, with_length(PATIENT), f"{name}: {value}", body=PATIENT),
            request("DELETE", "/fhir/Patient/fuzz", f"{name}: {value}"),
        )
    ]
    assert faults(server.url, requests) == []


@pytest.mark.parametrize("name", HEADERS)
def test_a_repeated_header_is_passed_over_or_refused(server: Running, name: str) -> None:
    twice = [f"{name}: application/fhir+json", f'{name}: W/"1"']
    assert faults(server.url, [
        request("GET", "/fhir/Patient/demo-odile", *twice),
        request("POST", "/fhir/Patient", JSON, with_length(PATIENT), *twice, body=PATIENT),
    ]) == []  # fmt: skip


@pytest.mark.parametrize(("method", "address", "media_types"), WRITES)
def test_a_strange_body_is_refused_whatever_it_says_it_is(
    server: Running, method: str, address: str, media_types: tuple[str, ...]
) -> None:
    assert faults(server.url, [
        request(method, address, f"Content-Type: {media_type}", with_length(body), body=body)
        for body in BODIES
        for media_type in media_types
    ]) == []  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=lambda method: repr(method[:10]))
def test_a_method_that_an_address_does_not_know_is_refused(server: Running, method: str) -> None:
    requests = [request(method, address, "Content-Length: 0") for address in ADDRESSES]
    requests += [request(method, a, JSON, "Content-Length: 2", body=b"{}") for a in ADDRESSES]
    assert faults(server.url, requests) == []


FRAMINGS = (
    pytest.param(["Content-Length: 1000"], PATIENT, id="body-shorter-than-its-length"),
    pytest.param(["Content-Length: 5"], PATIENT, id="body-longer-than-its-length"),
    pytest.param(["Content-Length: -5"], PATIENT, id="negative-length"),
    pytest.param(["Content-Length: 1e1"], PATIENT, id="length-that-is-no-number"),
    pytest.param(["Content-Length: 5", "Content-Length: 6"], PATIENT, id="two-lengths"),
    pytest.param([with_length(PATIENT), "Transfer-Encoding: chunked"], PATIENT, id="length-and-chunks"),
    pytest.param(["Transfer-Encoding: chunked"], b"zz\r\n" + PATIENT, id="chunk-size-that-is-no-number"),
    pytest.param(["Transfer-Encoding: chunked"], b'5\r\n{"r', id="chunk-that-ends-early"),
    pytest.param(["Transfer-Encoding: gzip"], PATIENT, id="unknown-transfer-encoding"),
    pytest.param([f"X-{number}: a" for number in range(500)], b"", id="very-many-headers"),
    pytest.param(["X: " + "a" * 500_000], b"", id="very-long-header"),
    pytest.param(["no colon"], b"", id="header-without-colon"),
    pytest.param([" folded: x"], b"", id="header-that-begins-with-a-space"),
)


@pytest.mark.parametrize(("headers", "body"), FRAMINGS)
def test_a_message_that_ends_elsewhere_than_it_says_is_refused(
    server: Running, headers: list[str], body: bytes
) -> None:
    answer = send(server.url, request("POST", "/fhir/Patient", JSON, *headers, body=body), cut=True)
    assert (answer.status, fault_of(answer)) == (answer.status, None)
    assert not 200 <= answer.status < 300


@pytest.mark.parametrize(("headers", "body", "status"), [
    pytest.param(["Content-Length: 1000"], b"hello", 400, id="shorter-than-its-length"),
    pytest.param(["Transfer-Encoding: chunked"], b"5\r\nhello\r\n3\r\na", 411, id="chunk-that-ends-early"),
    pytest.param(["Transfer-Encoding: chunked"], b"5\r\nhello\r\n", 411, id="no-last-chunk"),
    pytest.param(["Transfer-Encoding: chunked"], b"", 411, id="no-chunk"),
])  # fmt: skip
def test_content_that_is_cut_off_is_not_stored(
    server: Running, headers: list[str], body: bytes, status: int
) -> None:
    kind = "Content-Type: application/octet-stream"
    answer = send(server.url, request("PUT", "/fhir/Binary/cut-off", kind, *headers, body=body), cut=True)
    assert (answer.status, fault_of(answer)) == (status, None)
    assert send(server.url, request("GET", "/fhir/Binary/cut-off")).status == 404


def test_a_whole_chunked_resource_is_stored(server: Running) -> None:
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(PATIENT), PATIENT)
    data = request("POST", "/fhir/Patient", JSON, "Transfer-Encoding: chunked", body=body)
    assert send(server.url, data).status == 201


@pytest.mark.parametrize("data", [
    pytest.param(b"\r\n\r\n", id="empty-lines"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="tls"),
    pytest.param(b"GET\r\n\r\n", id="method-alone"),
    pytest.param(request("GET", "/fhir/Patient", version="HTTP/9.9"), id="unknown-version"),
    pytest.param(request("GET", "/fhir/Pati\x00ent"), id="nul-in-the-target"),
    pytest.param(request("GET", "/fhir/" + "a" * 500_000), id="very-long-target"),
    pytest.param(b"\xff" * 1000, id="bytes"),
])  # fmt: skip
def test_what_is_no_http_is_refused_or_the_connection_closed(server: Running, data: bytes) -> None:
    answer = send(server.url, data, cut=True)
    assert fault_of(answer) is None
    assert not 200 <= answer.status < 300


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.binary(max_size=40),
    name=st.sampled_from(HEADERS),
    value=st.binary(max_size=40),
    body=st.binary(max_size=60),
)
def test_random_bytes_never_break_the_server(
    server: Running, path: bytes, name: str, value: bytes, body: bytes
) -> None:
    target = "/fhir/Patient/" + "".join(f"%{byte:02x}" for byte in path)
    header = f"{name}: ".encode() + value.replace(b"\r", b"").replace(b"\n", b"")
    for data in (
        request("GET", target, header),
        request("GET", target.replace("t/", "t?"), header),
        request("POST", "/fhir/Patient", JSON, with_length(body), header, body=body),
    ):
        assert fault_of(send(server.url, data)) is None


def test_the_server_still_answers_after_all_of_it(server: Running) -> None:
    with urllib.request.urlopen(f"{server.url}/Patient/demo-odile", timeout=30) as response:
        assert response.status == 200


@pytest.mark.parametrize(("received", "fault"), [
    pytest.param(b"HTTP/1.1 500 x\r\nx-request-id: a\r\n\r\n{}", "500", id="server-error"),
    pytest.param(b"HTTP/1.1 404 x\r\nx-request-id: a\r\n\r\n{}", "without OperationOutcome", id="no-outcome"),
    pytest.param(b"HTTP/1.1 404 x\r\n\r\n<!doctype html><html>", "HTML", id="page"),
    pytest.param(b"HTTP/1.1 400 x\r\n\r\nbad", "HTTP server with a body", id="text-of-the-http-server"),
])  # fmt: skip
def test_a_wrong_answer_is_seen(received: bytes, fault: str) -> None:
    assert fault in str(fault_of(answer_of(received)))


@pytest.mark.parametrize(("received", "status"), [
    pytest.param(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", 400, id="refused-by-the-http-server"),
    pytest.param(b'HTTP/1.1 400 x\r\nx-request-id: a\r\n\r\n{"resourceType":"OperationOutcome"}', 400, id="outcome"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n", 201, id="after-continue"),
    pytest.param(b"", 0, id="closed"),
])  # fmt: skip
def test_a_right_answer_is_let_pass(received: bytes, status: int) -> None:
    answer = answer_of(received)
    assert answer == Answer(status, answer.headers, answer.body)
    assert fault_of(answer) is None
