"""One value out of a collection.  Several items, or one of another type, raise FhirPathError.

Spec: https://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fhir_server.fhirpath import quantities
from fhir_server.fhirpath.dates import Moment
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.node import Items, Node, system
from fhir_server.fhirpath.quantities import Quantity
from fhir_server.fhirpath.values import type_label


def single(items: Items) -> Any:
    """Return the only item, None for an empty collection.  Raises FhirPathError for several."""
    if len(items) > 1:
        raise FhirPathError(f"one item is needed here, the collection has {len(items)}")
    return items[0] if items else None


def single_value(items: Items) -> Any:
    """Return the System value of the only item; a primitive that has extensions only counts as empty."""
    item = single(items)
    return None if type(item) is Node and item.value is None else system(item)


def boolean(items: Items) -> bool | None:
    """Return a collection as a truth value: a single item that is no Boolean counts as true."""
    if not items:
        return None
    if len(items) > 1:
        raise FhirPathError(f"a Boolean is needed here, the collection has {len(items)} items")
    value = system(items[0])
    return value if type(value) is bool else True


def string(items: Items) -> str | None:
    """Return the only string; an element that holds a date counts by its text."""
    value = single_value(items)
    if type(value) is Moment and type(items[0]) is Node:
        return str(items[0].value)
    if value is None or type(value) is str:
        return value
    raise _wrong("a String", items)


def integer(items: Items) -> int | None:
    """Return the only integer."""
    value = single_value(items)
    if value is None or type(value) is int:
        return value
    raise _wrong("an Integer", items)


def number(items: Items) -> int | Decimal | None:
    """Return the only number."""
    value = single_value(items)
    if value is None or type(value) is int or type(value) is Decimal:
        return value
    raise _wrong("a number", items)


def quantity(items: Items) -> Quantity | None:
    """Return the only quantity; a number counts as one of unit 1."""
    value = single_value(items)
    if value is None or type(value) is Quantity:
        return value
    if type(value) is int or type(value) is Decimal:
        return quantities.of_number(value)
    raise _wrong("a Quantity", items)


def is_number(value: Any) -> bool:
    """Return whether a System value is a number."""
    return type(value) is int or type(value) is Decimal


def _wrong(wanted: str, items: Items) -> FhirPathError:
    return FhirPathError(f"{wanted} is needed here, not {type_label(items[0])}")
