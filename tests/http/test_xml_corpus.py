"""Every example of the specification through the door and back: JSON, XML, JSON, equal to the literal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.http.calls import FHIR_JSON, send
from tests.http.test_corpus import literals

pytestmark = pytest.mark.corpus

FHIR_XML = "application/fhir+xml"
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_every_example_survives_the_way_through_xml(client: FlaskClient, corpus: Path, part: int) -> None:
    files = sorted((corpus / "r4-examples").glob("*.json"))
    assert len(files) == 516
    different = []
    for file in files[part::PARTS]:
        text = file.read_bytes()
        sent = json.loads(text)
        path = f"/{sent['resourceType']}/{sent['id']}"
        send(client, "PUT", path, text, {"Prefer": "return=minimal"})
        as_xml = send(client, "GET", path, headers={"Accept": FHIR_XML})
        put = send(client, "PUT", path, as_xml.data, {"Content-Type": FHIR_XML, "Prefer": "return=minimal"})
        read = send(client, "GET", path, headers={"Accept": FHIR_JSON})
        again = send(client, "GET", path, headers={"Accept": FHIR_XML})
        ways = (as_xml.status_code, put.status_code, again.status_code)
        same = _in_any_order(literals(read.data)) == _in_any_order(literals(text))
        if ways != (200, 200, 200) or not same or _body(again.data) != _body(as_xml.data):
            different.append((file.name, ways, same))
    assert different == []


def _body(xml: bytes) -> bytes:
    """Return the text without what a further version changes."""
    head, _, rest = xml.partition(b"<lastUpdated ")
    return head.partition(b"<versionId ")[0] + rest.partition(b"/>")[2]


def _in_any_order(node: object) -> object:
    """Return a tree of `literals` without the order of members, which XML does not keep."""
    if isinstance(node, list) and node and all(isinstance(item, tuple) for item in node):
        return {key: _in_any_order(value) for key, value in node}
    return [_in_any_order(item) for item in node] if isinstance(node, list) else node
