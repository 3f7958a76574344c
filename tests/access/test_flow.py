"""Which references labels flow along, by the rows of a policy of these tests."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.access.flow import Edges
from fhir_server.access.policy import Flow

BASE = "https://fhir.example.org/fhir"
ROWS = (
    Flow("Document", "content.attachment.url", "gives", passes_class=True),
    Flow("Observation", "derivedFrom", "takes"),
    Flow("Composition", "section.entry", "takes"),
    Flow("*", "*", "takes", display_only=True),
)
EDGES = Edges(ROWS, apart=frozenset({"Patient", "Practitioner"}), base_url=BASE)


def reference(text: str, **more: str) -> dict[str, Any]:
    return {"reference": text, **more}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        pytest.param(
            {"derivedFrom": [reference("Media/1"), reference("Media/1")]}, {"Media/1"}, id="each-once"
        ),
        pytest.param({"derivedFrom": [reference(f"{BASE}/Media/1")]}, {"Media/1"}, id="own-absolute"),
        pytest.param({"derivedFrom": [reference("Media/1/_history/2")]}, {"Media/1"}, id="one-version"),
        pytest.param({"derivedFrom": [reference("https://other.org/fhir/Media/1")]}, set(), id="elsewhere"),
        pytest.param({"derivedFrom": [reference("#a"), {"display": "x"}]}, set(), id="contained-or-none"),
        pytest.param({"hasMember": [reference("Observation/2")]}, set(), id="no-row"),
        pytest.param(
            {"hasMember": [reference("Observation/2", display="HIV")]}, {"Observation/2"}, id="display"
        ),
        pytest.param({"subject": reference("Patient/1", display="A")}, set(), id="the-person-is-apart"),
        pytest.param({"derivedFrom": [reference("Observation/own")]}, set(), id="itself"),
    ],
)
def test_references_take_labels(resource: dict[str, Any], expected: set[str]) -> None:
    assert set(EDGES.takes({"resourceType": "Observation", "id": "own", **resource})) == expected


def test_sections_are_followed_all_the_way() -> None:
    inner = {"section": [{"entry": [reference("Condition/2")]}], "entry": [reference("Condition/1")]}
    composition = {"resourceType": "Composition", "id": "c", "section": [{"section": [inner]}]}
    assert set(EDGES.takes(composition)) == {"Condition/1", "Condition/2"}


def test_a_document_gives_to_its_content_and_passes_its_class() -> None:
    contents = [{"attachment": {"url": url}} for url in ("Binary/1", f"{BASE}/Binary/2", "urn:uuid:1")]
    given = EDGES.gives({"resourceType": "Document", "id": "d", "content": contents})
    assert given == {"Binary/1": True, "Binary/2": True}


def test_without_rows_nothing_flows() -> None:
    edges = Edges((), apart=frozenset())
    assert edges.is_empty
    assert not edges.takes({"resourceType": "Observation", "derivedFrom": [reference("Media/1")]})
