"""The happy path: one closure per shape that looks at each key once and says yes or no.

It allocates nothing and knows no paths.  A no, or a TypeError from a value of another JSON type than a
primitive check expects, sends the caller to `explain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from fhir_server.validation.contained import local_resources
from fhir_server.validation.shapes import (
    MAX_DEPTH,
    AcceptsNode,
    AnyResource,
    Local,
    Primitive,
    Rule,
    Shape,
    Slot,
)

AcceptsValue: TypeAlias = Callable[[Any], object]
_Row: TypeAlias = tuple[AcceptsValue | None, AcceptsNode | None, int]

_REFUSED = -1


def link(shapes: Iterable[Shape], twin: Shape) -> None:
    """Give each shape its closure.  All that they refer to must be among them or linked before.

    `twin` is the shape of `_name`, the id and extensions of a primitive.
    """
    tables: list[tuple[Shape, dict[str, _Row]]] = []
    for shape in shapes:
        table: dict[str, _Row] = {}
        shape.accepts = _accepts(shape, table, twin)
        tables.append((shape, table))
    for shape, table in tables:
        for key, slot in shape.slots.items():
            table[key] = _row(slot)


def any_resource(
    contained: bool, shape_of: Callable[[str], Shape | None], rules: tuple[Rule, ...]
) -> AnyResource:
    """Return the place for a whole resource; see `AnyResource`."""
    keeps = _together(rules)

    def accepts(value: Any, local: Local, depth: int) -> bool:
        if type(value) is not dict:
            return False
        name = value.get("resourceType")
        shape = shape_of(name) if type(name) is str else None
        if shape is None:
            return False
        if not contained:
            local = local_resources(value)
        return shape.accepts(value, local, depth) and (keeps is None or keeps(value, local))

    return AnyResource(contained, shape_of, rules, accepts)


def _row(slot: Slot) -> _Row:
    holds = slot.holds
    if isinstance(holds, Primitive):
        return (_every(holds.accepts, slot) if slot.many else holds.accepts), None, slot.bit
    return None, (_each(holds.accepts, slot) if slot.many else holds.accepts), slot.bit


def _every(accepts: AcceptsValue, slot: Slot) -> AcceptsValue:
    """Return the check of an array of primitives without nulls."""
    low, high = max(slot.min, 1), slot.max

    def accepts_array(value: Any) -> bool:
        if type(value) is not list or len(value) < low or (high is not None and len(value) > high):
            return False
        try:
            for item in value:
                if not accepts(item):
                    return False
        except TypeError:  # null, perhaps: the caller knows whether that is right
            return False
        return True

    return accepts_array


def _each(accepts: AcceptsNode, slot: Slot) -> AcceptsNode:
    """Return the check of an array of objects."""
    low, high = max(slot.min, 1), slot.max

    def accepts_array(value: Any, local: Local, depth: int) -> bool:
        if type(value) is not list or len(value) < low or (high is not None and len(value) > high):
            return False
        depth += 1
        for item in value:  # noqa: SIM110 - all() would cost a generator per array
            if not accepts(item, local, depth):
                return False
        return True

    return accepts_array


def _accepts(shape: Shape, table: dict[str, _Row], twin: Shape) -> AcceptsNode:
    required = sum(group.bit for group in shape.groups if group.required)
    slots, row_of = shape.slots, table.get
    keeps = _together(shape.rules)

    def accepts(node: Any, local: Local, depth: int) -> bool:
        if type(node) is not dict or depth > MAX_DEPTH:
            return False
        if len(node) < 2 and (not node or "id" in node):
            return False
        seen = 0
        below = depth + 1
        for key, value in node.items():
            row = row_of(key)
            if row is None:
                bit = _accept_twin(slots, node, key, value, twin, local, below)
                if bit < 0:
                    return False
            else:
                leaf, child, bit = row
                if child is not None:
                    if not child(value, local, below):
                        return False
                elif not leaf(value) and not _fits_with_holes(slots[key], node, value):  # type: ignore[misc]
                    return False
            if seen & bit:
                return False
            seen |= bit
        if seen & required != required:
            return False
        return keeps is None or keeps(node, local)

    return accepts


def _together(rules: tuple[Rule, ...]) -> Callable[[dict[str, Any], Local], bool] | None:
    if len(rules) < 2:
        return rules[0].holds if rules else None

    def holds(node: dict[str, Any], local: Local) -> bool:
        return all(rule.holds(node, local) for rule in rules)

    return holds


def _fits_with_holes(slot: Slot, node: dict[str, Any], value: Any) -> bool:
    """Return whether an array of primitives with nulls has an extension at the place of each null."""
    twins = node.get("_" + slot.key)
    if not (slot.many and type(value) is list and type(twins) is list) or len(value) != len(twins):
        return False
    if len(value) < slot.min or (slot.max is not None and len(value) > slot.max):
        return False
    holds = slot.holds
    assert isinstance(holds, Primitive)
    return all(
        twins[index] is not None if item is None else holds.accepts(item) for index, item in enumerate(value)
    )


def _accept_twin(
    slots: dict[str, Slot], node: dict[str, Any], key: str, value: Any, twin: Shape, local: Local, depth: int
) -> int:
    """Return the bit that `_name` sets: 0 where `name` is there to set it, `_REFUSED` where it is wrong."""
    slot = slots.get(key[1:]) if key.startswith("_") else None
    if slot is None or not slot.has_twin:
        return _REFUSED
    if not slot.many:
        fits = _twin_fits(value, slot.key in node, twin, local, depth)
        return _REFUSED if not fits else 0 if slot.key in node else slot.bit
    if type(value) is not list or not any(item is not None for item in value):
        return _REFUSED
    values = node.get(slot.key)
    if values is None:
        values = [None] * len(value)
    if type(values) is not list or len(values) != len(value):
        return _REFUSED
    for item, primitive in zip(value, values, strict=True):
        if item is None:
            if primitive is None:
                return _REFUSED
        elif not _twin_fits(item, primitive is not None, twin, local, depth + 1):
            return _REFUSED
    return 0 if slot.key in node else slot.bit


def _twin_fits(value: Any, has_primitive: bool, twin: Shape, local: Local, depth: int) -> bool:
    if has_primitive and type(value) is dict and len(value) == 1 and type(value.get("id")) is str:
        return depth <= MAX_DEPTH and bool(value["id"]) and not value["id"].isspace()
    return twin.accepts(value, local, depth)
