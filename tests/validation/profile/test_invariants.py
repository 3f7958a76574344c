"""The rules of FHIR itself: what is asked, and that every shorter way gives the answer of FHIRPath."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhirpath import Environment, FhirPathError, Node, compile
from fhir_server.fhirpath.environment import Run
from fhir_server.fhirpath.navigation import children
from fhir_server.model import exact_json
from fhir_server.validation.invariants import GUARANTEED, NATIVE
from fhir_server.validation.profile.truth import Undecided, truth_of
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel
from tests.validation.profile.making import Bench, found, tree

LARGE = 150_000
"""Bytes; larger examples are definitions with thousands of elements of a few kinds."""


def examples(corpus: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted((corpus / "r4-examples").rglob("*.json")):
        if path.stat().st_size < LARGE:
            resource = exact_json.decode(path.read_bytes())
            if "resourceType" in resource:
                yield path.name, resource


def nodes_in(root: Node, run: Run) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if node.name != "contained":
            waiting.extend(child for child in children(node, run) if isinstance(child, Node))


def variants(value: Any) -> Iterator[Any]:
    """Yield an element's value, and what it is without each of its keys."""
    yield value
    for key in value if type(value) is dict and len(value) > 1 else ():
        if key != "resourceType":
            yield {name: each for name, each in value.items() if name != key}


def rules_of(registry: Registry, kind: str) -> Iterator[tuple[str, str]]:
    """Yield (key, expression) of the rules of a type, or of an element defined in place."""
    structure = registry.structures.get(kind.partition(".")[0])
    for element in structure.elements if structure is not None else ():
        if element.path == kind:
            assert structure is not None
            yield from ((key, structure.invariants[key].expression) for key in element.constraints)


@pytest.mark.corpus
def test_the_direct_way_and_fhirpath_give_one_answer(corpus: Path, registry: Registry) -> None:
    model = RegistryTypeModel(registry)
    compiled: dict[str, Any] = {}
    direct: dict[tuple[str, str], Any] = {}
    differing: list[Any] = []
    seen: dict[bool | None, int] = {}
    for name, resource in islice(examples(corpus), 0, None, 3):
        root = Node.root(resource)
        for node in nodes_in(root, Run(Environment(), model, root)):
            for key, expression in rules_of(registry, node.type):
                if (node.type, key) not in direct:
                    direct[node.type, key] = truth_of(expression, node.type, model)
                truth = direct[node.type, key]
                if truth is None or key in ("ele-1", "ext-1"):
                    continue
                for value in variants(node.value):
                    try:
                        answer = truth(value)
                    except Undecided:
                        continue
                    if expression not in compiled:
                        compiled[expression] = compile(expression, types=model)
                    seen[answer] = seen.get(answer, 0) + 1
                    damaged = Node(value, node.type, node.parent, node.name, node.index)
                    if answer is not compiled[expression].truth(damaged):
                        differing.append((name, node.path, key, answer))
    assert differing == []
    assert seen[True] > 5_000
    assert seen[False] > 100


@pytest.mark.corpus
def test_what_the_structure_guarantees_and_what_is_written_as_python_holds_by_fhirpath_too(
    corpus: Path, registry: Registry
) -> None:
    model = RegistryTypeModel(registry)
    structure = StructureValidator(registry)
    compiled: dict[str, Any] = {}
    asked, broken = set(), []
    skipped = {"ele-1", "ext-1"}  # of every element: tens of thousands of evaluations that say the same
    for name, resource in examples(corpus):
        if structure.validate(resource):
            continue
        root = Node.root(resource)
        for node in nodes_in(root, Run(Environment(), model, root)):
            for key, expression in rules_of(registry, node.type):
                if key in skipped or (key not in GUARANTEED and key not in NATIVE):
                    continue
                if expression not in compiled:
                    compiled[expression] = compile(expression, types=model)
                asked.add(key)
                try:
                    held = compiled[expression].truth(node)
                except FhirPathError as error:
                    held = str(error)
                if held is False or isinstance(held, str):
                    broken.append((name, node.path, key, held))
    assert broken == []
    assert {"dom-2", "dom-3", "dom-4", "dom-5", "ref-1"} <= asked


