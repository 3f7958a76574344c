"""Extraction by compiled paths finds what the FHIRPath engine finds, an implementation of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhirpath import Compiled, Environment, compile
from fhir_server.model.exact_json import decode, encode
from fhir_server.model.reference import parse_reference
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.collector import Collector
from fhir_server.search.expression import split_union
from fhir_server.search.extraction import Node, compile_node
from fhir_server.search.parameter import Parameter, Setting
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel

EVALUATED_AT_LEAST = 3_900


def _resolve(reference: Any) -> Any:
    text = reference.get("reference", "") if isinstance(reference, dict) else reference
    named = parse_reference(text).type or (reference.get("type") if isinstance(reference, dict) else None)
    return {"resourceType": named} if named is not None else None


def _walked(parameter: Parameter, resource: dict[str, Any]) -> set[str]:
    found: set[str] = set()

    def record(value: Any, out: Collector) -> None:
        found.add(_text(value))

    tree = Node()
    for source in parameter.sources:
        tree.add(source.hops, record)
    compile_node(tree)(resource, Collector(None))
    return found


def _text(value: Any) -> str:
    return json.dumps(json.loads(encode(value)), sort_keys=True)


def _expressions(
    registry: Registry, types: RegistryTypeModel, resource_type: str
) -> Iterator[tuple[str, Compiled]]:
    for code, definition in registry.parameters[resource_type].items():
        arms = [
            arm
            for arm in split_union(definition.expression or "")
            if arm.lstrip("(").startswith((f"{resource_type}.", "Resource."))
        ]
        if arms and definition.type != "composite":
            yield code, compile(" | ".join(arms), types=types)


@pytest.mark.corpus
def test_paths_find_what_the_engine_finds_in_every_example(corpus: Path, registry: Registry) -> None:
    catalogue = Catalogue(registry, Setting("https://example.org/fhir"))
    types = RegistryTypeModel(registry)
    environment = Environment(resolve=_resolve)
    compiled: dict[str, list[tuple[str, Compiled]]] = {}
    differences, evaluated = [], 0
    for path in sorted((corpus / "r4-examples").glob("*.json")):
        resource = decode(path.read_bytes())
        kind = resource["resourceType"]
        if kind not in compiled:
            compiled[kind] = list(_expressions(registry, types, kind))
        for code, expression in compiled[kind]:
            parameter = catalogue.parameter(kind, code)
            if parameter is None or not parameter.sources or parameter.computed is not None:
                continue
            expected = _evaluated(expression, resource, environment)
            found = {text for text in _walked(parameter, resource) if not _is_contained(text)}
            if found != expected:
                differences.append(f"{path.name} {code}: {found} for {expected}")
            evaluated += bool(expected)
    assert differences == []
    assert evaluated >= EVALUATED_AT_LEAST


def _evaluated(expression: Compiled, resource: dict[str, Any], environment: Environment) -> set[str]:
    nodes = expression.evaluate_typed(resource, environment)
    values = [_value_of(node.value, node.type) for node in nodes if node.value is not None]
    texts = {_text(value) for value in values if value is not None}
    return {text for text in texts if not _is_contained(text)}


def _is_contained(text: str) -> bool:
    # The engine resolves `#id` and so knows its type; no search can name what is contained.
    return '"reference": "#' in text


def _value_of(value: Any, type_name: str) -> Any:
    if type_name != "Extension":
        return value
    values = [content for key, content in value.items() if key.startswith("value")]
    return values[0] if values else None
