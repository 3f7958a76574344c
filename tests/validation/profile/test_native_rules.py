"""Rules that are Python for their cost say what their FHIRPath says."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.fhirpath import compile
from fhir_server.validation.validator import Validator, ValidatorOptions
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel
from terminology.local import LocalConcepts


def definition(kind: str, type_name: str, *paths: str) -> dict[str, Any]:
    rows = [{"id": f"row-{number}", "path": path} for number, path in enumerate(paths)]
    return {
        "resourceType": "StructureDefinition", "url": "http://example.org/s", "name": "S", "status": "active",
        "kind": kind, "abstract": False, "type": type_name, "snapshot": {"element": rows},
        "differential": {"element": rows},
    }  # fmt: skip


CASES = [
    pytest.param(definition("resource", "Patient", "Patient", "Patient.name"), id="right"),
    pytest.param(definition("resource", "Patient", "Patient"), id="alone"),
    pytest.param(definition("resource", "Patient", "Patient.name", "Patient.name.use"), id="begins-below"),
    pytest.param(definition("resource", "Patient", "Patient", "Patients.name"), id="only-the-same-letters"),
    pytest.param(definition("resource", "Patient", "Patient", "Observation.code"), id="another-type"),
    pytest.param(definition("resource", "Patient", "Observation", "Observation.code"), id="not-its-type"),
    pytest.param(definition("logical", "http://e.org/m", "m", "m.a"), id="logical"),
    pytest.param(definition("logical", "http://e.org/m", "m", "n.a"), id="logical-and-wrong"),
]


@pytest.mark.parametrize(("key", "holder"), [("sdf-8", "snapshot"), ("sdf-8a", "differential")])
@pytest.mark.parametrize("resource", CASES)
def test_the_verdict_is_that_of_the_expression(
    key: str, holder: str, resource: dict[str, Any], registry: Registry
) -> None:
    expression = registry.structures["StructureDefinition"].invariants[key].expression
    types = RegistryTypeModel(registry)
    wanted = compile(f"{holder}.all({expression})", types=types).items(resource)
    validator = Validator(registry, LocalConcepts(registry), ValidatorOptions(best_practice=False))
    issues = validator.validate(resource, level="base")
    found = [issue for issue in issues if issue.expression == f"StructureDefinition.{holder}"]
    assert [not any(f"{key}:" in issue.text for issue in found)] == wanted
