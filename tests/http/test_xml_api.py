"""FHIR XML through the door, in and out, as JSON is.  Spec: https://hl7.org/fhir/R4/xml.html"""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import etree
from werkzeug.test import TestResponse

from tests.http.calls import bundle, entry, new_id, observation, patient, send, situation

FHIR_XML = "application/fhir+xml"
SAYS_XML = "application/fhir+xml; charset=utf-8"
SAYS_JSON = "application/fhir+json; charset=utf-8"
NAMESPACE = {"f": "http://hl7.org/fhir"}

OBSERVATION = """<Observation xmlns="http://hl7.org/fhir">{id}
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p class='a'>x<br /></p></div></text>
  <status value="final"/><code><text value="é &quot; &#10; 1 &lt; 2"/></code>
  <valueQuantity><value value="1.50e2"/></valueQuantity>
</Observation>"""


def send_xml(client: FlaskClient, method: str, path: str, text: str, **headers: str) -> TestResponse:
    return send(client, method, path, text.encode(), {"Content-Type": FHIR_XML, **headers})


def values(response: TestResponse, path: str) -> list[Any]:
    """Return what an XPath finds in an answer that must be FHIR XML."""
    assert response.headers["Content-Type"] == SAYS_XML
    return etree.fromstring(response.data).xpath(path, namespaces=NAMESPACE)


def test_what_comes_in_as_xml_goes_out_as_json_with_its_literals(client: FlaskClient) -> None:
    created = send_xml(client, "POST", "/Observation", OBSERVATION.format(id=""))
    assert created.status_code == 201
    [id] = values(created, "/f:Observation/f:id/@value")
    read = send(client, "GET", f"/Observation/{id}")
    assert read.headers["Content-Type"] == SAYS_JSON
    assert b'"value":1.50e2' in read.data
    resource = read.get_json()
    assert resource["code"]["text"] == 'é " \n 1 < 2'
    assert resource["text"]["div"] == (
        """<div xmlns="http://www.w3.org/1999/xhtml"><p class='a'>x<br /></p></div>"""
    )


def test_what_comes_in_as_json_goes_out_as_xml_with_its_literals(client: FlaskClient) -> None:
    id = new_id()
    body = b'{"resourceType":"Observation","id":"%s","status":"final","code":{"text":"x"},"valueQuantity":{"value":0.010}}'
    send(client, "PUT", f"/Observation/{id}", body % id.encode())
    read = send(client, "GET", f"/Observation/{id}", headers={"Accept": FHIR_XML})
    assert values(read, "//f:valueQuantity/f:value/@value") == ["0.010"]
    assert read.headers["ETag"] == 'W/"1"'


