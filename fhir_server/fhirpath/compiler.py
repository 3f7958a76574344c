"""Syntax to closures: every node of the syntax becomes one Python function of a Scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fhir_server.fhirpath.arithmetic import signed
from fhir_server.fhirpath.environment import Evaluator, Scope
from fhir_server.fhirpath.errors import FhirPathSyntaxError
from fhir_server.fhirpath.functions import FUNCTIONS
from fhir_server.fhirpath.navigation import member
from fhir_server.fhirpath.node import Items, Node
from fhir_server.fhirpath.operators import OPERATORS
from fhir_server.fhirpath.singletons import integer
from fhir_server.fhirpath.sorting import sort
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
from fhir_server.fhirpath.type_tests import type_test
from fhir_server.fhirpath.types import TypeModel
from fhir_server.fhirpath.values import distinct
from fhir_server.fhirpath.variables import variable


@dataclass(frozen=True, slots=True)
class Builder:
    """What compiling needs to know; `single_as` makes `as` refuse collections, as the letter says."""

    model: TypeModel
    single_as: bool

    def build(self, expression: Expression) -> Evaluator:
        """Return the evaluator of one node.  Raises FhirPathSyntaxError for unknown functions and types."""
        return _BUILDERS[type(expression)](self, expression)

    def source(self, expression: Expression | None) -> Evaluator:
        """Return the evaluator of what stands before the dot; at the head that is `$this`."""
        return _focus if expression is None else self.build(expression)


def _focus(scope: Scope) -> Items:
    return scope.focus


def _literal(_: Builder, node: Literal) -> Evaluator:
    items = [] if node.value is None else [node.value]
    return lambda _: items


def _variable(_: Builder, node: Variable) -> Evaluator:
    return variable(node)


def _member(builder: Builder, node: Member) -> Evaluator:
    step = member(node.name, builder.model)
    if node.source is not None:
        source = builder.build(node.source)
        return lambda scope: step(source(scope), scope.run)
    if not _names_type(node.name, builder.model):
        return lambda scope: step(scope.focus, scope.run)
    return _head(node.name, builder.model)


def _head(name: str, model: TypeModel) -> Evaluator:
    """A type's name at the head of a path stands for the focus itself, if that is of the type."""

    def is_meant(item: Any) -> bool:
        return type(item) is Node and (item.type == name or model.is_subtype(item.type, name))

    return lambda scope: [item for item in scope.focus if is_meant(item)]


def _call(builder: Builder, node: Call) -> Evaluator:
    if node.name == "sort":
        return _sort(builder, node)
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise FhirPathSyntaxError(node.position, f"there is no function {node.name}()")
    given = len(node.arguments)
    if not function.least <= given <= function.most:
        allowed = f"{function.least}" + (f" to {function.most}" if function.most > function.least else "")
        raise FhirPathSyntaxError(
            node.position, f"{node.name}() takes {allowed} arguments, {given} are given"
        )
    arguments = tuple(builder.build(argument) for argument in node.arguments)
    return function.make(builder.source(node.source), arguments)


def _sort(builder: Builder, node: Call) -> Evaluator:
    keys = []
    for argument in node.arguments:
        descending = isinstance(argument, Unary) and argument.operator == "-"
        operand = argument.operand if isinstance(argument, Unary) and descending else argument
        keys.append((builder.build(operand), descending))
    return sort(builder.source(node.source), tuple(keys))


_EMPTY_OF_EMPTY = frozenset(
    {"where", "select", "extension", "resolve", "first", "last", "tail", "skip", "take"}
)


def _head_type(expression: Expression, model: TypeModel) -> str | None:
    """Return the type name that a path starts from, None where it starts otherwise.

    The path gives nothing when it starts from nothing: a `count()`, say, would give 0.
    """
    node: Expression | None = expression
    while isinstance(node, Member | Call | Index | TypeTest):
        if isinstance(node, Call) and node.name not in _EMPTY_OF_EMPTY:
            return None
        if isinstance(node, Member) and node.source is None and _names_type(node.name, model):
            return node.name
        node = node.source
    return None


def _names_type(name: str, model: TypeModel) -> bool:
    return name[:1].isupper() and model.has_type(name)


def _index(builder: Builder, node: Index) -> Evaluator:
    source, index = builder.build(node.source), builder.build(node.index)

    def evaluate(scope: Scope) -> Items:
        items, wanted = source(scope), integer(index(scope))
        return [] if wanted is None or wanted < 0 else items[wanted : wanted + 1]

    return evaluate


def _unary(builder: Builder, node: Unary) -> Evaluator:
    operand, operator = builder.build(node.operand), node.operator
    return lambda scope: signed(operator, operand(scope))


def _binary(builder: Builder, node: Binary) -> Evaluator:
    return OPERATORS[node.operator](builder.build(node.left), builder.build(node.right))


def _union(builder: Builder, node: Union) -> Evaluator:
    model = builder.model
    parts = tuple((_head_type(part, model), builder.build(part)) for part in node.parts)
    every = tuple(part for _, part in parts)
    by_focus: dict[str, tuple[Evaluator, ...]] = {}

    def alive(focus: Items) -> tuple[Evaluator, ...]:
        """Leave out the parts that start from another type: search expressions have dozens."""
        kind = focus[0].type if len(focus) == 1 and type(focus[0]) is Node else ""
        if kind not in by_focus:
            if not model.has_type(kind):
                return every
            by_focus[kind] = tuple(
                part for head, part in parts if head is None or model.is_subtype(kind, head)
            )
        return by_focus[kind]

    def evaluate(scope: Scope) -> Items:
        out: Items = []
        for part in alive(scope.focus):
            out.extend(part(scope))
        scope.run.spend(len(out))
        return distinct(out) if len(out) > 1 else out

    return evaluate


def _type_test(builder: Builder, node: TypeTest) -> Evaluator:
    single = node.operator == "is" or (builder.single_as and node.operator == "as")
    return type_test(node, builder.model, builder.source, single)


_BUILDERS: Mapping[type, Callable[[Builder, Any], Evaluator]] = MappingProxyType(
    {
        Literal: _literal,
        Variable: _variable,
        Member: _member,
        Call: _call,
        Index: _index,
        Unary: _unary,
        Binary: _binary,
        Union: _union,
        TypeTest: _type_test,
    }
)
