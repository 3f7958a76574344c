"""Lays one row of a differential over the element that it constrains, and refuses what would widen it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from profiles.definitions import ProfileElement, TypeRef
from profiles.differential import DifferentialRow
from profiles.snapshot_tree import Node
from profiles.snapshot_walk import Walker

_OPEN_TYPES = frozenset({"", "*", "Element", "Resource", "DomainResource", "BackboneElement"})
"""Types that any other of their kind can stand for."""


def merged(node: Node, row: DifferentialRow, walker: Walker) -> None:
    """Change the node as the row says.  Raises ValueError where the row allows more than the base."""
    element = node.element
    changes: dict[str, Any] = {}
    _cardinality(element, row, changes)
    if row.says("type"):
        changes["types"] = _types(element, row, walker)
        if changes["types"] != element.types and walker.profile_tree(changes["types"]) is not None:
            # What is inside is from now on what that profile says.
            node.children = None
    _replaced(row, changes)
    node.element = replace(node.element, **changes)
    for rule in row.rules:
        node.rules[rule.key] = rule
    node.touched = True


def _cardinality(element: ProfileElement, row: DifferentialRow, changes: dict[str, Any]) -> None:
    said = row.element
    if row.says("min"):
        if said.min < element.min:
            raise ValueError(f"min {said.min} is lower than the {element.min} of the base")
        changes["min"] = said.min
    if row.says("max"):
        if element.max is not None and (said.max is None or said.max > element.max):
            wanted = "*" if said.max is None else said.max
            raise ValueError(f"max {wanted} is higher than the {element.max} of the base")
        changes["max"] = said.max
    low, high = changes.get("min", element.min), changes.get("max", element.max)
    if high is not None and low > high:
        raise ValueError(f"min {low} is higher than max {high}")


def _types(element: ProfileElement, row: DifferentialRow, walker: Walker) -> tuple[TypeRef, ...]:
    allowed = {kind.code for kind in element.types}
    for kind in row.element.types:
        if kind.code not in allowed and not _is_below(kind.code, allowed, walker):
            raise ValueError(f"type {kind.code} is none of the base's: {', '.join(sorted(allowed))}")
    return row.element.types


def _is_below(code: str, allowed: set[str], walker: Walker) -> bool:
    if not allowed or allowed & _OPEN_TYPES:
        return True
    return any(walker.known.is_below(code, base) for base in allowed)


_KEYS: tuple[tuple[str, str], ...] = (
    ("slicing", "slicing"),
    ("fixed", "fixed"),
    ("pattern", "pattern"),
    ("minValue", "minimum"),
    ("maxValue", "maximum"),
    ("maxLength", "max_length"),
    ("binding", "binding"),
    ("isSummary", "summary"),
    ("isModifier", "modifier"),
    ("binding", "further"),
    ("extension", "min_length"),
    ("extension", "alternatives"),
    ("extension", "narrative"),
)
"""Key of an ElementDefinition, field of a ProfileElement: what a row says replaces what the base says."""


def _replaced(row: DifferentialRow, changes: dict[str, Any]) -> None:
    for key, name in _KEYS:
        value = getattr(row.element, name)
        if row.says(key) and value is not None and value != ():
            changes[name] = value
    if row.element.must_support:
        changes["must_support"] = True