def test_every_interaction_answers_in_xml(client: FlaskClient) -> None:
    id = new_id()
    xml = {"Accept": FHIR_XML}
    put = send(client, "PUT", f"/Patient/{id}", patient(id, identifier=[{"value": id}]), xml)
    assert values(put, "/f:Patient/f:id/@value") == [id]
    for path, found in (
        (f"/Patient/{id}", "/f:Patient/f:id/@value"),
        (f"/Patient/{id}/_history/1", "/f:Patient/f:id/@value"),
        (f"/Patient/{id}/_history", "/f:Bundle/f:entry/f:resource/f:Patient/f:id/@value"),
        (f"/Patient?identifier={id}", "/f:Bundle/f:entry/f:resource/f:Patient/f:id/@value"),
    ):
        assert values(send(client, "GET", path, headers=xml), found) == [id]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    posted = send(client, "POST", "/Patient/_search", f"identifier={id}&_format=xml".encode(), form)
    assert values(posted, "/f:Bundle/f:entry/f:resource/f:Patient/f:id/@value") == [id]
    statement = send(client, "GET", "/metadata", headers=xml)
    assert values(statement, "/f:CapabilityStatement/f:format/@value") == [
        "application/fhir+json", "json", "application/fhir+xml", "xml",
    ]  # fmt: skip
    outcome = send(client, "DELETE", f"/Patient/{id}", headers={**xml, "Prefer": "return=OperationOutcome"})
    assert values(outcome, "/f:OperationOutcome/f:issue/f:severity/@value") == ["information"]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_bundle_in_xml_is_answered_in_xml(client: FlaskClient, kind: str) -> None:
    id = new_id()
    text = f"""<Bundle xmlns="http://hl7.org/fhir"><type value="{kind}"/>
      <entry><resource><Patient><id value="{id}"/><active value="true"/></Patient></resource>
        <request><method value="PUT"/><url value="Patient/{id}"/></request></entry>
      <entry><request><method value="GET"/><url value="Patient/{id}"/></request></entry></Bundle>"""
    answer = send_xml(client, "POST", "", text)
    assert values(answer, "/f:Bundle/f:type/@value") == [f"{kind}-response"]
    assert values(answer, "//f:response/f:status/@value") == ["201 Created", "200 OK"]
    assert values(answer, "//f:Patient/f:active/@value") == ["true"]


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        pytest.param("", None, SAYS_JSON, id="nothing-asked"),
        pytest.param("", "application/fhir+xml", SAYS_XML, id="the-media-type"),
        pytest.param("", "application/fhir+xml; fhirVersion=4.0", SAYS_XML, id="with-the-version"),
        pytest.param("", "application/xml", SAYS_XML, id="application-xml"),
        pytest.param("", "text/xml", SAYS_XML, id="text-xml"),
        pytest.param("", "application/xml+fhir", SAYS_XML, id="the-name-of-dstu2"),
        pytest.param("?_format=xml", "application/fhir+json", SAYS_XML, id="format-wins"),
        pytest.param("?_format=json", "application/fhir+xml", SAYS_JSON, id="format-wins-for-json"),
        pytest.param("?_format=application/fhir+xml", None, SAYS_XML, id="a-bare-plus"),
        pytest.param("?_format=application%2Ffhir%2Bxml", None, SAYS_XML, id="a-plus-in-percent"),
        pytest.param("?_format=text/xml", None, SAYS_XML, id="format-text-xml"),
        pytest.param("?_format=application/xml", None, SAYS_XML, id="format-application-xml"),
        pytest.param("", "application/fhir+json;q=0.2, application/fhir+xml;q=0.7", SAYS_XML, id="quality"),
        pytest.param("", "application/fhir+xml;q=0.2, */*", SAYS_JSON, id="any-is-better"),
        pytest.param("", "*/*, application/fhir+xml", SAYS_XML, id="named-before-any"),
        pytest.param("", "application/fhir+json;q=0, */*", SAYS_XML, id="json-excluded"),
        pytest.param("", "text/html, application/xml;q=0.9, */*;q=0.8", SAYS_XML, id="a-browser"),
    ],
)
def test_the_format_of_an_answer_is_agreed(
    client: FlaskClient, query: str, accept: str | None, expected: str
) -> None:
    id = new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    headers = {} if accept is None else {"Accept": accept}
    for path, status in ((f"/Patient/{id}", 200), (f"/Patient/{new_id()}", 404)):
        response = send(client, "GET", path + query, headers=headers)
        assert (response.status_code, response.headers["Content-Type"]) == (status, expected)


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        pytest.param("?_format=ttl", None, id="format"),
        pytest.param("", "application/fhir+xml;q=0, application/fhir+json;q=0", id="all-excluded"),
        pytest.param("", "application/fhir+xml; fhirVersion=3.0", id="another-version"),
    ],
)
def test_a_format_that_cannot_be_written_is_406(client: FlaskClient, query: str, accept: str | None) -> None:
    headers = {} if accept is None else {"Accept": accept}
    response = send(client, "GET", f"/Patient/x{query}", headers=headers)
    assert (response.status_code, situation(response)) == (406, "not-acceptable")


