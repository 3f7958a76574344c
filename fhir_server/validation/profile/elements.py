"""The children of one element: how many there are, what they are, and which slice each belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from fhir_server.fhirpath import Node, Slot
from fhir_server.fhirpath.navigation import add_slot
from fhir_server.fhirpath.node import Items
from fhir_server.validation.profile.session import Check, Session
from fhir_server.validation.profile.slicing import Sliced, check_slices

_Present: TypeAlias = Callable[[Node, dict[str, Any], Slot, Session], None]
_NOTHING: dict[str, Any] = {}
_ABSTRACT = ("Resource", "DomainResource")


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """One element name below another, as a profile narrows it.

    `checks` are by the type of the value; `allowed` are the types that are left of a choice, None for all.
    """

    name: str
    slots: tuple[Slot, ...]
    min: int
    max: int | None
    checks: Mapping[str, Check]
    allowed: frozenset[str] | None
    sliced: Sliced | None

    @property
    def is_needed(self) -> bool:
        """Whether its absence is a fault."""
        return self.min > 0 or (self.sliced is not None and self.sliced.least > 0)


def children_check(children: Sequence[Child]) -> Check:
    """Return the check of what is right below an element; it looks at each JSON key once."""
    table: dict[str, tuple[int, _Present, Slot]] = {}
    needed: list[tuple[int, Child]] = []
    for position, child in enumerate(children):
        bit = 1 << position
        present = _present(child)
        for slot in child.slots:
            row = (bit, present, slot)
            table.setdefault(slot.key, row)
            table.setdefault("_" + slot.key, row)
        if child.is_needed:
            needed.append((bit, child))
    all_needed = sum(bit for bit, _ in needed)
    row_of = table.get

    def check(node: Node, session: Session) -> None:
        value = node.value
        holder = value if type(value) is dict else (node.sibling or _NOTHING)
        seen = 0
        for key in holder:
            row = row_of(key)
            if row is not None and not seen & row[0]:
                seen |= row[0]
                row[1](node, holder, row[2], session)
        if seen & all_needed != all_needed:
            for bit, child in needed:
                if not seen & bit:
                    _absent(child, node, session)

    return check


def _present(child: Child) -> _Present:
    least, most = child.min, child.max
    sliced, allowed, inner = child.sliced, child.allowed, by_type(child.checks)
    # A slice that is missing is named by itself.
    if sliced is not None and sliced.least >= least:
        least = 0
    if not child.checks and sliced is None and allowed is None:
        return _counted(child)

    def present(node: Node, holder: dict[str, Any], slot: Slot, session: Session) -> None:
        found: Items = []
        add_slot(node, holder, slot, found)
        count = len(found)
        if count < least or (most is not None and count > most):
            _wrong_count(child, count, node, session)
        for value in found:
            if allowed is not None and value.type not in allowed:
                session.fault("wrong-type", f" must be of the type {', '.join(sorted(allowed))}.", value)
                continue
            if inner is not None:
                inner(value, session)
        if sliced is not None:
            check_slices(sliced, found, node, child.name, session)

    return present


def by_type(checks: Mapping[str, Check]) -> Check | None:
    """Return the check of a value by its type; what is said of `Resource` holds for every resource."""
    for_any = next((checks[name] for name in _ABSTRACT if name in checks), None)
    if not checks:
        return None
    if len(checks) == 1 and for_any is not None:
        return for_any
    check_of = checks.get

    def check(node: Node, session: Session) -> None:
        found = check_of(node.type, for_any)
        if found is not None:
            found(node, session)

    return check


def _counted(child: Child) -> _Present:
    """Where only the number counts, no nodes are made."""
    least, most = child.min, child.max

    def present(node: Node, holder: dict[str, Any], slot: Slot, session: Session) -> None:
        count = max(_count(holder.get(slot.key)), _count(holder.get("_" + slot.key)))
        if count < least or (most is not None and count > most):
            _wrong_count(child, count, node, session)

    return present


def _count(value: Any) -> int:
    if value is None:
        return 0
    return len(value) if type(value) is list else 1


def _absent(child: Child, node: Node, session: Session) -> None:
    if child.sliced is not None and child.sliced.least >= child.min:
        check_slices(child.sliced, (), node, child.name, session)
    else:
        session.fault("missing-element", " is missing.", f"{node.path}.{child.name}")


def _wrong_count(child: Child, count: int, node: Node, session: Session) -> None:
    place = f"{node.path}.{child.name}"
    if child.max == 0:
        session.fault("cardinality", " is not allowed here.", place)
        return
    allowed = f"{child.min}..{'*' if child.max is None else child.max}"
    session.fault("cardinality", f": {count} found, {allowed} allowed.", place)
