"""`sort(keys…)`.  Spec: https://hl7.org/fhirpath/2025Jan/#sort"""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any

from fhir_server.fhirpath.environment import Evaluator, Scope
from fhir_server.fhirpath.functions.table import each
from fhir_server.fhirpath.node import Items
from fhir_server.fhirpath.singletons import single
from fhir_server.fhirpath.values import compare

Keys = tuple[tuple[Evaluator, bool], ...]
"""Evaluators of the keys, each with whether it sorts downwards."""

_Row = tuple[Any, tuple[Any, ...]]


def sort(source: Evaluator, keys: Keys) -> Evaluator:
    """Return the evaluator of a sort; without keys the items themselves are ordered.

    An item without a key comes first, in either direction.
    """
    directions = tuple(descending for _, descending in keys) or (False,)

    def order(left: _Row, right: _Row) -> int:
        for mine, other, descending in zip(left[1], right[1], directions):
            if mine is None or other is None:
                if mine is not other:
                    return -1 if mine is None else 1
            elif result := compare(mine, other):
                return -result if descending else result
        return 0

    def evaluate(scope: Scope) -> Items:
        items = source(scope)
        columns = [[single(found) for _, found in each(items, scope, key)] for key, _ in keys] or [items]
        rows = list(zip(items, zip(*columns)))
        return [item for item, _ in sorted(rows, key=cmp_to_key(order))]

    return evaluate
