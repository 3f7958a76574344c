"""How the elements of each type stand in XML: their order, and which are attributes, XHTML or resources.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from profiles.definitions import ElementDefinition, StructureDefinition
from profiles.registry import Registry


class Form(Enum):
    """What an element of a type looks like."""

    PRIMITIVE = "primitive"
    """`<name value="…"/>`, in JSON a value and its `_name`."""
    COMPLEX = "complex"
    RESOURCE = "resource"
    """A wrapper around one element named like the resource's type."""
    XHTML = "xhtml"
    ATTRIBUTE = "attribute"
    """`id` of an element and `url` of an extension."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One element: `key` is its name in JSON and in XML; `type` is a type name or an element path."""

    key: str
    type: str
    form: Form
    is_list: bool
    order: int


_INLINE = frozenset({"BackboneElement", "Element"})
_NONE: Mapping[str, Shape] = MappingProxyType({})


class Shapes:
    """The shapes of one Registry, compiled when a type is first met."""

    __slots__ = ("_known", "_registry")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[str, Mapping[str, Shape]] = {}

    def is_resource_type(self, name: str) -> bool:
        """Return whether `name` is a concrete resource type."""
        return name in self._registry.resource_types

    def of(self, type_name: str) -> Mapping[str, Shape]:
        """Return the shapes of a type or element path by key, in the order of the definition."""
        known = self._known.get(type_name)
        if known is None:
            known = self._known[type_name] = self._compile(type_name)
        return known

    def _compile(self, type_name: str) -> Mapping[str, Shape]:
        structure = self._registry.structures.get(type_name.partition(".")[0])
        if structure is None:
            return _NONE
        shapes: dict[str, Shape] = {}
        for element in structure.elements:
            if element.path.rpartition(".")[0] == type_name:
                for key, code in _names(element):
                    shapes[key] = self._shape(structure, element, key, code, len(shapes))
        return MappingProxyType(shapes)

    def _shape(
        self, structure: StructureDefinition, element: ElementDefinition, key: str, code: str, order: int
    ) -> Shape:
        is_list = element.max is None or element.max > 1
        if (key == "id" and structure.kind != "resource") or element.path == "Extension.url":
            return Shape(key, code, Form.ATTRIBUTE, is_list, order)
        if key == "id" and element.path.count(".") > 1:
            return Shape(key, code, Form.ATTRIBUTE, is_list, order)
        if element.content is not None:
            return Shape(key, element.content, Form.COMPLEX, is_list, order)
        if code == "xhtml":
            return Shape(key, code, Form.XHTML, is_list, order)
        if code == "Resource" or code in self._registry.resource_types:
            return Shape(key, code, Form.RESOURCE, is_list, order)
        if code in _INLINE:
            return Shape(key, element.path, Form.COMPLEX, is_list, order)
        is_primitive = self._registry.structures[code].kind == "primitive-type"
        return Shape(key, code, Form.PRIMITIVE if is_primitive else Form.COMPLEX, is_list, order)


def _names(element: ElementDefinition) -> list[tuple[str, str]]:
    """Return (key, type code) of each form of an element; a choice has one for each type."""
    if element.content is not None:
        return [(element.name, "")]
    if element.is_choice:
        stem = element.name.removesuffix("[x]")
        return [(stem + type.code[0].upper() + type.code[1:], type.code) for type in element.types]
    return [(element.name, type.code) for type in element.types[:1]]
