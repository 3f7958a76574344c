"""Shortened resources are still resources."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_server.interactions.subsets import Subsets
from fhir_server.model import exact_json
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry


@pytest.mark.corpus
def test_every_shape_of_every_example_is_valid(registry: Registry, corpus: Path) -> None:
    subsets, validator = Subsets(registry), StructureValidator(registry)
    files = sorted((corpus / "r4-examples").rglob("*.json"))
    assert len(files) > 500
    faults = []
    for file in files:
        resource = exact_json.decode(file.read_bytes())
        # The rules of a Bundle are about entries, which it is asked to leave out.
        if resource["resourceType"] == "Bundle" or validator.validate(resource, resource["resourceType"]):
            continue
        shapes = {
            "summary": subsets.summary(resource),
            "text": subsets.text(resource),
            "data": subsets.data(resource),
            "elements": subsets.elements(resource, frozenset({"identifier"})),
        }
        for name, shape in shapes.items():
            if issues := validator.validate(shape, resource["resourceType"]):
                faults.append((file.name, name, issues[0].text, issues[0].expression))
    assert faults == []


def test_a_mandatory_element_that_is_only_an_extension_stays(registry: Registry) -> None:
    absent = {"extension": [{"url": "http://example.org/absent", "valueCode": "masked"}]}
    resource = {"resourceType": "Observation", "_status": absent, "code": absent, "note": [{"text": "x"}]}
    shown = Subsets(registry).summary(resource)
    assert (shown["_status"], shown["code"]) == (absent, absent)
    assert "note" not in shown


def test_the_resource_itself_is_left_as_it_is(registry: Registry) -> None:
    resource = {"resourceType": "Patient", "active": True, "meta": {"tag": []}}
    Subsets(registry).summary(resource)
    assert resource == {"resourceType": "Patient", "active": True, "meta": {"tag": []}}
