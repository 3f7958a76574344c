"""The invariants of FHIR itself: one walk over a resource, each type's rules compiled when it is first met.

What the structure of a resource already guarantees (`GUARANTEED`) is not asked again.  The walk goes only
where a rule can be: a type whose elements have none is not entered.
Spec: https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import RLock
from typing import Any, TypeAlias

from fhir_server.fhirpath import Node, TypeModel
from fhir_server.fhirpath.navigation import add_slot
from fhir_server.fhirpath.types import PRIMITIVES, Slot
from fhir_server.validation.profile.assertion import assertion
from fhir_server.validation.profile.session import Check, Session
from profiles.definitions import ElementDefinition, StructureDefinition
from profiles.registry import Registry

GUARANTEED = frozenset({
    "ele-1", "ext-1", "dom-2", "dom-4", "dom-5", "ref-1", "txt-1", "txt-2",
    "bdl-1", "bdl-2", "bdl-3", "bdl-4", "bdl-5", "bdl-7", "bdl-8", "bdl-9", "bdl-10", "bdl-11", "bdl-12",
})  # fmt: skip
"""Kept by every resource in which the structure found no fault."""

_RESOURCE = "Resource"
_Row: TypeAlias = tuple[Slot, Check | None]


class Invariants:
    """The rules of one Registry's types.  Safe to share between threads."""

    def __init__(self, registry: Registry, model: TypeModel, best_practice: bool = True) -> None:
        """`best_practice`: whether rules that are advice (a narrative is missing, dom-6) are asked too."""
        self._registry = registry
        self._model = model
        self._best_practice = best_practice
        self._lock = RLock()
        self._walks: dict[str, Check | None] = {}
        self._in_work: set[str] = set()
        self._entered: dict[str, bool] = {}

    def check(self, node: Node, session: Session) -> None:
        """Report what an element of any type, and all in it but extensions, breaks."""
        walk = self.of(node.type)
        if walk is not None:
            walk(node, session)

    def of(self, kind: str) -> Check | None:
        """Return the walk over elements of a type, or of a path of elements defined in place."""
        if kind not in self._walks:
            with self._lock:
                if kind not in self._walks:
                    self._walks[kind] = self._compile(kind)
        return self._walks[kind]

    def _compile(self, kind: str) -> Check | None:
        rules = tuple(self._rules(kind))
        rows = dict(self._rows(kind))
        if not rules and not rows:
            return None
        return _walk(rules, rows, self.check)

    def _rules(self, kind: str) -> Iterator[Check]:
        """The rules of a type itself, or of an element defined in place."""
        structure = self._structure(kind)
        if structure is not None:
            element = _element(structure, kind)
            if element is not None:
                yield from self._assertions(structure, element, kind, frozenset())

    def _rows(self, kind: str) -> Iterator[tuple[str, tuple[Slot, tuple[Check, ...]]]]:
        """By JSON key: the children that have a rule, or something in them that has."""
        structure = self._structure(kind)
        for element in _children(structure, kind):
            if element.name == "extension" or element.name == "modifierExtension":
                continue
            for slot in self._model.slots(kind, element.name.removesuffix("[x]")):
                assert structure is not None
                rules: tuple[Check, ...] = ()
                if slot.type != element.path:
                    known = self._keys_of(slot.type)
                    rules = tuple(self._assertions(structure, element, slot.type, known))
                if rules or self._has_rules(slot.type):
                    yield slot.key, (slot, rules)

    def _assertions(
        self, structure: StructureDefinition, element: ElementDefinition, kind: str, known: frozenset[str]
    ) -> Iterator[Check]:
        for key in element.constraints:
            rule = structure.invariants[key]
            is_advice = rule.severity == "warning" and not self._best_practice
            if key in GUARANTEED or key in known or is_advice:
                continue
            yield NATIVE.get(key) or assertion(rule, kind, self._model, element.path)

    def _keys_of(self, kind: str) -> frozenset[str]:
        structure = self._structure(kind)
        element = _element(structure, kind) if structure is not None else None
        return frozenset(element.constraints if element is not None else ())

    def _has_rules(self, kind: str, met: frozenset[str] = frozenset()) -> bool:
        """Return whether the type, or something in it, has a rule; types refer to each other in circles."""
        if kind == _RESOURCE:
            return True
        if kind in PRIMITIVES or kind in met:
            return False
        if kind not in self._entered:
            found = self._finds_rules(kind, met | {kind})
            if found or not met:  # a no within a circle may be due to the circle alone
                self._entered[kind] = found
            return found
        return self._entered[kind]

    def _finds_rules(self, kind: str, met: frozenset[str]) -> bool:
        structure = self._structure(kind)
        if self._asked(self._keys_of(kind)):
            return True
        for element in _children(structure, kind):
            if element.name in ("extension", "modifierExtension"):
                continue
            if self._asked(frozenset(element.constraints)):
                return True
            name = element.name.removesuffix("[x]")
            if any(self._has_rules(slot.type, met) for slot in self._model.slots(kind, name)):
                return True
        return False

    def _asked(self, keys: frozenset[str]) -> bool:
        return bool(keys - GUARANTEED)

    def _structure(self, kind: str) -> StructureDefinition | None:
        return self._registry.structures.get(kind.partition(".")[0])


