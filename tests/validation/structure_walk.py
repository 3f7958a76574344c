"""Where a resource has what, found by walking the definitions; shares no code with the validator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from profiles.definitions import ElementDefinition, StructureDefinition, TypeRef
from profiles.registry import Registry

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """An object: the JSON steps to it, its FHIRPath, and where its definition is."""

    steps: Steps
    path: str
    structure: StructureDefinition
    at: str
    keys: tuple[str, ...]

    def children(self) -> Iterator[ElementDefinition]:
        """Return the definitions of what the object may hold."""
        return (item for item in self.structure.elements if item.path.rpartition(".")[0] == self.at)

    @property
    def is_resource(self) -> bool:
        return self.structure.kind == "resource" and "." not in self.at


@dataclass(frozen=True, slots=True)
class Site:
    """One value of one element; `index` is None where the JSON value is no array."""

    parent: Place
    key: str
    element: ElementDefinition
    type: TypeRef | None
    index: int | None
    value: Any

    @property
    def name(self) -> str:
        return self.element.name.removesuffix("[x]")

    @property
    def element_path(self) -> str:
        return f"{self.parent.path}.{self.name}"

    @property
    def path(self) -> str:
        return self.element_path if self.index is None else f"{self.element_path}[{self.index}]"

    @property
    def code(self) -> str:
        return self.type.code if self.type is not None else ""

    @property
    def has_twin(self) -> bool:
        return "_" + self.key in self.parent.keys


@dataclass(frozen=True, slots=True)
class Walk:
    """Everything that a resource holds."""

    places: list[Place]
    sites: list[Site]


def walk(registry: Registry, resource: dict[str, Any]) -> Walk:
    """Return all objects and values of a valid resource, resources within it included."""
    found = Walk([], [])
    name = resource["resourceType"]
    _walk(registry, found, resource, (), name, registry.structures[name], name)
    return found


def follow(root: Any, steps: Steps) -> Any:
    """Return what the steps lead to."""
    for step in steps:
        root = root[step]
    return root


def _walk(
    registry: Registry,
    found: Walk,
    node: dict[str, Any],
    steps: Steps,
    path: str,
    structure: StructureDefinition,
    at: str,
) -> None:
    place = Place(steps, path, structure, at, tuple(node))
    found.places.append(place)
    for element in place.children():
        for key, type_ref in _keys(element):
            if key not in node:
                continue
            value = node[key]
            items = enumerate(value) if type(value) is list else [(None, value)]
            for index, item in items:
                site = Site(place, key, element, type_ref, index, item)
                if item is None:
                    continue
                found.sites.append(site)
                if type(item) is dict:
                    _descend(registry, found, site, item)


def _keys(element: ElementDefinition) -> Iterator[tuple[str, TypeRef | None]]:
    name = element.name
    if not element.types:
        yield name, None
    for type_ref in element.types:
        if element.is_choice:
            yield name.removesuffix("[x]") + type_ref.code[0].upper() + type_ref.code[1:], type_ref
        else:
            yield name, type_ref


def _descend(registry: Registry, found: Walk, site: Site, item: dict[str, Any]) -> None:
    steps = (*site.parent.steps, site.key, *(() if site.index is None else (site.index,)))
    structure, at = site.parent.structure, site.element.path
    if site.element.content is not None:
        at = site.element.content
    elif site.code == "Resource":
        at = item["resourceType"]
        structure = registry.structures[at]
    elif not any(child.path.startswith(at + ".") for child in structure.elements):
        at = site.code
        structure = registry.structures[at]
    _walk(registry, found, item, steps, site.path, structure, at)
