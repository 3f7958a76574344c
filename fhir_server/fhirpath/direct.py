"""Plain paths as direct access to the JSON, for one type of root.

Search expressions are paths with choices, `where` and unions.  Once the type of the root is known, every
step of such a path is a JSON key known beforehand, and the branches of a union that start at other types
fall away.  What is more than that is left to the general evaluator, which gives the same results.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.syntax import Call, Expression, Literal, Member, TypeTest, Union
from fhir_server.fhirpath.types import (
    PRIMITIVES,
    QUANTITIES,
    SYSTEM_OF_PRIMITIVE,
    Slot,
    TypeModel,
    chosen_type,
)
from fhir_server.fhirpath.values import equal_items, same_trees
from fhir_server.model.reference import parse_reference

Pair = tuple[Any, str]
"""A raw JSON value (None: a primitive with extensions only) and its FHIR type."""

Emitter = Callable[[Any, list[Pair]], None]
"""Appends what it finds in a raw value."""

# Types that are compared by what they mean, not by how they are written.
_CONVERTED = QUANTITIES | {"date", "dateTime", "instant", "time"}

_Next = Callable[[str], Emitter | None]
"""Given a type, the rest of the path; None where it can find nothing there."""


class NotDirect(Exception):
    """The expression, or the data at hand, needs the general evaluator."""


def direct(expression: Expression, root: str, model: TypeModel) -> Emitter:
    """Return the emitter for resources of type `root`.

    Raises NotDirect where the expression is no plain path; the emitter itself may raise NotDirect, or
    AttributeError and TypeError for data that does not have the shape of its type.
    """
    parts = expression.parts if isinstance(expression, Union) else (expression,)
    reader = _Reader(root, model)
    emitters = [emitter for part in parts if (emitter := reader.path(part, _leaf)) is not None]
    if len(emitters) == 1:
        return emitters[0]

    def emit(value: Any, out: list[Pair]) -> None:
        for emitter in emitters:
            emitter(value, out)

    return emit


def distinct_pairs(pairs: list[Pair]) -> list[Pair] | None:
    """Return the pairs without repeats, None where that needs more than the raw values."""
    kept: list[Pair] = []
    for value, kind in pairs:
        if value is None:
            return None
        if not any(_is_same(value, kind, other, other_kind) for other, other_kind in kept):
            kept.append((value, kind))
    return kept


def _is_same(value: Any, kind: str, other: Any, other_kind: str) -> bool:
    if kind in _CONVERTED or other_kind in _CONVERTED:
        return equal_items(Node(value, kind), Node(other, other_kind)) is True
    return same_trees(value, other)


class _Reader:
    """Turns paths into emitters, from their last step to their first."""

    __slots__ = ("_model", "_root")

    def __init__(self, root: str, model: TypeModel) -> None:
        self._root = root
        self._model = model

    def path(self, node: Expression | None, then: _Next) -> Emitter | None:
        """Return the emitter of a path whose results go on to `then`."""
        match node:
            case None:
                return then(self._root)
            case Member(None, name) if self._is_root(name):
                return then(self._root)
            case Member(source, name):
                return self.path(source, lambda kind: self._step(kind, name, then))
            case TypeTest("as" | "ofType", source, wanted) if wanted.namespace != "System":
                chosen = chosen_type(wanted.name, wanted.namespace)
                return self.path(source, lambda kind: then(kind) if self._is_a(kind, chosen) else None)
            case Call(source, "where", (criteria,)):
                return self.path(source, lambda kind: self._where(kind, criteria, then))
            case Call(source, "extension", (Literal(str(url)),)):
                return self.path(source, lambda kind: _extension(kind, url, then))
        raise NotDirect

    def _is_root(self, name: str) -> bool:
        return name[:1].isupper() and self._model.has_type(name) and self._model.is_subtype(self._root, name)

    def _is_a(self, kind: str, wanted: str) -> bool:
        return kind == wanted or (wanted not in PRIMITIVES and self._model.is_subtype(kind, wanted))

    def _step(self, kind: str, name: str, then: _Next) -> Emitter | None:
        if kind in PRIMITIVES:
            raise NotDirect
        steps = []
        for slot in self._model.slots(kind, name):
            if not slot.type or slot.type == "Resource":
                raise NotDirect
            rest = then(slot.type)
            if rest is not None:
                steps.append((_primitive if slot.type in PRIMITIVES else _complex)(slot, rest))
        return _all(steps)

    def _where(self, kind: str, criteria: Expression, then: _Next) -> Emitter | None:
        rest = then(kind)
        match criteria:
            case TypeTest("is", Call(None, "resolve", ()), wanted) if kind == "Reference":
                return None if rest is None else _where_target(wanted.name, rest)
            case Call(None, "hasExtension", (Literal(str(url)),)) if kind not in PRIMITIVES:
                return None if rest is None else _where_extension(url, rest)
            case _:
                key, wanted_text = self._equality(kind, criteria)
                return None if rest is None else _where_equal(key, wanted_text, rest)

    def _equality(self, kind: str, criteria: Expression) -> tuple[str, str]:
        left, right = getattr(criteria, "left", None), getattr(criteria, "right", None)
        if getattr(criteria, "operator", None) == "=" and isinstance(left, Member) and left.source is None:
            slots = self._model.slots(kind, left.name) if kind not in PRIMITIVES else ()
            text = right.value if isinstance(right, Literal) else None
            is_text = len(slots) == 1 and SYSTEM_OF_PRIMITIVE.get(slots[0].type) == "String"
            if is_text and isinstance(text, str) and not slots[0].is_list:
                return slots[0].key, text
        raise NotDirect


def _leaf(kind: str) -> Emitter:
    return lambda value, out: out.append((value, kind))


def _all(steps: list[Emitter]) -> Emitter | None:
    if len(steps) < 2:
        return steps[0] if steps else None

    def emit(value: Any, out: list[Pair]) -> None:
        for step in steps:
            step(value, out)

    return emit


def _complex(slot: Slot, rest: Emitter) -> Emitter:
    key = slot.key
    if slot.is_list:

        def emit_each(holder: Any, out: list[Pair]) -> None:
            found = holder.get(key)
            if found is not None:
                for each in found:
                    rest(each, out)

        return emit_each

    def emit(holder: Any, out: list[Pair]) -> None:
        found = holder.get(key)
        if found is not None:
            rest(found, out)

    return emit


def _primitive(slot: Slot, rest: Emitter) -> Emitter:
    key, beside, is_list = slot.key, "_" + slot.key, slot.is_list

    def emit(holder: Any, out: list[Pair]) -> None:
        found = holder.get(key)
        if is_list:
            if beside in holder:
                raise NotDirect
            for each in found or ():
                rest(each, out)
        elif found is not None or beside in holder:
            rest(found, out)

    return emit


def _extension(kind: str, url: str, then: _Next) -> Emitter | None:
    rest = then("Extension")
    if kind in PRIMITIVES:
        raise NotDirect
    return None if rest is None else _each_extension(url, rest)


def _each_extension(url: str, rest: Emitter) -> Emitter:
    def emit(holder: Any, out: list[Pair]) -> None:
        for each in holder.get("extension") or ():
            if each.get("url") == url:
                rest(each, out)

    return emit


def _where_extension(url: str, rest: Emitter) -> Emitter:
    def emit(holder: Any, out: list[Pair]) -> None:
        if any(each.get("url") == url for each in holder.get("extension") or ()):
            rest(holder, out)

    return emit


def _where_equal(key: str, wanted: str, rest: Emitter) -> Emitter:
    def emit(holder: Any, out: list[Pair]) -> None:
        if holder.get(key) == wanted:
            rest(holder, out)

    return emit


def _where_target(wanted: str, rest: Emitter) -> Emitter:
    def emit(holder: Any, out: list[Pair]) -> None:
        text = holder.get("reference")
        named = holder.get("type") if text is None else _named_type(text)
        if named is None and text is not None:
            raise NotDirect
        if named == wanted:
            rest(holder, out)

    return emit


@lru_cache(maxsize=4096)
def _named_type(text: str) -> str | None:
    return parse_reference(text).type
