"""Equality, equivalence and order of values.  Spec: https://hl7.org/fhirpath/N1/#equality"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec import Raw

from fhir_server.fhirpath import dates, quantities
from fhir_server.fhirpath.dates import Moment, parse_literal
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.node import Items, Node, system
from fhir_server.fhirpath.quantities import Quantity
from fhir_server.model.number import decimal, is_number


def equal(left: Items, right: Items) -> bool | None:
    """Return whether two collections are equal, item by item in order; None: empty, or not known."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    known = True
    for mine, other in zip(left, right):
        same = equal_items(mine, other)
        if same is False:
            return False
        known = known and same is not None
    return True if known else None


def equal_items(left: Any, right: Any) -> bool | None:
    """Return whether two items are equal, None where precision or units leave it open."""
    if left is right:
        return True
    mine, other = _aligned(system(left), system(right))
    kind = type(mine)
    if kind is not type(other):
        return False
    if isinstance(mine, Moment):
        if (mine.kind == "Time") != (other.kind == "Time"):
            return False
        order = dates.compare(mine, other)
        return None if order is None else order == 0
    if isinstance(mine, Quantity):
        order = quantities.compare(mine, other)
        return None if order is None else order == 0
    if kind is Node:
        return same_trees(mine.value, other.value) and same_trees(mine.sibling, other.sibling)
    return bool(mine == other)


def equivalent(left: Items, right: Items) -> bool:
    """Return whether two collections hold equivalent items in any order."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for mine in left:
        found = next((at for at, other in enumerate(rest) if equivalent_items(mine, other)), -1)
        if found < 0:
            return False
        del rest[found]
    return True


def equivalent_items(left: Any, right: Any) -> bool:
    """Return whether two items are equivalent: case, white space and surplus precision do not count."""
    mine, other = _aligned(system(left), system(right))
    kind = type(mine)
    if kind is not type(other):
        return False
    if kind is str:
        return _folded(mine) == _folded(other)
    if kind is Decimal:
        return _same_rounded(mine, other)
    if isinstance(mine, Moment):
        if (mine.kind == "Time") != (other.kind == "Time") or mine.precision != other.precision:
            return False
        return dates.compare(mine, other) == 0
    if isinstance(mine, Quantity):
        return quantities.equivalent(mine, other)
    if kind is Node:
        return bool(_loose_key(mine.value) == _loose_key(other.value))
    return bool(mine == other)


def compare(left: Any, right: Any) -> int | None:
    """Return -1, 0 or 1, None where precision or units leave it open.

    Raises FhirPathError for types that have no order between them.
    """
    mine, other = _aligned(system(left), system(right))
    kind = type(mine)
    if kind is type(other):
        if kind in (str, int, Decimal):
            return int(mine > other) - int(mine < other)
        if isinstance(mine, Moment) and (mine.kind == "Time") == (other.kind == "Time"):
            return dates.compare(mine, other)
        if isinstance(mine, Quantity):
            return quantities.compare(mine, other)
    raise FhirPathError(f"{type_label(left)} and {type_label(right)} cannot be ordered")


def key(item: Any) -> Any:
    """Return a hashable that two items share exactly when they are equal (open counts as unequal)."""
    value = system(item)
    kind = type(value)
    if kind is Node:
        return ("node", _key(value.value), _key(value.sibling))
    if kind is bool:
        return ("boolean", value)
    if kind is int or kind is Decimal:
        return ("number", value)
    if kind is Moment:
        utc = value.in_utc()
        return ("moment", utc.kind == "Time", utc.parts, utc.second, utc.zone is None)
    if kind is Quantity:
        base = quantities.in_base_units(value)
        return ("quantity", base)
    return (kind.__name__, value)


def same_trees(left: Any, right: Any) -> bool:
    """Return whether two raw JSON values are equal; numbers count by value, keys in any order."""
    if left is right:
        return True
    kind = type(left)
    if kind is dict and type(right) is dict:
        return left.keys() == right.keys() and all(same_trees(left[name], right[name]) for name in left)
    if kind is list and type(right) is list:
        return len(left) == len(right) and all(map(same_trees, left, right))
    if is_number(left) and is_number(right):
        return decimal(left) == decimal(right)
    return bool(left == right) and kind is type(right)


def distinct(items: Iterable[Any]) -> Items:
    """Return the items without repeats, each at its first place."""
    seen: dict[Any, Any] = {}
    for item in items:
        seen.setdefault(key(item), item)
    return list(seen.values())


def type_label(item: Any) -> str:
    """Return the name of an item's type for messages: `FHIR.HumanName`, `System.Integer`."""
    if type(item) is Node:
        return f"FHIR.{item.type}" if item.type else "an element of unknown type"
    return f"System.{system_type(item)}"


def system_type(value: Any) -> str:
    """Return the name of a System value's type."""
    kind = type(value)
    if kind is Moment:
        return str(value.kind)
    return {bool: "Boolean", int: "Integer", Decimal: "Decimal", Quantity: "Quantity"}.get(kind, "String")


def _aligned(left: Any, right: Any) -> tuple[Any, Any]:
    """Convert the one side to the other's type where FHIRPath does so by itself."""
    mine, other = type(left), type(right)
    if mine is other:
        return left, right
    if mine is int and other is Decimal:
        return Decimal(left), right
    if mine is Decimal and other is int:
        return left, Decimal(right)
    if other is Quantity and mine in (int, Decimal):
        return quantities.of_number(left), right
    if mine is Quantity and other in (int, Decimal):
        return left, quantities.of_number(right)
    if mine is str and other is Moment:
        return _as_moment(left, right), right
    if mine is Moment and other is str:
        return left, _as_moment(right, left)
    return left, right


def _as_moment(text: str, other: Moment) -> Any:
    return parse_literal(("T" if other.kind == "Time" else "") + text) or text


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _same_rounded(left: Decimal, right: Decimal) -> bool:
    return quantities.equivalent(Quantity(left), Quantity(right))


def _key(tree: Any) -> Any:
    kind = type(tree)
    if kind is dict:
        return frozenset((name, _key(value)) for name, value in tree.items())
    if kind is list:
        return tuple(_key(value) for value in tree)
    if kind is Raw or kind is int:
        return ("number", decimal(tree))
    return ("boolean", tree) if kind is bool else tree


def _loose_key(tree: Any) -> Any:
    kind = type(tree)
    if kind is dict:
        return frozenset((name, _loose_key(value)) for name, value in tree.items() if name != "id")
    if kind is list:
        return frozenset(_loose_key(value) for value in tree)
    if kind is Raw or kind is int:
        return ("number", decimal(tree))
    if kind is bool:
        return ("boolean", tree)
    return _folded(tree) if kind is str else tree
