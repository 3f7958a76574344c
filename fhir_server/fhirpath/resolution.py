"""What a reference points to, looked for inside the resource first.

Spec: https://hl7.org/fhir/R4/fhirpath.html#functions (resolve)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_server.fhirpath.environment import Run
from fhir_server.fhirpath.node import Node, resource_type
from fhir_server.model.reference import ReferenceKind, parse_reference


def resolve(item: Node | str, run: Run) -> Node | None:
    """Return the resource that a Reference, canonical or uri names, None where it is not to be had."""
    text = _text(item)
    if text is None:
        return None
    if type(item) is Node and run.environment.target is not None:
        return run.environment.target(item)
    local = _local(item, text, run)
    if local is not None:
        return local
    found = run.environment.resolve(text) if run.environment.resolve is not None else None
    return Node.root(found) if found is not None else None


def target_type(item: Node | str, run: Run) -> str | None:
    """Return the resource type that a reference points to; its text alone may tell."""
    text = _text(item)
    if text is not None and not text.startswith("#"):
        named = parse_reference(text).type
        if named is not None:
            return named
    found = resolve(item, run)
    if found is not None:
        return found.type
    stated = item.value.get("type") if type(item) is Node and type(item.value) is dict else None
    return stated if isinstance(stated, str) else None


def _text(item: Node | str) -> str | None:
    value = item.value if type(item) is Node else item
    text = value.get("reference") if type(value) is dict else value
    return text if isinstance(text, str) else None


def _local(item: Node | str, text: str, run: Run) -> Node | None:
    container = item if type(item) is Node else run.root
    while container.parent is not None and not (container.is_resource and container.name != "contained"):
        container = container.parent
    if text == "#":
        return container
    if text.startswith("#"):
        return _contained(container, text[1:])
    bundle: Node | None = container
    while bundle is not None and bundle.type != "Bundle":
        bundle = bundle.parent
    return None if bundle is None else _entry(bundle, text)


def _contained(container: Node, wanted: str) -> Node | None:
    inside = container.value.get("contained") if type(container.value) is dict else None
    for index, resource in enumerate(inside if type(inside) is list else ()):
        if type(resource) is dict and resource.get("id") == wanted:
            return Node(resource, resource_type(resource), container, "contained", index)
    return None


def _entry(bundle: Node, text: str) -> Node | None:
    is_relative = parse_reference(text).kind is ReferenceKind.RELATIVE
    for index, entry in enumerate(bundle.value.get("entry") or ()):
        resource = entry.get("resource") if type(entry) is dict else None
        if type(resource) is dict and _names(entry, resource, text, is_relative):
            place = Node(entry, "Bundle.entry", bundle, "entry", index)
            return Node(resource, resource_type(resource), place, "resource")
    return None


def _names(entry: Mapping[str, Any], resource: Mapping[str, Any], text: str, is_relative: bool) -> bool:
    if entry.get("fullUrl") == text:
        return True
    return (
        is_relative and f"{resource.get('resourceType')}/{resource.get('id')}" == text.split("/_history")[0]
    )
