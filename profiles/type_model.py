"""The Registry's structures as the FHIRPath engine asks for them."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_server.fhirpath.types import Slot, json_key
from profiles.definitions import ElementDefinition, StructureDefinition
from profiles.registry import Registry

_INLINE = frozenset({"BackboneElement", "Element"})
_TypeSlots = tuple[Mapping[str, tuple[Slot, ...]], Mapping[str, Slot]]
"""By element name, by JSON key."""


class RegistryTypeModel:
    """The types of one Registry; what was looked up once is remembered.

    Type names are structure names, or element paths (`Patient.contact`) for elements defined in place.
    """

    __slots__ = ("_slots", "_structures", "_subtypes")

    def __init__(self, registry: Registry) -> None:
        self._structures = registry.structures
        self._slots: dict[str, _TypeSlots] = {}
        self._subtypes: dict[tuple[str, str], bool] = {}

    def slots(self, type_name: str, element: str) -> tuple[Slot, ...]:
        """Return where the element can be found, one slot per type of a choice; none: no such element."""
        return self._of(type_name)[0].get(element, ())

    def slot(self, type_name: str, key: str) -> Slot | None:
        """Return the slot of a JSON property, None if the type does not have it."""
        return self._of(type_name)[1].get(key)

    def is_subtype(self, type_name: str, base: str) -> bool:
        """Return whether the first is the second or specialises it, however remotely."""
        known = self._subtypes.get((type_name, base))
        if known is None:
            known = type_name == base or self._is_below(type_name, base)
            # Only what the Registry knows is kept: data can name as many types as it likes.
            if self.has_type(base) and self.has_type(type_name.partition(".")[0]):
                self._subtypes[type_name, base] = known
        return known

    def has_type(self, type_name: str) -> bool:
        """Return whether there is a FHIR type of that name."""
        return type_name in self._structures

    def _is_below(self, type_name: str, base: str) -> bool:
        above = self._base(type_name)
        return above is not None and self.is_subtype(above, base)

    def _base(self, type_name: str) -> str | None:
        structure = self._structures.get(type_name)
        if structure is not None:
            return structure.base
        if "." not in type_name:
            return None
        owner = self._structures.get(type_name.partition(".")[0])
        for element in owner.elements if owner is not None else ():
            if element.path == type_name and element.types:
                return element.types[0].code
        return None

    def _of(self, type_name: str) -> _TypeSlots:
        known = self._slots.get(type_name)
        if known is None:
            known = self._read(type_name)
            if known[1]:
                self._slots[type_name] = known
        return known

    def _read(self, type_name: str) -> _TypeSlots:
        structure = self._structures.get(type_name.partition(".")[0])
        if structure is None:
            return {}, {}
        inline = {element.path.rpartition(".")[0] for element in structure.elements}
        by_element: dict[str, tuple[Slot, ...]] = {}
        for element in structure.elements:
            if element.path.rpartition(".")[0] == type_name:
                name = element.name.removesuffix("[x]")
                by_element[name] = _element_slots(structure, element, name, inline)
        by_key = {slot.key: slot for slots in by_element.values() for slot in slots}
        return by_element, by_key


def _element_slots(
    structure: StructureDefinition, element: ElementDefinition, name: str, inline: set[str]
) -> tuple[Slot, ...]:
    is_list = element.max is None or element.max > 1
    if element.content is not None:
        return (Slot(name, name, element.content, is_list),)
    if element.is_choice:
        return tuple(Slot(json_key(name, each.code), name, each.code, is_list) for each in element.types)
    code = element.types[0].code if element.types else ""
    is_inline = code in _INLINE and element.path in inline and structure.kind != "primitive-type"
    return (Slot(name, name, element.path if is_inline else code, is_list),)
