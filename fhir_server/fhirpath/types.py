"""What the engine must know of FHIR's types, and what it does without knowing any.

Spec: https://hl7.org/fhir/R4/fhirpath.html#types
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Slot:
    """One JSON property that can hold an element.

    `key` is the JSON name (`valueQuantity`), `element` the FHIRPath name (`value`), `type` the FHIR type
    (`Quantity`, `code`), for elements defined in place their path (`Patient.contact`), `""` if unknown.
    """

    key: str
    element: str
    type: str
    is_list: bool


class TypeModel(Protocol):
    """The types of FHIR.  Names are FHIR type names, or paths of elements defined in place."""

    def slots(self, type_name: str, element: str) -> tuple[Slot, ...]:
        """Return where the element can be found, one slot per type of a choice; none: no such element."""
        ...

    def slot(self, type_name: str, key: str) -> Slot | None:
        """Return the slot of a JSON property, None if the type does not have it."""
        ...

    def is_subtype(self, type_name: str, base: str) -> bool:
        """Return whether the first is the second or specialises it, however remotely."""
        ...

    def has_type(self, type_name: str) -> bool:
        """Return whether there is a FHIR type of that name."""
        ...


PRIMITIVES = frozenset({
    "base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
    "markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid", "xhtml",
})  # fmt: skip
QUANTITIES = frozenset(
    {"Quantity", "Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity"}
)
SYSTEM_TYPES = frozenset({"Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"})

SYSTEM_OF_PRIMITIVE: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(PRIMITIVES, "String")
    | {
        "boolean": "Boolean", "integer": "Integer", "unsignedInt": "Integer", "positiveInt": "Integer",
        "decimal": "Decimal", "date": "Date", "dateTime": "DateTime", "instant": "DateTime", "time": "Time",
    }
)  # fmt: skip


def json_key(element: str, type_name: str) -> str:
    """Return the JSON name of a choice: `value` and `dateTime` give `valueDateTime`."""
    return element + type_name[:1].upper() + type_name[1:]


def type_of_suffix(suffix: str) -> str:
    """Return the type that the end of a choice's JSON name stands for: `DateTime` gives `dateTime`."""
    primitive = suffix[:1].lower() + suffix[1:]
    return primitive if primitive in PRIMITIVES else suffix


def chosen_type(name: str, namespace: str | None) -> str:
    """Return the FHIR type that `as` and `ofType` choose among elements by this name.

    Without a namespace `DateTime` chooses `dateTime` too: published search parameters write it so.
    """
    if namespace is None and name in SYSTEM_TYPES and name != "Quantity":
        return name[:1].lower() + name[1:]
    return name


class UnknownTypes:
    """The model of an engine that was given none: every element may exist, its type is unknown."""

    __slots__ = ()

    def slots(self, type_name: str, element: str) -> tuple[Slot, ...]:  # noqa: ARG002
        return (Slot(element, element, "", False),)

    def slot(self, type_name: str, key: str) -> Slot | None:  # noqa: ARG002
        return Slot(key, key, "", False)

    def is_subtype(self, type_name: str, base: str) -> bool:
        return type_name == base or (base in ("Resource", "DomainResource") and type_name[:1].isupper())

    def has_type(self, type_name: str) -> bool:
        return type_name[:1].isupper() or type_name in PRIMITIVES
