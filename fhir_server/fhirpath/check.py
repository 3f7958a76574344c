"""What is wrong with an expression by its types alone: elements that do not exist, types that cannot be.

Evaluation is lenient (such a path is empty); whoever accepts definitions from others asks here first.
Spec: https://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.fhirpath.parser import parse
from fhir_server.fhirpath.syntax import (
    Binary,
    Call,
    Expression,
    Index,
    Literal,
    Member,
    TypeTest,
    Unary,
    Union,
    Variable,
)  # fmt: skip
from fhir_server.fhirpath.types import PRIMITIVES, SYSTEM_OF_PRIMITIVE, TypeModel, chosen_type
from fhir_server.fhirpath.values import system_type

Types = frozenset[str] | None
"""Types that a collection can have; None where that is not known."""

_BOOLEAN: Types = frozenset({"System.Boolean"})
_ABSTRACT = frozenset({"", "Resource", "DomainResource", "Element", "BackboneElement"})
_SAME = frozenset({
    "where", "first", "last", "tail", "skip", "take", "single", "trace", "distinct", "exclude", "intersect",
    "sort", "checkModifiers",
})  # fmt: skip
_LAMBDAS = frozenset({"where", "select", "repeat", "exists", "all", "aggregate", "trace", "sort"})
_ORDERED = frozenset({"first", "last", "tail", "skip", "take"})
_UNORDERED = frozenset({"children", "descendants", "repeat"})
_ON_TEXT = frozenset({
    "startsWith", "endsWith", "contains", "substring", "indexOf", "lastIndexOf", "matches", "matchesFull",
    "replace", "replaceMatches", "upper", "lower", "length", "toChars", "trim", "split",
})  # fmt: skip
_TRUTHS = frozenset({
    "exists", "empty", "all", "allTrue", "anyTrue", "allFalse", "anyFalse", "not", "subsetOf", "supersetOf",
    "isDistinct", "hasValue", "hasExtension", "startsWith", "endsWith", "contains", "matches",
    "matchesFull", "conformsTo", "memberOf",
})  # fmt: skip
_LOGIC = frozenset(
    {"=", "!=", "~", "!~", "<", ">", "<=", ">=", "in", "contains", "and", "or", "xor", "implies"}
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that can never be right; `position` counts characters from 0."""

    position: int
    message: str


def check(expression: str, root: str, types: TypeModel) -> list[Fault]:
    """Return what is wrong with an expression over elements of type `root`, nothing if all may be well.

    Raises FhirPathSyntaxError.
    """
    checker = _Checker(types)
    checker.infer(parse(expression), frozenset({root}))
    return checker.faults


class _Checker:
    """Infers types from the leaves up and notes faults on the way."""

    __slots__ = ("_model", "faults")

    def __init__(self, model: TypeModel) -> None:
        self._model = model
        self.faults: list[Fault] = []

    def infer(self, node: Expression | None, focus: Types) -> Types:
        """Return the types that `node` can have where `$this` has the types of `focus`."""
        match node:
            case None | Variable("$this"):
                return focus
            case Literal(value):
                return frozenset() if value is None else frozenset({f"System.{system_type(value)}"})
            case Member():
                return self._member(node, focus)
            case Call():
                return self._call(node, focus)
            case TypeTest():
                return self._type_test(node, focus)
            case Union(parts):
                return _joined([self.infer(part, focus) for part in parts])
            case Index(source, index):
                self._needs_order(source, node.position)
                self.infer(index, focus)
                return self.infer(source, focus)
            case Unary(_, operand):
                return self.infer(operand, focus)
            case Binary(operator, left, right):
                self.infer(left, focus)
                self.infer(right, focus)
                return _BOOLEAN if operator in _LOGIC else None
        return None

    def _fault(self, position: int, message: str) -> None:
        self.faults.append(Fault(position, message))

    def _member(self, node: Member, focus: Types) -> Types:
        name = node.name
        if node.source is None and name[:1].isupper() and self._model.has_type(name):
            return self._head(node, focus)
        source = self.infer(node.source, focus)
        if source is None or not source or source & _ABSTRACT:
            return None
        found = frozenset(slot.type for kind in source for slot in self._model.slots(kind, name))
        if not found:
            self._fault(node.position, f"{' or '.join(sorted(source))} has no element {name}")
            return None
        return None if found & _ABSTRACT else found

    def _head(self, node: Member, focus: Types) -> Types:
        if focus is None or focus & _ABSTRACT:
            return frozenset({node.name})
        kept = frozenset(kind for kind in focus if self._model.is_subtype(kind, node.name))
        if not kept:
            self._fault(node.position, f"{node.name} is not what the expression starts from")
            return None
        return kept

    def _type_test(self, node: TypeTest, focus: Types) -> Types:
        source = self.infer(node.source, focus)
        if node.operator == "is":
            return _BOOLEAN
        wanted = chosen_type(node.type.name, node.type.namespace)
        possible = source is None or any(self._can_be(kind, wanted) for kind in source)
        if not possible and source:
            self._fault(node.type.position, f"{' or '.join(sorted(source))} is never a {wanted}")
        return frozenset({wanted})

    def _can_be(self, kind: str, wanted: str) -> bool:
        if kind in _ABSTRACT or kind.startswith("System."):
            return True
        return self._model.is_subtype(kind, wanted) or self._model.is_subtype(wanted, kind)

    def _call(self, node: Call, focus: Types) -> Types:
        source = self.infer(node.source, focus)
        inner = source if node.name in _LAMBDAS or (node.name == "iif" and node.source is not None) else focus
        arguments = [self.infer(argument, inner) for argument in node.arguments]
        if node.name in _ORDERED:
            self._needs_order(node.source, node.position)
        if node.name in _ON_TEXT and source and not any(map(_is_text, source)):
            self._fault(node.position, f"{node.name}() needs a string, not {' or '.join(sorted(source))}")
        if node.name in _TRUTHS:
            return _BOOLEAN
        if node.name in _SAME:
            return source
        if node.name == "select" and arguments:
            return arguments[0]
        if node.name == "extension":
            return frozenset({"Extension"})
        return self._condition(node, arguments) if node.name == "iif" else None

    def _condition(self, node: Call, arguments: list[Types]) -> Types:
        if arguments and arguments[0] and not any(map(_is_boolean, arguments[0])):
            self._fault(node.position, "the criterion of iif() is no Boolean")
        return _joined(arguments[1:])

    def _needs_order(self, source: Expression | None, position: int) -> None:
        if isinstance(source, Call) and source.name in _UNORDERED:
            self._fault(position, f"what {source.name}() returns has no order")


def _joined(parts: list[Types]) -> Types:
    known = [part for part in parts if part is not None]
    return frozenset().union(*known) if len(known) == len(parts) else None


def _is_text(kind: str) -> bool:
    return kind in PRIMITIVES or kind in _ABSTRACT or kind == "System.String"


def _is_boolean(kind: str) -> bool:
    return kind in _ABSTRACT or "Boolean" in (SYSTEM_OF_PRIMITIVE.get(kind), kind.removeprefix("System."))
