"""Binary operators but arithmetic.  Spec: https://hl7.org/fhirpath/N1/#operations"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from fhir_server.fhirpath.arithmetic import arithmetic, concatenate
from fhir_server.fhirpath.environment import Evaluator, Scope
from fhir_server.fhirpath.node import Items
from fhir_server.fhirpath.singletons import boolean, single, single_value
from fhir_server.fhirpath.values import compare, equal, equal_items, equivalent

Maker = Callable[[Evaluator, Evaluator], Evaluator]


def is_member(item: Items, collection: Items) -> Items:
    """Return `item in collection`."""
    wanted = single(item)
    if wanted is None:
        return []
    return [any(equal_items(wanted, other) for other in collection)]


def truth(value: bool | None) -> Items:
    """Return a truth value as a collection; None is the empty one."""
    return [] if value is None else [value]


def _plain(operation: Callable[[Items, Items], Items]) -> Maker:
    def make(left: Evaluator, right: Evaluator) -> Evaluator:
        return lambda scope: operation(left(scope), right(scope))

    return make


def _equality(operation: Callable[[Items, Items], bool | None], wanted: bool) -> Maker:
    def evaluate(left: Items, right: Items) -> Items:
        same = operation(left, right)
        return [] if same is None else [same is wanted]

    return _plain(evaluate)


def _ordering(accepts: Callable[[int], bool]) -> Maker:
    def evaluate(left: Items, right: Items) -> Items:
        mine, other = single_value(left), single_value(right)
        if mine is None or other is None:
            return []
        order = compare(mine, other)
        return [] if order is None else [accepts(order)]

    return _plain(evaluate)


def _and(left: Evaluator, right: Evaluator) -> Evaluator:
    def evaluate(scope: Scope) -> Items:
        mine = boolean(left(scope))
        if mine is False:
            return [False]
        other = boolean(right(scope))
        return [False] if other is False else truth(mine and other)

    return evaluate


def _or(left: Evaluator, right: Evaluator) -> Evaluator:
    def evaluate(scope: Scope) -> Items:
        mine = boolean(left(scope))
        if mine:
            return [True]
        other = boolean(right(scope))
        return [True] if other else truth(None if mine is None else other)

    return evaluate


def _implies(left: Evaluator, right: Evaluator) -> Evaluator:
    def evaluate(scope: Scope) -> Items:
        mine = boolean(left(scope))
        if mine is False:
            return [True]
        other = boolean(right(scope))
        return [True] if other else truth(None if mine is None else other)

    return evaluate


def _xor(left: Items, right: Items) -> Items:
    mine, other = boolean(left), boolean(right)
    return [] if mine is None or other is None else [mine is not other]


def _math(operator: str) -> Maker:
    return _plain(lambda left, right: arithmetic(operator, left, right))


OPERATORS: Mapping[str, Maker] = MappingProxyType(
    {
        "=": _equality(equal, True),
        "!=": _equality(equal, False),
        "~": _equality(equivalent, True),
        "!~": _equality(equivalent, False),
        "<": _ordering(lambda order: order < 0),
        ">": _ordering(lambda order: order > 0),
        "<=": _ordering(lambda order: order <= 0),
        ">=": _ordering(lambda order: order >= 0),
        "in": _plain(is_member),
        "contains": _plain(lambda collection, item: is_member(item, collection)),
        "and": _and,
        "or": _or,
        "xor": _plain(_xor),
        "implies": _implies,
        "&": _plain(concatenate),
        **{operator: _math(operator) for operator in ("+", "-", "*", "/", "div", "mod")},
    }
)
"""Operator → maker of its evaluator; unions and type operators are syntax of their own."""
