"""One walk over a resource tree by its definitions: every element with its type, its place, its scope."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from fhir_server.model.exact_json import MAX_DEPTH
from fhir_server.validation.report import step
from profiles.definitions import ElementDefinition
from profiles.registry import Registry

_INLINE = frozenset({"BackboneElement", "Element"})


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """The resource that an element belongs to, and how it is held.

    `container` is the scope of the resource that contains it, or None.  `bundle` is the scope of the
    Bundle that it is an entry of, `full_url` what the entry says.
    """

    resource: Mapping[str, Any]
    path: str
    container: Scope | None = None
    bundle: Scope | None = None
    full_url: str | None = None

    @property
    def outer(self) -> Scope:
        """The container of a contained resource, else the scope itself."""
        return self if self.container is None else self.container


# Not frozen: there is one for each element of every resource, and a frozen one costs three times as much.
@dataclass(slots=True, eq=False)
class Place:
    """One element: its raw `value`, FHIR `type` and definition, and how it was come to; not to be changed.

    `value` is None for a primitive that has extensions only; `twin` is its `_name` object.  `name` is the
    last step of the path (the whole path of a root), `index` that of a repetition, -1 for a single element.
    """

    value: Any
    type: str
    element: ElementDefinition
    name: str
    index: int
    parent: Place | None
    scope: Scope
    twin: Mapping[str, Any] | None = None

    @property
    def path(self) -> str:
        """The FHIRPath with indexes."""
        if self.parent is None:
            return self.name
        place = step(self.parent.path, self.name)
        return place if self.index < 0 else f"{place}[{self.index}]"


Visit: TypeAlias = Callable[[Place], None]


@dataclass(frozen=True, slots=True)
class _Child:
    name: str
    type: str
    element: ElementDefinition
    owner: str
    """Whose children come next: a type name, or an element path."""


@dataclass(slots=True)
class Walker:
    """Walks resources of one Registry's types; safe to share between threads."""

    registry: Registry
    _tables: dict[str, Mapping[str, _Child]] = field(default_factory=dict)

    def walk(self, resource: Any, path: str, visit: Visit) -> None:
        """Visit every element of a resource, itself first; what no definition knows is passed over."""
        _Walk(self._table, self.registry, visit).resource(resource, path, -1, Scope(resource, path), None, 0)

    def _table(self, owner: str) -> Mapping[str, _Child]:
        table = self._tables.get(owner)
        if table is None:
            table = self._tables[owner] = MappingProxyType(dict(self._rows(owner)))
        return table

    def _rows(self, owner: str) -> Iterator[tuple[str, _Child]]:
        structure = self.registry.structures[owner.partition(".")[0]]
        parents = {element.path.rpartition(".")[0] for element in structure.elements}
        for element in structure.elements:
            if element.path.rpartition(".")[0] != owner:
                continue
            name = element.name.removesuffix("[x]")
            if element.content is not None:
                yield name, _Child(name, "BackboneElement", element, element.content)
            for kind in element.types:
                key = name + kind.code[0].upper() + kind.code[1:] if element.is_choice else name
                inline = kind.code in _INLINE and element.path in parents
                yield key, _Child(name, kind.code, element, element.path if inline else kind.code)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk; `visit` is called on the way down."""

    table: Callable[[str], Mapping[str, _Child]]
    registry: Registry
    visit: Visit

    def resource(
        self, resource: Any, name: str, index: int, scope: Scope, parent: Place | None, depth: int
    ) -> None:
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if type(kind) is not str or kind not in self.registry.resource_types:
            return
        root = self.registry.structures[kind].elements[0]
        place = Place(resource, kind, root, name, index, parent, scope)
        self.visit(place)
        self._children(resource, kind, place, depth)

    def _children(self, node: Mapping[str, Any], owner: str, parent: Place, depth: int) -> None:
        if depth > MAX_DEPTH:
            return
        table = self.table(owner)
        for key, value in node.items():
            child = table.get(key)
            if child is not None:
                self._values(child, value, node.get("_" + key), parent, depth)
            elif key[:1] == "_" and key[1:] not in node and (child := table.get(key[1:])) is not None:
                self._values(child, None, value, parent, depth)

    def _values(self, child: _Child, value: Any, twins: Any, parent: Place, depth: int) -> None:
        if type(value) is list or type(twins) is list:
            values = value if type(value) is list else [None] * len(twins)
            others = twins if type(twins) is list else ()
            for index, item in enumerate(values):
                other = others[index] if index < len(others) else None
                self._value(child, item, other, index, parent, depth)
        else:
            self._value(child, value, twins, -1, parent, depth)

    def _value(self, child: _Child, value: Any, twin: Any, index: int, parent: Place, depth: int) -> None:
        if child.type == "Resource":
            scope = _scope_of(value, child, parent, index)
            self.resource(value, child.name, index, scope, parent, depth + 1)
            return
        twin = twin if type(twin) is dict else None
        place = Place(value, child.type, child.element, child.name, index, parent, parent.scope, twin)
        self.visit(place)
        if type(value) is dict:
            self._children(value, child.owner, place, depth + 1)
        elif twin is not None:
            self._children(twin, "Element", place, depth + 1)


def _scope_of(resource: Any, child: _Child, parent: Place, index: int) -> Scope:
    path = step(parent.path, child.name) + ("" if index < 0 else f"[{index}]")
    if child.name == "contained":
        return Scope(resource, path, parent.scope.outer, parent.scope.bundle, parent.scope.full_url)
    if child.element.path == "Bundle.entry.resource":
        full_url = parent.value.get("fullUrl")
        return Scope(resource, path, None, parent.scope, full_url if isinstance(full_url, str) else None)
    return Scope(resource, path)
