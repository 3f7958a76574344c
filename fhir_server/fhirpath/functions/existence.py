"""Existence.  Spec: https://hl7.org/fhirpath/N1/#existence"""

from __future__ import annotations

from fhir_server.fhirpath.environment import Evaluator, Scope
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.table import Function, each, lazy, whole
from fhir_server.fhirpath.node import Items, system
from fhir_server.fhirpath.singletons import boolean
from fhir_server.fhirpath.values import distinct, key, type_label


def _exists(items: Items, scope: Scope, criteria: Evaluator | None = None) -> Items:
    if criteria is None:
        return [bool(items)]
    return [any(boolean(found) for _, found in each(items, scope, criteria))]


def _all(items: Items, scope: Scope, criteria: Evaluator) -> Items:
    return [all(boolean(found) for _, found in each(items, scope, criteria))]


def _booleans(items: Items) -> list[bool]:
    values = [system(item) for item in items]
    for item, value in zip(items, values):
        if type(value) is not bool:
            raise FhirPathError(f"Booleans are needed here, not {type_label(item)}")
    return values


def _subset(items: Items, others: Items) -> bool:
    allowed = {key(other) for other in others}
    return all(key(item) in allowed for item in items)


def _not(items: Items) -> Items:
    value = boolean(items)
    return [] if value is None else [not value]


FUNCTIONS = (
    Function("empty", whole(lambda items: [not items])),
    Function("exists", lazy(_exists), most=1),
    Function("all", lazy(_all), 1, 1),
    Function("allTrue", whole(lambda items: [all(_booleans(items))])),
    Function("anyTrue", whole(lambda items: [any(_booleans(items))])),
    Function("allFalse", whole(lambda items: [not any(_booleans(items))])),
    Function("anyFalse", whole(lambda items: [not all(_booleans(items))])),
    Function("subsetOf", whole(lambda items, others: [_subset(items, others)]), 1, 1),
    Function("supersetOf", whole(lambda items, others: [_subset(others, items)]), 1, 1),
    Function("count", whole(lambda items: [len(items)])),
    Function("distinct", whole(distinct)),
    Function("isDistinct", whole(lambda items: [len(distinct(items)) == len(items)])),
    Function("not", whole(_not)),
)