BASIC: dict[str, Any] = {"resourceType": "Basic", "code": {"text": "x"}}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        pytest.param(
            {"resourceType": "Patient", "contact": [{"gender": "male"}]},
            [("error", "invariant", "Patient.contact[0]")],
            id="element-defined-in-place",
        ),
        pytest.param(
            {"resourceType": "Patient", "telecom": [{"value": "1"}]},
            [("error", "invariant", "Patient.telecom[0]")],
            id="data-type",
        ),
        pytest.param(
            {
                "resourceType": "Encounter",
                "status": "finished",
                "class": {"code": "AMB"},
                "period": {"start": "2020-02", "end": "2020-01"},
            },
            [("error", "invariant", "Encounter.period")],
            id="period-ends-before-it-starts",
        ),
        pytest.param(
            {
                "resourceType": "Encounter",
                "status": "finished",
                "class": {"code": "AMB"},
                "period": {"start": "2020-02", "end": "2020"},
            },
            [],
            id="precision-leaves-the-order-open",
        ),
        pytest.param(
            {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "x"},
                "valueString": "x",
                "dataAbsentReason": {"text": "y"},
            },
            [("error", "invariant", "Observation")],
            id="resource",
        ),
        pytest.param(
            BASIC | {"contained": [{"resourceType": "Patient", "id": "p"}]},
            [("error", "invariant", "Basic.contained[0]")],
            id="contained-is-not-used",
        ),
        pytest.param(
            BASIC | {"contained": [{"resourceType": "Patient", "id": "p"}], "subject": {"reference": "#p"}},
            [],
            id="contained-is-used",
        ),
        pytest.param(
            BASIC | {"contained": [BASIC | {"id": "b", "subject": {"reference": "#"}}]},
            [],
            id="contained-speaks-of-its-container",
        ),
        pytest.param(
            BASIC
            | {
                "extension": [
                    {"url": "https://example.org/x", "valuePeriod": {"start": "2020-02", "end": "2020-01"}}
                ]
            },
            [("error", "invariant", "Basic.extension[0].value")],
            id="value-of-an-extension",
        ),
        pytest.param(
            {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": {"resourceType": "Patient", "telecom": [{"value": "1"}]}}],
            },
            [("error", "invariant", "Bundle.entry[0].resource.telecom[0]")],
            id="resource-in-a-bundle",
        ),
    ],
)
def test_a_broken_rule_of_fhir_is_one_issue_at_its_place(
    bench: Bench, resource: dict[str, Any], expected: list[Any]
) -> None:
    assert found(bench.with_definitions().validate(tree(resource), level="base")) == expected


def test_advice_is_a_warning_and_can_be_left_out(registry: Registry) -> None:
    from fhir_server.validation.validator import Validator, ValidatorOptions
    from terminology.local import LocalConcepts

    concepts = LocalConcepts(registry)
    assert found(Validator(registry, concepts).validate(tree(BASIC))) == [("warning", "invariant", "Basic")]
    assert Validator(registry, concepts, ValidatorOptions(best_practice=False)).validate(tree(BASIC)) == []


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param({}, id="none"),
        pytest.param({"extension": [{"url": "a", "valueCode": "x"}]}, id="it"),
        pytest.param({"extension": [{"url": "b", "valueCode": "x"}]}, id="another"),
        pytest.param({"extension": [{"url": "b"}, {"url": "a", "valueCode": "y"}]}, id="both"),
    ],
)
@pytest.mark.parametrize(
    "expression",
    [
        "extension('a').exists()",
        "extension('a').empty()",
        "extension('a').value.exists($this = 'x')",
        "(extension('a').value.exists() and extension('b').exists()).not()",
        "extension('a').exists() implies extension('b').exists()",
    ],
)
def test_what_is_said_of_an_extension_directly_is_what_fhirpath_says(
    registry: Registry, expression: str, inside: dict[str, Any]
) -> None:
    model = RegistryTypeModel(registry)
    patient = {"resourceType": "Patient"} | inside
    direct = truth_of(expression, "Patient", model)
    assert direct is not None
    try:
        answer = direct(patient)
    except Undecided:
        assert inside  # without any extension the first step alone tells
    else:
        assert answer is compile(expression, types=model).truth(patient)
