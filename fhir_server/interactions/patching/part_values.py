"""The value that a FHIRPath Patch brings, made from the parts of its Parameters.

A value of an open type is `value[x]`; of any other type it is given element by element, as parts.
Spec: https://hl7.org/fhir/R4/fhirpatch.html#anonymous
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.fhirpath import Slot, TypeModel
from fhir_server.fhirpath.types import PRIMITIVES
from fhir_server.interactions.patching import elements
from fhir_server.interactions.patching.elements import Element, JsonObject

PARAMETER = "Parameters.parameter"
RESOURCE = "Resource"
OF_PRIMITIVES = frozenset({"id", "extension"})
"""What a primitive has beside its value."""
TEXTS = frozenset({"string", "markdown"})
"""What a narrative's XHTML may be given as: no parameter is of the type xhtml."""


class PatchFault(Exception):
    """What is wrong with one operation: a situation, a place below the operation, a sentence."""

    def __init__(self, situation: str, place: str, what: str) -> None:
        super().__init__(what)
        self.situation = situation
        self.place = place
        self.what = what


@dataclass(frozen=True, slots=True)
class PartValues:
    """Makes elements; `types` are those of FHIR."""

    types: TypeModel

    def element(self, part: JsonObject, place: str, slots: Sequence[Slot]) -> tuple[Slot, Element]:
        """Return the element that a part gives, and which of `slots` (one, or those of a choice) it fits.

        `place` is the part's own place below the operation.  Raises PatchFault.
        """
        content = [key for key in part if key not in ("name", "id", "extension", "_name")]
        written = [key for key in content if not key.startswith("_") or key[1:] not in part]
        if len(written) != 1:
            raise PatchFault("malformed-patch", place, "one value is expected: value[x], part or resource")
        key = written[0].removeprefix("_")
        if key == "part":
            return self._of_parts(part["part"], place, slots)
        sent = self.types.slot(PARAMETER, key)
        kind = sent.type if sent is not None else ""
        if kind == RESOURCE:
            kind = str(part[key].get("resourceType", ""))
        slot = self._fitting(kind, slots)
        if slot is None:
            text = f"the element is of type {_names(slots)}, the value is a {kind}"
            raise PatchFault("patch-failed", place, text)
        return slot, Element(part.get(key), part.get("_" + key))

    def _fitting(self, kind: str, slots: Sequence[Slot]) -> Slot | None:
        for slot in slots:
            if slot.type == kind:
                return slot
        if len(slots) != 1:
            return None
        wanted = slots[0].type
        fits = self.types.is_subtype(kind, wanted) or (wanted == "xhtml" and kind in TEXTS)
        return slots[0] if fits else None

    def _of_parts(self, parts: Any, place: str, slots: Sequence[Slot]) -> tuple[Slot, Element]:
        if len(slots) != 1:
            raise PatchFault("malformed-patch", place, "a choice of types is given as value[x], not as parts")
        slot = slots[0]
        made: JsonObject = {}
        for number, part in enumerate(parts):
            self._put(made, part, f"{place}.part[{number}]", slot)
        return slot, Element(None, made) if slot.type in PRIMITIVES else Element(made)

    def _put(self, made: JsonObject, part: JsonObject, place: str, owner: Slot) -> None:
        name = str(part.get("name", ""))
        slots = self.slots(owner.type, name)
        if not slots:
            raise PatchFault("patch-failed", f"{place}.name", f"{owner.type} has no element of this name")
        if not slots[0].is_list and any(elements.is_present(made, slot) for slot in slots):
            raise PatchFault("malformed-patch", place, "the element can stand there only once")
        slot, element = self.element(part, place, slots)
        elements.append(made, slot, element)

    def slots(self, type_name: str, name: str) -> tuple[Slot, ...]:
        """Return the slots of a named element of a type; none where it has no such element."""
        if type_name in PRIMITIVES and name not in OF_PRIMITIVES:
            return ()
        return self.types.slots(type_name, name.removesuffix("[x]"))


def _names(slots: Sequence[Slot]) -> str:
    names = [slot.type for slot in slots]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
