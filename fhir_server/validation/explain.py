"""The slow path: the same slots again, to say where and why.

It runs only after a no of the happy path, so that it may build paths and texts freely.  Texts name
elements and rules, never values that could be personal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from fhir_server.model.outcome import Issue
from fhir_server.validation.contained import local_resources
from fhir_server.validation.report import Report, json_word, step
from fhir_server.validation.shapes import MAX_DEPTH, AnyResource, Local, Primitive, Rule, Shape, Slot

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]{0,31}\Z")
_LONGEST_NAME = 64


class Explainer:
    """One walk over one resource.  `twin` is the shape of `_name`, the id and extensions of a primitive."""

    __slots__ = ("_report", "_twin")

    def __init__(self, report: Report, twin: Shape) -> None:
        self._report = report
        self._twin = twin

    def shape(self, shape: Shape, node: Any, path: str, local: Local, depth: int) -> None:
        """Report what is wrong with an object and all in it."""
        if not self._is_filled_object(node, path, depth):
            return
        before = len(self._report.issues)
        if len(node) == 1 and "id" in node:
            self._report.add(
                "empty-element", f"{path} has an id, but neither a value nor children (ele-1).", path
            )
        used: dict[int, list[Slot]] = {}
        for key, value in node.items():
            slot = self._member(shape, node, key, value, path, local, depth + 1)
            if slot is not None and slot.bit:
                used.setdefault(slot.bit, []).append(slot)
        self._counts(shape, used, path)
        if len(self._report.issues) == before:
            self._rules(shape.rules, node, path, local)

    def resource(self, place: AnyResource, node: Any, path: str, local: Local, depth: int) -> None:
        """Report what is wrong with a whole resource inside of another."""
        if not self._is_filled_object(node, path, depth):
            return
        issue = resource_type_issue(node, path, place.shape_of)
        if issue is not None:
            self._report.put(issue)
            return
        shape = place.shape_of(node["resourceType"])
        assert shape is not None
        if not place.contained:
            local = local_resources(node)
        before = len(self._report.issues)
        self.shape(shape, node, path, local, depth)
        if len(self._report.issues) == before:
            self._rules(place.rules, node, path, local)

    def _rules(self, rules: tuple[Rule, ...], node: dict[str, Any], path: str, local: Local) -> None:
        for rule in rules:
            for issue in rule.faults(node, path, local):
                self._report.put(issue)

    def _is_filled_object(self, node: Any, path: str, depth: int) -> bool:
        if type(node) is not dict:
            self._not_an_object(node, path)
        elif depth > MAX_DEPTH:
            self._report.add("too-deep", f"{path}: nested more than {MAX_DEPTH} deep.", path)
        elif not node:
            self._report.add("empty-element", f"{path} is an empty object; leave it out instead.", path)
        else:
            return True
        return False

    def _not_an_object(self, node: Any, path: str) -> None:
        if node is None:
            self._null(path)
        elif type(node) is list:
            self._single(path)
        else:
            self._report.add("wrong-type", f"{path} must be an object, not {json_word(node)}.", path)

    def _null(self, path: str) -> None:
        self._report.add("empty-element", f"{path} is null; leave it out instead.", path)

    def _single(self, path: str) -> None:
        self._report.add("cardinality", f"{path} must be a single value, not an array.", path)

    def _member(
        self, shape: Shape, node: dict[str, Any], key: str, value: Any, path: str, local: Local, depth: int
    ) -> Slot | None:
        """Report on one key; return the slot that it fills, `name` and `_name` the same one."""
        slot = shape.slots.get(key)
        if slot is not None:
            self._slot(slot, node, value, step(path, slot.element), local, depth)
            return slot
        slot = _twin_slot(shape, key)
        if slot is None:
            self._unknown(shape, key, path)
            return None
        self._twins(slot, node, value, step(path, slot.element), local, depth)
        return slot

    def _unknown(self, shape: Shape, key: str, path: str) -> None:
        place = step(path, key)
        if key[:1] == "_" and key[1:] in shape.slots:
            text = f"{place}: only a primitive has an underscore twin; put the extension inside `{key[1:]}`."
            self._report.add("unknown-element", text, place)
            return
        choice = next((slot for slot in shape.slots.values() if _is_other_choice(slot, key)), None)
        if choice is not None:
            self._foreign_choice(shape, choice, key, path)
            return
        close = get_close_matches(key[:_LONGEST_NAME], shape.slots, 1)
        hint = f" Did you mean `{close[0]}`?" if close else ""
        self._report.add("unknown-element", f"{place}: {shape.name} has no such element.{hint}", place)

    def _foreign_choice(self, shape: Shape, choice: Slot, key: str, path: str) -> None:
        prefix = len(choice.element)
        types = [slot.key[prefix:] for slot in shape.slots.values() if slot.element == choice.element]
        place = step(path, choice.element)
        text = f"{place} cannot be of the type that `{key}` names; allowed: {', '.join(types)}."
        self._report.add("wrong-type", text, place)

    def _slot(
        self, slot: Slot, node: dict[str, Any], value: Any, path: str, local: Local, depth: int
    ) -> None:
        if not slot.many:
            self._value(slot, value, path, local, depth)
            return
        if not self._is_array(slot, value, path):
            return
        twins = node.get("_" + slot.key) if isinstance(slot.holds, Primitive) else None
        for index, item in enumerate(value):
            if item is None and type(twins) is list and index < len(twins) and twins[index] is not None:
                continue
            self._value(slot, item, f"{path}[{index}]", local, depth + 1)

    def _is_array(self, slot: Slot, value: Any, path: str) -> bool:
        if value is None:
            self._null(path)
        elif type(value) is not list:
            self._report.add("cardinality", f"{path} can repeat, so it must be an array.", path)
        elif not value:
            self._report.add("empty-element", f"{path} is an empty array; leave it out instead.", path)
        elif len(value) < slot.min or (slot.max is not None and len(value) > slot.max):
            allowed = f"{slot.min}..{'*' if slot.max is None else slot.max}"
            self._report.add("cardinality", f"{path}: {len(value)} found, {allowed} allowed.", path)
        else:
            return True
        return False

    def _value(self, slot: Slot, value: Any, path: str, local: Local, depth: int) -> None:
        holds = slot.holds
        if isinstance(holds, Primitive):
            self._primitive(holds, value, path)
        elif isinstance(holds, AnyResource):
            self.resource(holds, value, path, local, depth)
        else:
            self.shape(holds, value, path, local, depth)

    def _primitive(self, primitive: Primitive, value: Any, path: str) -> None:
        if value is None:
            self._null(path)
        elif type(value) is list:
            self._single(path)
        elif type(value) not in primitive.kinds:
            self._wrong_kind(primitive, value, path)
        elif value == "":
            self._report.add("empty-element", f"{path} is an empty string; leave it out instead.", path)
        elif not primitive.accepts(value):
            self._report.add(primitive.situation, _form_text(primitive, value, path), path)

    def _wrong_kind(self, primitive: Primitive, value: Any, path: str) -> None:
        wanted = json_word(primitive.kinds[0]())
        text = f"{path} ({primitive.name}) must be {wanted} in JSON, not {json_word(value)}."
        self._report.add("wrong-type", text, path)

    def _twins(
        self, slot: Slot, node: dict[str, Any], value: Any, path: str, local: Local, depth: int
    ) -> None:
        values = node.get(slot.key)
        if not slot.many:
            self._twin_value(value, slot.key in node, path, local, depth)
            return
        if not self._is_array(slot, value, path):
            return
        if values is not None and (type(values) is not list or len(values) != len(value)):
            text = f"{path}: `{slot.key}` and `_{slot.key}` must be arrays of the same length."
            self._report.add("cardinality", text, path)
            return
        if all(item is None for item in value):
            self._report.add("empty-element", f"{path}: `_{slot.key}` holds nothing but null.", path)
            return
        for index, item in enumerate(value):
            has_primitive = values is not None and values[index] is not None
            if item is not None:
                self._twin_value(item, has_primitive, f"{path}[{index}]", local, depth + 1)
            elif values is None:
                self._null(f"{path}[{index}]")

    def _twin_value(self, value: Any, has_primitive: bool, path: str, local: Local, depth: int) -> None:
        if has_primitive and type(value) is dict and len(value) == 1 and "id" in value:
            self._value(self._twin.slots["id"], value["id"], f"{path}.id", local, depth)
        else:
            self.shape(self._twin, value, path, local, depth)

    def _counts(self, shape: Shape, used: Mapping[int, list[Slot]], path: str) -> None:
        for group in shape.groups:
            slots = used.get(group.bit, ())
            keys = dict.fromkeys(slot.key for slot in slots)
            if not keys and group.required:
                names = " or ".join(step(path, name) for name in group.elements)
                self._report.add("missing-element", f"{names} is missing.", step(path, group.elements[-1]))
            elif len(keys) > 1:
                listed = " and ".join(f"`{key}`" for key in keys)
                place = step(path, group.elements[-1])
                self._report.add("cardinality", f"{path} has {listed}; only one of them is allowed.", place)


def resource_type_issue(
    node: dict[str, Any], path: str, shape_of: Callable[[str], Shape | None]
) -> Issue | None:
    """Return what is wrong with `resourceType`, None if it names a resource type."""
    place = f"{path}.resourceType"
    name = node.get("resourceType")
    if name is None:
        return Issue("missing-element", f"{place} is missing: it says what the object is.", place)
    if type(name) is not str:
        return Issue("wrong-type", f"{place} must be a string, not {json_word(name)}.", place)
    if shape_of(name) is None:
        return Issue("illegal-value", f"{place} is not the name of a resource type of FHIR R4.", place)
    return None


def _twin_slot(shape: Shape, key: str) -> Slot | None:
    slot = shape.slots.get(key[1:]) if key.startswith("_") else None
    return slot if slot is not None and slot.has_twin else None


def _is_other_choice(slot: Slot, key: str) -> bool:
    """Return whether `key` looks like another type of the choice that `slot` belongs to."""
    if slot.key == slot.element:
        return False
    rest = key.removeprefix("_").removeprefix(slot.element)
    return (
        rest != key.removeprefix("_") and len(rest) <= _LONGEST_NAME and rest[:1].isupper() and rest.isalnum()
    )


def _form_text(primitive: Primitive, value: Any, path: str) -> str:
    if primitive.fault is not None:
        return f"{path} must be {primitive.form}: {primitive.fault(value)}."
    named = ""
    if primitive.situation == "code-not-in-value-set" and _CODE.match(value) is not None:
        named = f", not `{value}`"
    return f"{path} must be {primitive.form}{named}."
