"""The elements that stand under one name of a JSON object, primitives together with their `_name` companions.

Spec: https://hl7.org/fhir/R4/json.html#primitive
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhir_server.fhirpath import Slot
from fhir_server.fhirpath.types import PRIMITIVES

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Element:
    """One element: `value=None` is a primitive that has an id or extensions only, in its `companion`."""

    value: Any
    companion: JsonObject | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands there: a gap in a list."""
        return self.value is None and self.companion is None


def is_present(holder: JsonObject, slot: Slot) -> bool:
    """Return whether anything stands under the name of the slot."""
    return slot.key in holder or _beside(slot) in holder


def read(holder: JsonObject, slot: Slot) -> list[Element]:
    """Return what stands under the name of the slot, in order; gaps of a list are empty elements."""
    value, companion = holder.get(slot.key), _companion(holder, slot)
    if not slot.is_list:
        return [] if value is None and companion is None else [Element(value, companion)]
    values, companions = value or [], companion or []
    return [
        Element(_at(values, place), _at(companions, place))
        for place in range(max(len(values), len(companions)))
    ]


def write(holder: JsonObject, slot: Slot, elements: list[Element]) -> None:
    """Put `elements` under the name of the slot; of none, the name goes.

    The lists of values and companions stay equally long, a gap being null; one that has only gaps goes.
    """
    values: list[Any] = [element.value for element in elements]
    companions: list[Any] = [element.companion for element in elements]
    _put(holder, slot.key, values, slot.is_list)
    _put(holder, _beside(slot), companions, slot.is_list)


def append(holder: JsonObject, slot: Slot, element: Element) -> None:
    """Add an element behind those of a list, in a time that does not depend on their number."""
    values = holder.get(slot.key)
    if (
        slot.is_list
        and isinstance(values, list)
        and _beside(slot) not in holder
        and element.companion is None
    ):
        values.append(element.value)
    else:
        write(holder, slot, [*read(holder, slot), element])


def _beside(slot: Slot) -> str:
    return "_" + slot.key


def _companion(holder: JsonObject, slot: Slot) -> Any:
    return holder.get(_beside(slot)) if slot.type in PRIMITIVES else None


def _at(items: list[Any], place: int) -> Any:
    return items[place] if place < len(items) else None


def _put(holder: JsonObject, key: str, items: list[Any], is_list: bool) -> None:
    if all(item is None for item in items):
        holder.pop(key, None)
    else:
        holder[key] = items if is_list else items[0]
