"""The expressions of all R4 search parameters, over the official examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhirpath import Compiled, Node, compile
from fhir_server.fhirpath.check import check
from fhir_server.model import exact_json
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel

PLAIN_PATH = re.compile(r"[A-Z][A-Za-z]+(?:\.[a-z][A-Za-z0-9]*)+\Z")


@pytest.fixture(scope="module")
def compiled(registry: Registry, types: RegistryTypeModel) -> dict[str, Compiled]:
    """Every expression of the package once, those of composite parts too."""
    expressions = {
        expression
        for parameters in registry.parameters.values()
        for parameter in parameters.values()
        for expression in (parameter.expression, *(part.expression for part in parameter.components))
        if expression is not None
    }
    return {expression: compile(expression, types=types) for expression in sorted(expressions)}


@pytest.fixture(scope="module")
def examples(corpus: Path) -> list[dict[str, Any]]:
    return [exact_json.decode(path.read_bytes()) for path in sorted((corpus / "r4-examples").glob("*.json"))]


def asked(
    resource: dict[str, Any], registry: Registry, compiled: dict[str, Compiled]
) -> Iterator[tuple[str, Compiled]]:
    """Yield every expression that the parameters of the resource's type have."""
    for parameter in registry.parameters[resource["resourceType"]].values():
        if parameter.expression is not None:
            yield parameter.expression, compiled[parameter.expression]


def walk(tree: Any, path: list[str]) -> list[Any]:
    """Return what lies at a path of plain JSON keys: the oracle for plain paths."""
    if isinstance(tree, list):
        return [found for each in tree for found in walk(each, path)]
    if not path or not isinstance(tree, dict):
        return [] if path else [tree]
    return walk(tree[path[0]], path[1:]) if path[0] in tree else []


def test_every_expression_compiles(compiled: dict[str, Compiled]) -> None:
    assert len(compiled) > 1_300


@pytest.mark.corpus
def test_plain_paths_find_what_a_walk_over_the_json_finds(
    registry: Registry, compiled: dict[str, Compiled], examples: list[dict[str, Any]]
) -> None:
    found = 0
    for resource in examples:
        for expression, engine in asked(resource, registry, compiled):
            head, _, rest = expression.partition(".")
            if PLAIN_PATH.match(expression) and head == resource["resourceType"]:
                wanted = walk(resource, rest.split("."))
                if wanted:  # a choice has another key than its path says
                    assert engine.evaluate(resource) == wanted, expression
                    found += len(wanted)
    assert found > 3_000


@pytest.mark.corpus
def test_direct_access_gives_what_the_general_evaluator_gives(
    registry: Registry, compiled: dict[str, Compiled], examples: list[dict[str, Any]]
) -> None:
    found = 0
    for resource in examples:
        for expression, engine in asked(resource, registry, compiled):
            items = engine.items(resource)
            if all(type(item) is Node for item in items):
                general = [(item.value, item.type) for item in items if item.value is not None]
                pairs = engine.evaluate_pairs(resource)
                assert pairs == general, expression
                assert engine.evaluate(resource) == [value for value, _ in pairs]
                found += len(pairs)
    assert found > 5_000


@pytest.mark.corpus
def test_types_of_results_are_fhir_types_and_paths_lead_back(
    registry: Registry,
    compiled: dict[str, Compiled],
    examples: list[dict[str, Any]],
    types: RegistryTypeModel,
) -> None:
    for resource in examples[::4]:
        for expression, engine in asked(resource, registry, compiled):
            for node in engine.evaluate_typed(resource):
                assert types.has_type(node.type.partition(".")[0]), expression
                if node.parent is not None:
                    (again,) = compile(node.path, types=types).evaluate_typed(resource)
                    assert again.value is node.value
                    assert again.type == node.type


def test_type_check_has_nothing_against_the_package(registry: Registry, types: RegistryTypeModel) -> None:
    faults = {}
    for resource_type, parameters in registry.parameters.items():
        for parameter in parameters.values():
            if parameter.expression is not None and "|" not in parameter.expression:
                found = check(parameter.expression, resource_type, types)
                if found:
                    faults[parameter.expression] = found[0].message
    assert not faults
