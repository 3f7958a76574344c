"""The invariants of all R4 definitions: they compile, and hold where the official examples keep them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhirpath import Compiled, Environment, Node, compile
from fhir_server.fhirpath.check import check
from fhir_server.fhirpath.environment import Run
from fhir_server.fhirpath.navigation import children
from fhir_server.model import exact_json
from profiles.definitions import Invariant
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel

Constraints = dict[str, dict[str, Invariant]]

# Their narrative is blank, which `txt-2` forbids.
BLANK_NARRATIVE = frozenset(
    (key, resource_type)
    for key in ("txt-1", "txt-2")
    for resource_type in ("ActivityDefinition", "Questionnaire")
)
# The specification asks a ChargeItemDefinition for a name, which that type does not have.
FAULTY_IN_THE_PACKAGE = {"cid-0"}


@pytest.fixture(scope="module")
def constraints(registry: Registry) -> Constraints:
    """Element path or type → the invariants that its definition names."""
    return {
        element.path: {key: structure.invariants[key] for key in element.constraints}
        for structure in registry.structures.values()
        for element in structure.elements
    }


@pytest.fixture(scope="module")
def compiled(constraints: Constraints, types: RegistryTypeModel) -> dict[str, Compiled]:
    expressions = {each.expression for invariants in constraints.values() for each in invariants.values()}
    return {expression: compile(expression, types=types) for expression in expressions}


def elements(root: Node, run: Run) -> Iterator[tuple[Node, str]]:
    """Yield every element with the path at which its definition stands."""
    yield root, root.type
    waiting = [root]
    while waiting:
        parent = waiting.pop()
        for child in children(parent, run):
            waiting.append(child)
            yield child, f"{parent.type}.{child.name}"


def violations(
    resource: dict[str, Any],
    constraints: Constraints,
    compiled: dict[str, Compiled],
    types: RegistryTypeModel,
) -> Iterator[tuple[str, Node]]:
    root = Node.root(resource)
    run = Run(Environment(work_limit=10**9), types, root)
    for node, place in elements(root, run):
        stated = constraints.get(place) or constraints.get(place + "[x]") or {}
        for key, invariant in (constraints.get(node.type, {}) | stated).items():
            result = compiled[invariant.expression].items(node)
            assert len(result) <= 1, invariant.expression
            # An empty result says nothing; only false breaks the invariant.
            if invariant.severity == "error" and result == [False]:
                yield key, node


def test_every_invariant_compiles(compiled: dict[str, Compiled]) -> None:
    assert len(compiled) > 180


@pytest.mark.corpus
def test_invariants_hold_in_every_official_example(
    corpus: Path, constraints: Constraints, compiled: dict[str, Compiled], types: RegistryTypeModel
) -> None:
    broken = {
        (key, node.path.partition(".")[0])
        for path in sorted((corpus / "r4-examples").glob("*.json"))
        for key, node in violations(exact_json.decode(path.read_bytes()), constraints, compiled, types)
    }
    assert broken == BLANK_NARRATIVE


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        pytest.param(
            {"resourceType": "Patient", "contact": [{"gender": "male"}]},
            {("pat-1", "Patient.contact[0]")},
            id="contact-without-details",
        ),
        pytest.param(
            {"resourceType": "Observation", "dataAbsentReason": {"text": "x"}, "valueBoolean": False},
            {("obs-6", "Observation")},
            id="value-and-reason-for-none",
        ),
        pytest.param(
            {"resourceType": "Patient", "birthDate": "1970", "_birthDate": {"extension": [{"url": "http://a"}]}},
            {("ext-1", "Patient.birthDate.extension[0]")},
            id="extension-of-a-primitive-without-value",
        ),
        pytest.param(
            {"resourceType": "Encounter", "period": {"start": "2024-05-02", "end": "2024-05-01"}},
            {("per-1", "Encounter.period")},
            id="period-that-ends-before-it-starts",
        ),
        pytest.param(
            {"resourceType": "Encounter", "subject": {"reference": "#a"}, "contained": [{"resourceType": "Patient", "id": "b"}]},
            {("ref-1", "Encounter.subject"), ("dom-3", "Encounter")},
            id="reference-to-nothing-contained",
        ),
    ],
)  # fmt: skip
def test_a_broken_invariant_is_found_at_its_place(
    resource: dict[str, Any],
    expected: set[tuple[str, str]],
    constraints: Constraints,
    compiled: dict[str, Compiled],
    types: RegistryTypeModel,
) -> None:
    assert {(key, node.path) for key, node in violations(resource, constraints, compiled, types)} == expected


def test_type_check_finds_the_one_faulty_invariant_of_the_package(
    constraints: Constraints, types: RegistryTypeModel
) -> None:
    faults = {}
    for place, invariants in constraints.items():
        if "[x]" not in place and types.slots(*place.rpartition(".")[::2]) == ():
            for key, invariant in invariants.items():
                if found := check(invariant.expression, place, types):
                    faults[key] = found[0].message
    assert faults.keys() == FAULTY_IN_THE_PACKAGE, faults
