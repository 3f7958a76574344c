"""What a reference reaches: the container, what it contains, the Bundle around it, the caller's resolver.

Spec: https://hl7.org/fhir/R4/bundle.html#references, https://hl7.org/fhir/R4/references.html#contained
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fhir_server.fhirpath import Node
from fhir_server.fhirpath.node import resource_type
from fhir_server.model.reference import ReferenceKind, parse_reference


class Reach:
    """The resources around one; what a Bundle or a container holds is indexed when it is first asked for."""

    __slots__ = ("_bundles", "_containers", "_resolve", "_root")

    def __init__(self, root: Node, resolve: Callable[[str], Mapping[str, Any] | None] | None) -> None:
        self._root = root
        self._resolve = resolve
        self._bundles: dict[int, dict[str, Node]] = {}
        self._containers: dict[int, dict[str, Node]] = {}

    def target(self, reference: Node) -> Node | None:
        """Return the resource that a Reference (or canonical, or uri) names, None where it cannot be had."""
        value = reference.value
        text = value.get("reference") if type(value) is dict else value
        if type(text) is not str:
            return None
        container = _container(reference)
        if text.startswith("#"):
            return container if text == "#" else self._in_container(container, text[1:])
        found = self._in_bundle(container, text)
        if found is None and self._resolve is not None:
            outside = self._resolve(text)
            found = Node.root(outside) if outside is not None else None
        return found

    def holds(self, node: Node) -> bool:
        """Return whether the resource is part of what is being validated."""
        while node.parent is not None:
            node = node.parent
        return node is self._root

    def _in_container(self, container: Node, wanted: str) -> Node | None:
        index = self._containers.get(id(container.value))
        if index is None:
            index = self._containers[id(container.value)] = _contained(container)
        return index.get(wanted)

    def _in_bundle(self, node: Node, text: str) -> Node | None:
        parent = node.parent
        while parent is not None:
            if parent.type == "Bundle" and type(parent.value) is dict:
                index = self._bundles.get(id(parent.value))
                if index is None:
                    index = self._bundles[id(parent.value)] = _entries(parent)
                return _entry(index, node, text)
            parent = parent.parent
        return None


def _container(node: Node) -> Node:
    while node.parent is not None and not (node.is_resource and node.name != "contained"):
        node = node.parent
    return node


def _contained(container: Node) -> dict[str, Node]:
    found: dict[str, Node] = {}
    inside = container.value.get("contained") if type(container.value) is dict else None
    for index, resource in enumerate(inside if type(inside) is list else ()):
        identity = resource.get("id") if type(resource) is dict else None
        if type(identity) is str:
            found.setdefault(identity, Node(resource, resource_type(resource), container, "contained", index))
    return found


def _entries(bundle: Node) -> dict[str, Node]:
    found: dict[str, Node] = {}
    entries = bundle.value.get("entry")
    for index, entry in enumerate(entries if type(entries) is list else ()):
        resource = entry.get("resource") if type(entry) is dict else None
        if type(resource) is not dict:
            continue
        place = Node(entry, "Bundle.entry", bundle, "entry", index)
        node = Node(resource, resource_type(resource), place, "resource")
        full_url = entry.get("fullUrl")
        if type(full_url) is str:
            found.setdefault(full_url, node)
        found.setdefault(f"{resource.get('resourceType')}/{resource.get('id')}", node)
    return found


def _entry(index: Mapping[str, Node], source: Node, text: str) -> Node | None:
    found = index.get(text)
    if found is not None:
        return found
    reference = parse_reference(text)
    if reference.kind not in (ReferenceKind.RELATIVE, ReferenceKind.ABSOLUTE):
        return None
    plain = text.partition("/_history/")[0].partition("#")[0]
    base = _base_of(source)
    if reference.kind is ReferenceKind.RELATIVE and base is not None:
        found = index.get(f"{base}{plain}")
    return found or index.get(plain)


def _base_of(source: Node) -> str | None:
    """The server that the entry around a resource names in its fullUrl."""
    entry = source.parent
    full_url = entry.value.get("fullUrl") if entry is not None and type(entry.value) is dict else None
    return parse_reference(full_url).base if type(full_url) is str else None
