"""An element of a resource as FHIRPath sees it: a value, its type, its place.

Spec: https://hl7.org/fhir/R4/fhirpath.html#using
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from msgspec import Raw

from fhir_server.fhirpath.dates import Moment, parse_date, parse_date_time, parse_time
from fhir_server.fhirpath.quantities import from_fhir
from fhir_server.fhirpath.types import QUANTITIES
from fhir_server.model.number import decimal

_TEMPORAL: Mapping[str, Callable[[str], Moment | None]] = MappingProxyType({
    "date": parse_date, "dateTime": parse_date_time, "instant": parse_date_time, "time": parse_time,
})  # fmt: skip


class Node:
    """A place in a resource.

    `value` is the raw JSON value (None where a primitive has extensions only), `type` the FHIR type, for
    an element defined in place its path (`Patient.contact`).  `name` and `index` are the last step
    (`index` -1: not in a list).  `sibling` is the `_name` object of a primitive, or None.
    """

    __slots__ = ("index", "name", "parent", "sibling", "type", "value")

    def __init__(
        self,
        value: Any,
        type: str,
        parent: Node | None = None,
        name: str = "",
        index: int = -1,
        sibling: dict[str, Any] | None = None,
    ) -> None:
        self.value = value
        self.type = type
        self.parent = parent
        self.name = name
        self.index = index
        self.sibling = sibling

    @classmethod
    def root(cls, resource: Mapping[str, Any]) -> Node:
        """Return the node of a whole resource."""
        return cls(resource, resource_type(resource))

    @property
    def path(self) -> str:
        """The FHIRPath with indexes, `Patient.name[0].given[1]`."""
        if self.parent is None:
            return self.name or self.type
        step = f"{self.parent.path}.{self.name}"
        return step if self.index < 0 else f"{step}[{self.index}]"

    @property
    def extension(self) -> list[dict[str, Any]]:
        """The raw extensions, of a primitive too."""
        holder = self.value if type(self.value) is dict else self.sibling
        found = holder.get("extension") if holder is not None else None
        return found if isinstance(found, list) else []

    @property
    def is_resource(self) -> bool:
        """Whether this is a whole resource."""
        return type(self.value) is dict and "resourceType" in self.value

    def system(self) -> Any:
        """Return the System value that the element converts to by itself, else the node."""
        value = self.value
        kind = type(value)
        if kind is str:
            parse = _TEMPORAL.get(self.type)
            moment = parse(value) if parse is not None else None
            return moment if moment is not None else value
        if kind is Raw:
            return decimal(value)
        if kind is int:
            return Decimal(value) if self.type == "decimal" else value
        if kind is bool:
            return value
        if kind is dict and self.type in QUANTITIES:
            return from_fhir(value) or self
        return self

    def __repr__(self) -> str:
        return f"Node({self.path}: {self.type})"


def resource_type(value: Any) -> str:
    """Return what a raw JSON value says its resource type is, `""` where it says nothing."""
    named = value.get("resourceType") if type(value) is dict else None
    return named if isinstance(named, str) else ""


Items = list[Any]
"""A collection: nodes, and System values (bool, int, Decimal, str, Moment, Quantity)."""


def system(item: Any) -> Any:
    """Return the System value of an item, the item itself where it has none."""
    return item.system() if type(item) is Node else item
