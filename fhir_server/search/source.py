"""Where the values of a search parameter stand in a resource: typed JSON paths, found once.

A `Source` is one arm of an expression with every choice element resolved to one JSON key, so that the
type of what it finds is known before any resource is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from fhir_server.search.expression import (
    At,
    Cast,
    Child,
    ElementIs,
    HasExtension,
    Path,
    ResolvesTo,
    Step,
    read_path,
    split_union,
)
from profiles.definitions import Binding, ElementDefinition, TypeRef
from profiles.registry import Registry

Guard = ResolvesTo | ElementIs | HasExtension

_NESTED = frozenset({"BackboneElement", "Element"})


@dataclass(frozen=True, slots=True)
class Hop:
    """One JSON key; of its items only those that all `guards` let pass, or only the one at `index`."""

    key: str
    guards: tuple[Guard, ...] = ()
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A typed place.  `type` is a FHIR type name; `binding` is that of the element, if any."""

    hops: tuple[Hop, ...]
    type: str
    binding: Binding | None = None
    targets: tuple[str, ...] = ()
    structure: str = ""
    path: str = ""
    """The structure and the element path in it at which the children of this place are defined."""
    element: str = ""
    """The path of its own element definition (`Observation.effective[x]`)."""
    minimum: int = 0
    """How often the last element must be there."""
    single: bool = True
    """Whether no element on the way can repeat."""


class Elements:
    """Child elements by (structure, path), looked up by the name that expressions use."""

    __slots__ = ("_children", "_registry")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._children: dict[str, Mapping[str, Mapping[str, ElementDefinition]]] = {}

    def child(self, structure: str, path: str, name: str) -> ElementDefinition | None:
        """Return the element `name` below `path` (`effective` finds `effective[x]`), or None."""
        by_path = self._children.get(structure)
        if by_path is None:
            by_path = self._children[structure] = self._index(structure)
        return by_path.get(path, {}).get(name)

    def _index(self, structure: str) -> Mapping[str, Mapping[str, ElementDefinition]]:
        definition = self._registry.structures.get(structure)
        by_path: dict[str, dict[str, ElementDefinition]] = {}
        for element in definition.elements[1:] if definition is not None else ():
            parent, _, name = element.path.rpartition(".")
            by_path.setdefault(parent, {})[name.removesuffix("[x]")] = element
        return by_path


def root_of(resource_type: str) -> Source:
    """Return the resource itself as a place."""
    return Source((), resource_type, structure=resource_type, path=resource_type)


def sources(elements: Elements, start: Source, path: Path) -> tuple[Source, ...]:
    """Return the typed places that `path` leads to, their hops counted from `start`.

    None where the path does not apply.
    """
    places = [replace(start, hops=())]
    for step in path.steps:
        places = [after for place in places for after in _advance(elements, place, step)]
    return tuple(after for place in places for after in _value_of(elements, place))


def parameter_sources(
    registry: Registry, elements: Elements, resource_type: str, code: str
) -> tuple[Source, ...]:
    """Return the places of a search parameter in one type; none for an unknown one."""
    parameter = registry.parameters.get(resource_type, {}).get(code)
    if parameter is None or parameter.expression is None:
        return ()
    roots = (resource_type, "Resource", "DomainResource", None)
    paths = [read_path(arm) for arm in split_union(parameter.expression)]
    found = [
        source
        for path in paths
        if path is not None and path.root in roots
        for source in sources(elements, root_of(resource_type), path)
    ]
    return tuple(dict.fromkeys(found))


def _advance(elements: Elements, place: Source, step: Step) -> Iterator[Source]:
    match step:
        case Child(name):
            yield from _children(elements, place, name)
        case Cast(type_name):
            if place.type.lower() == type_name.lower():
                yield place
        case At(index):
            yield _with_last(place, replace(place.hops[-1], index=index))
        case ResolvesTo() | ElementIs() | HasExtension():
            last = place.hops[-1]
            yield _with_last(place, replace(last, guards=(*last.guards, step)))


def _with_last(place: Source, last: Hop) -> Source:
    return replace(place, hops=(*place.hops[:-1], last))


def _children(elements: Elements, place: Source, name: str) -> Iterator[Source]:
    element = elements.child(place.structure, place.path, name)
    if element is None:
        return
    if element.content is not None:
        yield _child(place, name, element, TypeRef("BackboneElement"), element.content)
    for type_ref in element.types:
        key = name + type_ref.code[0].upper() + type_ref.code[1:] if element.is_choice else name
        yield _child(place, key, element, type_ref, element.path)


def _child(parent: Source, key: str, element: ElementDefinition, type_ref: TypeRef, path: str) -> Source:
    nested = type_ref.code in _NESTED
    return Source(
        hops=(*parent.hops, Hop(key)),
        type=type_ref.code,
        binding=element.binding,
        targets=type_ref.targets,
        structure=parent.structure if nested else type_ref.code,
        path=path if nested else type_ref.code,
        element=element.path,
        minimum=element.min,
        single=parent.single and element.max == 1,
    )


def _value_of(elements: Elements, place: Source) -> Iterator[Source]:
    # An expression may end at an extension; what is searched is its value.
    if place.type == "Extension":
        yield from _children(elements, place, "value")
    else:
        yield place
