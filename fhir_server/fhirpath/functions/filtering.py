"""Filtering, projection and aggregates.  Spec: https://hl7.org/fhirpath/N1/#filtering-and-projection"""

from __future__ import annotations

from collections import deque

from fhir_server.fhirpath.environment import Evaluator, Scope
from fhir_server.fhirpath.functions.table import Function, each, lazy
from fhir_server.fhirpath.node import Items, Node
from fhir_server.fhirpath.singletons import boolean
from fhir_server.fhirpath.values import key


def _where(items: Items, scope: Scope, criteria: Evaluator) -> Items:
    return [item for item, found in each(items, scope, criteria) if boolean(found)]


def _select(items: Items, scope: Scope, projection: Evaluator) -> Items:
    out: Items = []
    for _, found in each(items, scope, projection):
        out.extend(found)
    scope.run.spend(len(out))
    return out


def _repeat(items: Items, scope: Scope, projection: Evaluator) -> Items:
    """Return everything that the projection finds, and finds in what it found, each once."""
    out: Items = []
    # An element of the tree is itself, however alike another looks; only computed values can repeat.
    seen: set[object] = set()
    waiting = deque(items)
    while waiting:
        for _, found in each([waiting.popleft()], scope, projection):
            for item in found:
                mark = _place(item)
                if mark not in seen:
                    seen.add(mark)
                    out.append(item)
                    waiting.append(item)
    return out


def _place(item: object) -> object:
    if type(item) is not Node:
        return key(item)
    return (id(item.value), item.path) if type(item.value) is dict else ("node", item.path, key(item))


def _aggregate(items: Items, scope: Scope, step: Evaluator, start: Evaluator | None = None) -> Items:
    scope.run.spend(len(items))
    inner = Scope([], scope.run, -1, start(scope) if start is not None else [])
    for index, item in enumerate(items):
        inner.focus = [item]
        inner.index = index
        inner.total = step(inner)
    return inner.total or []


FUNCTIONS = (
    Function("where", lazy(_where), 1, 1),
    Function("select", lazy(_select), 1, 1),
    Function("repeat", lazy(_repeat), 1, 1),
    Function("aggregate", lazy(_aggregate), 1, 2),
)