def test_an_address_without_interaction_is_refused_in_the_format_asked(client: FlaskClient) -> None:
    response = send(client, "GET", "/Patient/a/b/c", headers={"Accept": FHIR_XML})
    assert response.status_code == 404
    assert values(response, "//f:issue/f:code/@value") == ["not-found"]


def test_pretty_puts_each_element_on_its_line_and_leaves_narratives(client: FlaskClient) -> None:
    created = send_xml(client, "POST", "/Observation?_pretty=true", OBSERVATION.format(id=""))
    lines = created.data.decode().splitlines()
    assert '  <status value="final"/>' in lines
    assert '    <value value="1.50e2"/>' in lines
    assert """    <div xmlns="http://www.w3.org/1999/xhtml"><p class='a'>x<br /></p></div>""" in lines
    plain = send(client, "GET", f"/Observation/{_id(created)}", headers={"Accept": FHIR_XML})
    squeezed = "".join(line.strip() for line in lines)
    assert squeezed == plain.data.decode()


def _id(response: TestResponse) -> str:
    return str(response.headers["Location"].split("/Observation/")[1].split("/")[0])


WRONG_NAMESPACE = '<Patient xmlns="http://example.org/other"><active value="true"/></Patient>'
BOMB = (
    '<!DOCTYPE Patient [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<Patient xmlns="http://hl7.org/fhir"><name><family value="&b;"/></name></Patient>'
)
DEEP = (
    '<Patient xmlns="http://hl7.org/fhir">'
    + '<extension url="http://x">' * 200 + "</extension>" * 200 + "</Patient>"
)  # fmt: skip
BOTTOMLESS = '<Patient xmlns="http://hl7.org/fhir">' + '<extension url="http://x">' * 100_000
DEEP_AS_JSON = (
    '<Basic xmlns="http://hl7.org/fhir">'
    + '<extension url="http://x">' * 40 + '<valueCode value="x"/>' + "</extension>" * 40
    + '<code><text value="x"/></code></Basic>'
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "content_type", "text", "status", "place"),
    [
        pytest.param("/Patient", FHIR_XML, "<Patient", 400, None, id="malformed"),
        pytest.param("/Patient", FHIR_XML, "", 400, None, id="empty"),
        pytest.param("/Patient", FHIR_XML, BOMB, 400, None, id="bomb"),
        pytest.param("/Patient", FHIR_XML, DEEP, 400, "Patient.extension", id="deep"),
        pytest.param("/Patient", FHIR_XML, BOTTOMLESS, 400, None, id="bottomless"),
        pytest.param("/Basic", FHIR_XML, DEEP_AS_JSON, 400, None, id="deep-as-json"),
        pytest.param("/Patient", FHIR_XML, WRONG_NAMESPACE, 422, "Patient", id="wrong-namespace"),
        pytest.param("/Patient", FHIR_XML, "<Patient/>", 422, "Patient", id="no-namespace"),
        pytest.param(
            "/Patient", FHIR_XML, '<Patient xmlns="http://hl7.org/fhir"><nonsense value="1"/></Patient>',
            422, "Patient.nonsense", id="unknown-element",
        ),
        pytest.param(
            "/Patient", FHIR_XML, '<Patient xmlns="http://hl7.org/fhir"><active value="yes"/></Patient>',
            422, "Patient.active", id="illegal-value",
        ),
        pytest.param(
            "/Patient", FHIR_XML, OBSERVATION.format(id=""), 400, "Patient.resourceType", id="another-type"
        ),
        pytest.param("/Patient", FHIR_XML, '{"resourceType": "Patient"}', 400, None, id="json-called-xml"),
        pytest.param(
            "/Patient", "application/fhir+json", OBSERVATION.format(id=""), 400, None, id="xml-called-json"
        ),
        pytest.param("/Patient", "application/fhir+turtle", "x", 415, None, id="unknown-format"),
        pytest.param("/Patient", f"{FHIR_XML}; charset=iso-8859-1", "x", 415, None, id="charset"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_resource_is_refused_with_its_place(
    client: FlaskClient, path: str, content_type: str, text: str, status: int, place: str | None
) -> None:
    before = _count(client, path)
    headers = {"Content-Type": content_type, "Accept": "application/fhir+json"}
    response = send(client, "POST", path, text.encode(), headers)
    assert response.status_code == status
    [first, *_] = response.get_json()["issue"]
    found = first.get("expression", [None])[0]
    assert found == place or (place is not None and found.startswith(place))
    assert _count(client, path) == before


def _count(client: FlaskClient, path: str) -> int:
    return int(send(client, "GET", f"{path}?_summary=count").get_json()["total"])


def test_what_xml_cannot_say_is_told_in_json(client: FlaskClient) -> None:
    id = new_id()
    stored = patient(id, name=[{"text": "no character \ufffe"}])
    written = send(client, "PUT", f"/Patient/{id}", stored, {"Accept": FHIR_XML})
    assert (written.status_code, written.headers["Content-Type"]) == (201, SAYS_JSON)
    assert written.get_json()["id"] == id
    read = send(client, "GET", f"/Patient/{id}", headers={"Accept": FHIR_XML})
    assert (read.status_code, situation(read)) == (406, "not-acceptable")
    assert send(client, "GET", f"/Patient/{id}").get_json()["name"] == stored["name"]


def test_content_of_a_binary_in_xml_stays_content(client: FlaskClient) -> None:
    """What is called text/xml is a document of its own; what is called FHIR XML is the resource."""
    content = b'<?xml version="1.0"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3"/>'
    created = send(client, "POST", "/Binary", content, {"Content-Type": "text/xml"})
    path = f"/Binary/{created.get_json()['id']}"
    for accept in ("text/xml", "*/*"):
        assert send(client, "GET", path, headers={"Accept": accept}).data == content
    resource = send(client, "GET", path, headers={"Accept": FHIR_XML})
    assert values(resource, "/f:Binary/f:contentType/@value") == ["text/xml"]
    again = send_xml(client, "PUT", path, resource.data.decode())
    assert again.status_code == 200
    assert send(client, "GET", path).data == content


def test_a_large_attribute_is_read(client: FlaskClient) -> None:
    """An attachment is one attribute of XML, of any length that a body may have."""
    text = "QUFB" * 3_000_000
    body = f'<Binary xmlns="http://hl7.org/fhir"><contentType value="text/plain"/><data value="{text}"/></Binary>'
    created = send_xml(client, "POST", "/Binary", body, Prefer="return=minimal")
    assert created.status_code == 201
    path = "/Binary/" + created.headers["Location"].split("/Binary/")[1].split("/")[0]
    assert send(client, "GET", path).data == b"A" * 9_000_000


def test_a_search_in_xml_tells_what_it_ignored(client: FlaskClient) -> None:
    response = send(client, "GET", "/Patient?nonsense=1&_id=never-was&_format=xml")
    assert values(response, "//f:OperationOutcome/f:issue/f:severity/@value") == ["warning"]


def test_a_resource_that_is_as_deep_as_allowed_is_written_inside_a_bundle(client: FlaskClient) -> None:
    deep: dict[str, Any] = {"url": "http://x", "valueCode": "x"}
    for _ in range(29):
        deep = {"url": "http://x", "extension": [deep]}
    id = new_id()
    stored = patient(id, extension=[deep], identifier=[{"value": id}])
    assert send(client, "PUT", f"/Patient/{id}", stored).status_code == 201
    found = send(client, "GET", f"/Patient?identifier={id}&_format=xml")
    assert len(values(found, "//f:extension")) == 30


def test_a_transaction_in_json_can_be_answered_in_xml(client: FlaskClient) -> None:
    made = bundle("transaction", entry("POST", "Observation", observation(None)))
    answer = send(client, "POST", "?_format=xml", made)
    assert values(answer, "//f:response/f:status/@value") == ["201 Created"]
    assert json.loads(send(client, "POST", "", made).data)["type"] == "transaction-response"