def _element(structure: StructureDefinition, path: str) -> ElementDefinition | None:
    return next((element for element in structure.elements if element.path == path), None)


def _children(structure: StructureDefinition | None, kind: str) -> Iterator[ElementDefinition]:
    for element in structure.elements if structure is not None else ():
        if element.path.rpartition(".")[0] == kind:
            yield element


def _walk(
    rules: tuple[Check, ...],
    rows: dict[str, tuple[Slot, tuple[Check, ...]]],
    enter: Callable[[Node, Session], None],
) -> Check:
    row_of = rows.get

    def walk(node: Node, session: Session) -> None:
        for rule in rules:
            rule(node, session)
        value = node.value
        if type(value) is not dict:
            return
        for key in value:
            row = row_of(key)
            if row is None:
                continue
            slot, own = row
            found: list[Any] = []
            add_slot(node, value, slot, found)
            for child in found:
                for rule in own:
                    rule(child, session)
                enter(child, session)

    return walk


def _contained_is_used(node: Node, session: Session) -> None:
    """dom-3: what is contained is referred to, or refers to its container."""
    contained = node.value.get("contained") if type(node.value) is dict else None
    if type(contained) is not list:
        return
    named = set(_local_references(node.value))
    for index, resource in enumerate(contained):
        if type(resource) is not dict or f"#{resource.get('id')}" in named:
            continue
        if "#" not in set(_local_references(resource)):
            place = f"{node.path}.contained[{index}]"
            session.fault("invariant", " is not referred to from the resource (dom-3).", place)


def _local_references(value: Any) -> Iterator[str]:
    """Every text that begins with `#`, wherever it is."""
    kind = type(value)
    if kind is str:
        if value.startswith("#"):
            yield value
    elif kind is dict:
        for key, child in value.items():
            if key != "div":
                yield from _local_references(child)
    elif kind is list:
        for child in value:
            yield from _local_references(child)


def _paths_start_alike(key: str, is_exact: bool) -> Check:
    """sdf-8, sdf-8a: every path is below that of the first element, which is the type's.

    As FHIRPath each row asks for the first one anew, which is quadratic.
    """

    def check(node: Node, session: Session) -> None:
        whole = node.parent.value if node.parent is not None else {}
        rows = node.value.get("element") if type(node.value) is dict else None
        first, *others = _paths(rows) or [""]
        kind = str(whole.get("type"))
        is_right = whole.get("kind") == "logical" or (first == kind if is_exact else first.startswith(kind))
        stem = first if is_exact else first.partition(".")[0]
        if not is_right or not all(path.startswith(stem + ".") for path in others):
            text = f" breaks the rule {key}: the first path is the type, all others are below it."
            session.fault("invariant", text, node)

    return check


def _paths(rows: Any) -> list[str]:
    return [str(row["path"]) for row in rows if "path" in row] if type(rows) is list else []


NATIVE: dict[str, Check] = {
    "dom-3": _contained_is_used,
    "sdf-8": _paths_start_alike("sdf-8", is_exact=True),
    "sdf-8a": _paths_start_alike("sdf-8a", is_exact=False),
}
"""Rules that cost too much as FHIRPath, written as Python."""
