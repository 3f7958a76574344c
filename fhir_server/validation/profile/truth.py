"""Conditions over raw JSON: the part of FHIRPath that most invariants are made of, without nodes.

`exists`, `empty`, `hasValue`, `not`, counts and comparisons with literals over plain paths, joined by `and`,
`or`, `xor` and `implies`.  Whatever is more is Undecided, and evaluated by the engine; an operand that
decides alone (`value.empty() or …`) leaves the other one unread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from fhir_server.fhirpath import FhirPathSyntaxError, TypeModel
from fhir_server.fhirpath.direct import Emitter, NotDirect, Pair, direct
from fhir_server.fhirpath.parser import parse
from fhir_server.fhirpath.syntax import (
    Binary,
    Call,
    Expression,
    Index,
    Literal,
    Member,
    TypeTest,
    Union,
    Variable,
)
from fhir_server.fhirpath.types import PRIMITIVES, SYSTEM_OF_PRIMITIVE

Truth: TypeAlias = Callable[[Any], bool | None]
"""Raw value of the element → the condition; None for the empty collection.  Raises Undecided."""


class Undecided(Exception):
    """The engine has to say."""


def truth_of(expression: str, kind: str, model: TypeModel) -> Truth | None:
    """Return the condition over raw values of type `kind`; None where the engine has to say it all."""
    if kind in PRIMITIVES:
        return None
    try:
        truth = _Reader(kind, model).truth(parse(expression))
    except FhirPathSyntaxError:
        return None
    return None if truth is _undecided else truth


def _undecided(_value: Any) -> bool | None:
    raise Undecided


class _Reader:
    """Turns the syntax of a condition into closures over raw values of one type."""

    __slots__ = ("_kind", "_model")

    def __init__(self, kind: str, model: TypeModel) -> None:
        self._kind = kind
        self._model = model

    def truth(self, node: Expression) -> Truth:
        match node:
            case Literal(bool(value)):
                return lambda _: value
            case Binary(operator, left, right) if operator in _JOINED:
                mine, other = self.truth(left), self.truth(right)
                if mine is _undecided and other is _undecided:
                    return _undecided
                return _JOINED[operator](mine, other)
            case Binary("=" | "!=" as operator, left, right):
                return self._equality(left, right, operator == "=")
            case Call(source, "not", ()) if source is not None:
                inner = self.truth(source)
                return _undecided if inner is _undecided else _not(inner)
            case Call(source, "exists" | "empty" | "hasValue" as name, ()) if source is not None:
                return self._presence(source, name)
            case Call(source, "exists", (criteria,)) if source is not None:
                return self._any(source, criteria)
        return _undecided

    def _presence(self, source: Expression, name: str) -> Truth:
        emit = self._path(source)
        if emit is None and isinstance(source, Call) and source.name == "where" and source.source is not None:
            found = self._any(source.source, source.arguments[0])
            if found is not _undecided:
                return found if name == "exists" else _not(found) if name == "empty" else _undecided
        if emit is None:
            return self._if_surely_empty(source, name == "empty")
        if name == "hasValue":
            return _has_one_value(emit)
        wanted = name == "exists"

        def holds(value: Any) -> bool:
            return bool(_pairs(emit, value)) is wanted

        return holds

    def _any(self, source: Expression, criteria: Expression) -> Truth:
        """Return whether the criteria hold for one of the elements of a plain path."""
        emit = self._path(source)
        if emit is None:
            return self._if_surely_empty(source, False)
        model = self._model
        by_kind: dict[str, Truth] = {}

        def holds(value: Any) -> bool:
            is_open = False
            for item, kind in _pairs(emit, value):
                if kind not in by_kind:
                    plain = kind not in PRIMITIVES
                    by_kind[kind] = _Reader(kind, model).truth(criteria) if plain else _undecided
                answer = _try(by_kind[kind], item)
                if answer is True:
                    return True
                is_open = is_open or answer is _OPEN
            if is_open:
                raise Undecided
            return False

        return holds

    def _equality(self, left: Expression, right: Expression, wanted: bool) -> Truth:
        text = _text(right)
        emit = self._path(left) if text is not None else None
        if emit is None:
            return _undecided
        return _equals(emit, text, wanted)

    def _path(self, node: Expression) -> Emitter | None:
        if isinstance(node, (Variable, Union)):
            return None
        try:
            return direct(node, self._kind, self._model)
        except NotDirect:
            return None

    def _if_surely_empty(self, node: Expression, answer: bool) -> Truth:
        """Return the answer for an element in which the path begins with nothing; else it is not decided."""
        is_empty = self._surely_empty(node)
        if is_empty is None:
            return _undecided

        def holds(value: Any) -> bool:
            if not is_empty(value):
                raise Undecided
            return answer

        return holds

    def _surely_empty(self, node: Expression) -> Callable[[Any], bool] | None:
        """Return whether the first step finds nothing, so that the path is empty whatever follows."""
        step: Expression | None = node
        while isinstance(step, Member | Call | Index | TypeTest):
            if isinstance(step, Call) and step.name not in _EMPTY_OF_EMPTY:
                return None
            if isinstance(step, Call) and step.source is None:
                return _lacks_extension(step)
            if isinstance(step, Member) and step.source is None:
                slots = self._model.slots(self._kind, step.name)
                return _lacks_keys(frozenset(key for slot in slots for key in (slot.key, "_" + slot.key)))
            step = step.source
        return None


_EMPTY_OF_EMPTY = frozenset({
    "where", "select", "resolve", "first", "last", "tail", "skip", "take", "extension", "ofType", "as",
    "intersect", "exclude", "repeat", "trace", "distinct", "children", "descendants",
})  # fmt: skip


def _lacks_keys(keys: frozenset[str]) -> Callable[[Any], bool] | None:
    return keys.isdisjoint if keys else None


def _lacks_extension(call: Call) -> Callable[[Any], bool] | None:
    """Whether an element has no extension of the url that `extension(url)` names."""
    url = _text(call.arguments[0]) if call.name == "extension" and call.arguments else None
    if url is None:
        return None

    def lacks(value: Any) -> bool:
        found = value.get("extension", []) if type(value) is dict else None
        if type(found) is not list or not all(type(each) is dict for each in found):
            raise Undecided
        return all(each.get("url") != url for each in found)

    return lacks


def _pairs(emit: Emitter, value: Any) -> list[Pair]:
    out: list[Pair] = []
    try:
        emit(value, out)
    except (NotDirect, AttributeError, TypeError):
        raise Undecided from None
    return out


def _has_one_value(emit: Emitter) -> Truth:
    def holds(value: Any) -> bool:
        found = _pairs(emit, value)
        return len(found) == 1 and found[0][0] is not None and found[0][1] in PRIMITIVES

    return holds


def _text(node: Expression) -> str | None:
    match node:
        case Literal(str(value)):
            return value
        case Variable("ucum"):
            return "http://unitsofmeasure.org"
        case Variable("loinc"):
            return "http://loinc.org"
        case Variable("sct"):
            return "http://snomed.info/sct"
    return None


def _equals(emit: Emitter, text: str | None, wanted: bool) -> Truth:
    def holds(value: Any) -> bool | None:
        found = _pairs(emit, value)
        if not found:
            return None
        if len(found) > 1:
            return not wanted
        item, kind = found[0]
        if SYSTEM_OF_PRIMITIVE.get(kind) != "String" or item is None:
            raise Undecided
        return (item == text) is wanted

    return holds


def _not(inner: Truth) -> Truth:
    def holds(value: Any) -> bool | None:
        found = inner(value)
        return None if found is None else not found

    return holds


def _or(left: Truth, right: Truth) -> Truth:
    def holds(value: Any) -> bool | None:
        mine = _try(left, value)
        if mine is True:
            return True
        other = right(value)
        if other is True:
            return True
        if mine is _OPEN:
            raise Undecided
        return None if mine is None or other is None else False

    return holds


def _and(left: Truth, right: Truth) -> Truth:
    def holds(value: Any) -> bool | None:
        mine = _try(left, value)
        if mine is False:
            return False
        other = right(value)
        if other is False:
            return False
        if mine is _OPEN:
            raise Undecided
        return None if mine is None or other is None else True

    return holds


def _implies(left: Truth, right: Truth) -> Truth:
    def holds(value: Any) -> bool | None:
        mine = _try(left, value)
        if mine is False:
            return True
        other = right(value)
        if other is True:
            return True
        if mine is _OPEN:
            raise Undecided
        return None if mine is None or other is None else False

    return holds


def _xor(left: Truth, right: Truth) -> Truth:
    def holds(value: Any) -> bool | None:
        mine, other = left(value), right(value)
        return None if mine is None or other is None else mine is not other

    return holds


_OPEN: Any = object()


def _try(truth: Truth, value: Any) -> Any:
    try:
        return truth(value)
    except Undecided:
        return _OPEN


_JOINED: Mapping[str, Callable[[Truth, Truth], Truth]] = MappingProxyType(
    {"and": _and, "or": _or, "implies": _implies, "xor": _xor}
)
