"""FHIRPath Patch.  Spec: https://hl7.org/fhir/R4/fhirpatch.html"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fhir_server.fhirpath import (
    Environment,
    FhirPathError,
    FhirPathSyntaxError,
    Node,
    Slot,
    TypeModel,
    compile,
)
from fhir_server.interactions.patching import elements
from fhir_server.interactions.patching.elements import Element, JsonObject
from fhir_server.interactions.patching.operation import Operation, operations_of
from fhir_server.interactions.patching.part_values import PartValues, PatchFault
from fhir_server.model.exact_json import copy_of
from fhir_server.model.outcome import refuse

WORK = 1_000_000
"""Steps of FHIRPath that all operations of one patch share evenly."""


def apply_fhirpath_patch(types: TypeModel, tree: JsonObject, parameters: JsonObject) -> JsonObject:
    """Return `tree` with the operations of a valid Parameters resource applied in order; all or none.

    What an operation empties is removed.  Raises FhirError `malformed-patch` (the Parameters are no patch),
    `patch-failed` (it does not fit the tree) or `too-costly`, the expression being the place in the
    Parameters: `Parameters.parameter[2].part[1].value`.
    """
    operations = operations_of(parameters)
    patching = _Patching(types, copy_of(tree), WORK // max(len(operations), 1))
    for operation in operations:
        try:
            _HANDLERS[operation.type](patching, operation)
        except PatchFault as fault:
            where = f"Parameters.parameter[{operation.place}]{fault.place}"
            raise refuse(fault.situation, f"{where}: {fault.what}.", where) from None
    return patching.tree


@dataclass(frozen=True, slots=True)
class _List:
    """A whole list: the object that holds it, its slot and its elements."""

    holder: JsonObject
    slot: Slot
    elements: list[Element]

    def write(self) -> None:
        elements.write(self.holder, self.slot, self.elements)


class _Patching:
    """The tree as the operations so far have left it."""

    __slots__ = ("_values", "_work", "tree", "types")

    def __init__(self, types: TypeModel, tree: JsonObject, work: int) -> None:
        self.types = types
        self.tree = tree
        self._values = PartValues(types)
        self._work = work

    def nodes(self, operation: Operation) -> list[Node]:
        """Return the elements that the path of an operation names, each once."""
        place, text = operation.text("path")
        try:
            found = compile(text, types=self.types).evaluate_typed(
                self.tree, Environment(work_limit=self._work)
            )
        except FhirPathSyntaxError as error:
            what = f"the path is no FHIRPath expression, see its character {error.position + 1}"
            raise PatchFault("malformed-patch", place, what) from None
        except FhirPathError as error:
            raise PatchFault("patch-failed", place, f"the path cannot be evaluated: {error}") from None
        if not all(self._is_inside(node) for node in found):
            raise PatchFault("patch-failed", place, "the path names what is no element of the resource")
        return found

    def one(self, operation: Operation) -> Node:
        """Return the one element that the path names."""
        found = self.nodes(operation)
        if len(found) != 1:
            what = f"the path must name one element, it names {len(found) or 'none'}"
            raise PatchFault("patch-failed", operation.text("path")[0], what)
        return found[0]

    def whole_list(self, operation: Operation) -> _List:
        """Return the list of which the path names every element."""
        place, _ = operation.text("path")
        found = self.nodes(operation)
        if not found:
            raise PatchFault("patch-failed", place, "the path must name a list, it names nothing")
        first = found[0]
        if first.parent is None or first.index < 0:
            raise PatchFault("patch-failed", place, "the path must name a list")
        holder, slot = self.holder(first.parent), self.slot_of(first)
        present = elements.read(holder, slot)
        wanted = [index for index, element in enumerate(present) if not element.is_empty]
        is_whole = [node.index for node in found] == wanted and all(
            node.parent is not None and self.holder(node.parent) is holder for node in found
        )
        if not is_whole:
            raise PatchFault("patch-failed", place, "the path must name all elements of one list")
        return _List(holder, slot, present)

    def value(self, operation: Operation, slots: Sequence[Slot]) -> tuple[Slot, Element]:
        """Return the value of an operation as an element that fits one of `slots`."""
        place, part = operation.part("value")
        return self._values.element(part, place, slots)

    def slots(self, type_name: str, name: str) -> tuple[Slot, ...]:
        """Return the slots of a named element of a type."""
        return self._values.slots(type_name, name)

    def slot_of(self, node: Node) -> Slot:
        """Return the slot that an element, not the root, stands in."""
        assert node.parent is not None
        holder = self.holder(node.parent)
        return next(
            slot
            for slot in self.types.slots(node.parent.type, node.name)
            if elements.is_present(holder, slot)
        )

    def holder(self, node: Node) -> JsonObject:
        """Return the object that the elements inside of `node` stand in, of a primitive its companion."""
        if type(node.value) is dict:
            return node.value
        if node.sibling is None:
            assert node.parent is not None
            node.sibling = {}
            self._put(node, Element(node.value, node.sibling))
        return node.sibling

    def remove(self, node: Node) -> None:
        """Take an element out, and what is left empty by that."""
        assert node.parent is not None
        parent, holder = node.parent, self.holder(node.parent)
        slot = self.slot_of(node)
        present = elements.read(holder, slot)
        del present[max(node.index, 0)]
        elements.write(holder, slot, present)
        if holder or parent.parent is None:
            return
        if parent.sibling is holder and parent.value is not None:
            self._put(parent, Element(parent.value))
        else:
            self.remove(parent)

    def replace(self, node: Node, slot: Slot, element: Element) -> None:
        """Put another element in the place of `node`, under another name if its type is another one."""
        assert node.parent is not None
        former = self.slot_of(node)
        if slot.key == former.key:
            self._put(node, element)
        else:
            holder = self.holder(node.parent)
            elements.write(holder, former, [])
            elements.write(holder, slot, [element])

    def _put(self, node: Node, element: Element) -> None:
        assert node.parent is not None
        holder, slot = self.holder(node.parent), self.slot_of(node)
        present = elements.read(holder, slot)
        present[max(node.index, 0)] = element
        elements.write(holder, slot, present)

    def _is_inside(self, node: Node) -> bool:
        while node.parent is not None:
            node = node.parent
        return node.value is self.tree


def _add(patching: _Patching, operation: Operation) -> None:
    node = patching.one(operation)
    place, name = operation.text("name")
    slots = patching.slots(node.type, name)
    if not slots:
        raise PatchFault("patch-failed", place, f"{node.type} has no element of this name")
    holder = patching.holder(node)
    if not slots[0].is_list and any(elements.is_present(holder, slot) for slot in slots):
        raise PatchFault("patch-failed", place, "the element is there already, and can be only once")
    slot, element = patching.value(operation, slots)
    elements.append(holder, slot, element)


def _insert(patching: _Patching, operation: Operation) -> None:
    target = patching.whole_list(operation)
    place, index = operation.number("index")
    if not 0 <= index <= len(target.elements):
        raise PatchFault("patch-failed", place, f"the list has {len(target.elements)} elements")
    target.elements.insert(index, patching.value(operation, [target.slot])[1])
    target.write()


def _delete(patching: _Patching, operation: Operation) -> None:
    found = patching.nodes(operation)
    if not found:
        return  # an element that is not there is as good as deleted, says the specification
    node = patching.one(operation)
    _refuse_root(node, operation)
    patching.remove(node)


def _replace(patching: _Patching, operation: Operation) -> None:
    node = patching.one(operation)
    _refuse_root(node, operation)
    assert node.parent is not None
    slot, element = patching.value(operation, patching.types.slots(node.parent.type, node.name))
    patching.replace(node, slot, element)


def _move(patching: _Patching, operation: Operation) -> None:
    target = patching.whole_list(operation)
    bounds = range(len(target.elements))
    for name in ("source", "destination"):
        place, index = operation.number(name)
        if index not in bounds:
            raise PatchFault("patch-failed", place, f"the list has {len(bounds)} elements")
    element = target.elements.pop(operation.number("source")[1])
    target.elements.insert(operation.number("destination")[1], element)
    target.write()


def _refuse_root(node: Node, operation: Operation) -> None:
    if node.parent is None:
        raise PatchFault("patch-failed", operation.text("path")[0], "the path names the resource itself")


_HANDLERS: Mapping[str, Callable[[_Patching, Operation], Any]] = MappingProxyType(
    {"add": _add, "insert": _insert, "delete": _delete, "replace": _replace, "move": _move}
)
