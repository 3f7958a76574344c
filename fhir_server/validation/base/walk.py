"""One walk over a resource tree by its definitions: every element with its type, its place, its scope."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fhir_server.fhirpath.types import PRIMITIVES
from fhir_server.model.exact_json import MAX_DEPTH
from fhir_server.validation.report import step
from profiles.definitions import ElementDefinition
from profiles.registry import Registry

Rules = TypeVar("Rules")
"""What is asked of a place; the walk only carries it."""

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

    `value` is None for a primitive that has extensions only.  `name` is the last step of the path (the whole
    path of a root), `index` that of a repetition, -1 for a single element.
    """

    value: Any
    type: str
    element: ElementDefinition
    name: str
    index: int
    parent: Place | None
    scope: Scope

    @property
    def path(self) -> str:
        """The FHIRPath with indexes."""
        if self.parent is None:
            return self.name
        place = step(self.parent.path, self.name)
        return place if self.index < 0 else f"{place}[{self.index}]"


# Not frozen, as the table of an element may come back to the element.
@dataclass(slots=True, eq=False)
class _Child(Generic[Rules]):
    name: str
    type: str
    element: ElementDefinition
    owner: str
    """Whose children come next: a type name, or an element path."""
    is_silent: bool
    """A primitive that nothing is asked of: most of what there is."""
    rules: Rules
    table: Mapping[str, _Child[Rules]] | None = None
    """The children of the owner, once they were asked for."""


@dataclass(slots=True)
class Walker(Generic[Rules]):
    """Walks resources of one Registry's types; safe to share between threads.

    `rules_of` tells what is asked of an element by its type and path, something false for nothing.
    """

    registry: Registry
    rules_of: Callable[[str, str], Rules]
    _tables: dict[str, Mapping[str, _Child[Rules]]] = field(default_factory=dict)

    def walk(self, resource: Any, path: str, visit: Callable[[Place, Rules], None]) -> None:
        """Visit every element of a resource that something is asked of, the outer before the inner.

        What no definition knows is passed over.
        """
        walk = _Walk(self._table, self.rules_of, self.registry, visit)
        walk.resource(resource, path, -1, Scope(resource, path), None, 0)

    def _table(self, owner: str) -> Mapping[str, _Child[Rules]]:
        table = self._tables.get(owner)
        if table is None:
            table = self._tables[owner] = dict(self._rows(owner))
        return table

    def _rows(self, owner: str) -> Iterator[tuple[str, _Child[Rules]]]:
        structure = self.registry.structures[owner.partition(".")[0]]
        parents = {element.path.rpartition(".")[0] for element in structure.elements}
        for element in structure.elements:
            if element.path.rpartition(".")[0] != owner:
                continue
            name = element.name.removesuffix("[x]")
            if element.content is not None:
                yield name, self._child(name, "BackboneElement", element, element.content)
            for kind in element.types:
                key = name + kind.code[0].upper() + kind.code[1:] if element.is_choice else name
                inline = kind.code in _INLINE and element.path in parents
                yield key, self._child(name, kind.code, element, element.path if inline else kind.code)

    def _child(self, name: str, kind: str, element: ElementDefinition, owner: str) -> _Child[Rules]:
        rules = self.rules_of(kind, element.path)
        return _Child(name, kind, element, owner, kind in PRIMITIVES and not rules, rules)


@dataclass(frozen=True, slots=True)
class _Walk(Generic[Rules]):
    """One walk; `visit` is called on the way down."""

    table: Callable[[str], Mapping[str, _Child[Rules]]]
    rules_of: Callable[[str, str], Rules]
    registry: Registry
    visit: Callable[[Place, Rules], None]

    def resource(
        self, resource: Any, name: str, index: int, scope: Scope, parent: Place | None, depth: int
    ) -> None:
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if type(kind) is not str or kind not in self.registry.resource_types:
            return
        root = self.registry.structures[kind].elements[0]
        place = Place(resource, kind, root, name, index, parent, scope)
        rules = self.rules_of(kind, root.path)
        if rules:
            self.visit(place, rules)
        self._children(resource, self.table(kind), place, depth)

    def _children(
        self, node: Mapping[str, Any], table: Mapping[str, _Child[Rules]], parent: Place, depth: int
    ) -> None:
        if depth > MAX_DEPTH:
            return
        for key, value in node.items():
            child = table.get(key)
            if child is None:
                self._twin(node, key, value, table, parent, depth)
            elif type(value) is dict:
                self._value(child, value, None, -1, parent, depth)
            elif not child.is_silent:
                self._values(child, value, node.get("_" + key), parent, depth)

    def _twin(
        self,
        node: Mapping[str, Any],
        key: str,
        twin: Any,
        table: Mapping[str, _Child[Rules]],
        parent: Place,
        depth: int,
    ) -> None:
        """Walk the extensions of a primitive, where they were not met with the primitive itself."""
        child = table.get(key[1:]) if key[:1] == "_" else None
        if child is None:
            return
        value = node.get(key[1:])
        if key[1:] not in node or (child.is_silent and type(value) is not dict):
            self._values(child, value, twin, parent, depth)

    def _values(self, child: _Child[Rules], value: Any, twins: Any, parent: Place, depth: int) -> None:
        if type(value) is list or type(twins) is list:
            values = value if type(value) is list else [None] * len(twins)
            others = twins if type(twins) is list else ()
            for index, item in enumerate(values):
                other = others[index] if index < len(others) else None
                self._value(child, item, other, index, parent, depth)
        else:
            self._value(child, value, twins, -1, parent, depth)

    def _value(
        self, child: _Child[Rules], value: Any, twin: Any, index: int, parent: Place, depth: int
    ) -> None:
        if child.type == "Resource":
            scope = _scope_of(value, child.name, child.element.path, parent, index)
            self.resource(value, child.name, index, scope, parent, depth + 1)
            return
        place = Place(value, child.type, child.element, child.name, index, parent, parent.scope)
        if child.rules:
            self.visit(place, child.rules)
        if type(value) is dict:
            if child.table is None:
                child.table = self.table(child.owner)
            self._children(value, child.table, place, depth + 1)
        elif type(twin) is dict:
            self._children(twin, self.table("Element"), place, depth + 1)


def _scope_of(resource: Any, name: str, element: str, parent: Place, index: int) -> Scope:
    path = step(parent.path, name) + ("" if index < 0 else f"[{index}]")
    if name == "contained":
        return Scope(resource, path, parent.scope.outer, parent.scope.bundle, parent.scope.full_url)
    if element == "Bundle.entry.resource":
        full_url = parent.value.get("fullUrl")
        return Scope(resource, path, None, parent.scope, full_url if isinstance(full_url, str) else None)
    return Scope(resource, path)
