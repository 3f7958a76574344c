"""Steps from an element to the elements inside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_server.fhirpath.environment import Run
from fhir_server.fhirpath.node import Items, Node, resource_type
from fhir_server.fhirpath.types import PRIMITIVES, Slot, TypeModel, type_of_suffix

Step = Callable[[Items, Run], Items]


def member(name: str, model: TypeModel) -> Step:
    """Return the step `.name`: the elements of that name of every item, in order."""
    plans: dict[str, tuple[Slot, ...]] = {}
    untyped = (Slot(name, name, "", False),)

    def step(items: Items, run: Run) -> Items:
        out: Items = []
        if not items:
            return out
        run.spend(len(items))
        for item in items:
            if type(item) is not Node:
                continue
            plan = plans.get(item.type)
            if plan is None:
                plan = model.slots(item.type, name) if item.type else untyped
                # Types without the element are not kept: data can name as many as it likes.
                if plan:
                    plans[item.type] = plan
            value = item.value
            if type(value) is not dict:
                # A primitive: its id and extensions stand in the `_name` sibling.
                value = item.sibling
                if value is None:
                    continue
            for slot in plan:
                add_slot(item, value, slot, out)
        return out

    return step


def children(item: Node, run: Run) -> Items:
    """Return the elements directly inside, in the order of the JSON."""
    holder = item.value if type(item.value) is dict else item.sibling
    out: Items = []
    if holder is None:
        return out
    run.spend(len(holder))
    seen = set()
    for written in holder:
        key = written[1:] if written.startswith("_") else written
        slot = run.model.slot(item.type, key) if key not in seen and key != "resourceType" else None
        seen.add(key)
        if slot is not None:
            add_slot(item, holder, slot, out)
    return out


def add_slot(parent: Node, holder: dict[str, Any], slot: Slot, out: Items) -> None:
    """Append the nodes of one JSON property to `out`."""
    key, kind = slot.key, slot.type
    found = holder.get(key)
    if kind in PRIMITIVES:
        sibling = holder.get("_" + key)
        if sibling is not None:
            _add_primitive(parent, found, sibling, slot, out)
            return
    elif not kind:
        _add_untyped(parent, holder, slot, out)
        return
    if found is None:
        return
    element = slot.element
    is_any = kind == "Resource"
    if type(found) is list:
        for index, value in enumerate(found):
            out.append(Node(value, (is_any and resource_type(value)) or kind, parent, element, index))
    else:
        out.append(Node(found, (is_any and resource_type(found)) or kind, parent, element))


def _add_primitive(parent: Node, found: Any, sibling: Any, slot: Slot, out: Items) -> None:
    if type(found) is not list and type(sibling) is not list:
        out.append(Node(found, slot.type, parent, slot.element, -1, sibling))
        return
    values = found if type(found) is list else []
    siblings = sibling if type(sibling) is list else []
    for index in range(max(len(values), len(siblings))):
        value = values[index] if index < len(values) else None
        beside = siblings[index] if index < len(siblings) else None
        if value is not None or beside is not None:
            out.append(Node(value, slot.type, parent, slot.element, index, beside))


def _add_untyped(parent: Node, holder: dict[str, Any], slot: Slot, out: Items) -> None:
    """Without a type model the JSON itself tells: a list is a list, `valueQuantity` is a Quantity."""
    key = slot.key
    if key in holder or "_" + key in holder:
        found, sibling = holder.get(key), holder.get("_" + key)
        if sibling is not None:
            _add_primitive(parent, found, sibling, slot, out)
        else:
            values = enumerate(found) if type(found) is list else ((-1, found),)
            for index, value in values:
                out.append(Node(value, resource_type(value), parent, key, index))
        return
    for written in holder:
        suffix = written[len(key) :]
        if written.startswith(key) and suffix[:1].isupper():
            kind = type_of_suffix(suffix)
            add_slot(parent, holder, Slot(written, key, kind, False), out)
