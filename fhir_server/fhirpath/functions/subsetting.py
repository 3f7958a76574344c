"""Subsetting and combining.  Spec: https://hl7.org/fhirpath/N1/#subsetting"""

from __future__ import annotations

from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.functions.table import Function, contextual, whole
from fhir_server.fhirpath.node import Items
from fhir_server.fhirpath.singletons import integer, single
from fhir_server.fhirpath.values import distinct, key


def _single(items: Items) -> Items:
    single(items)
    return items


def _skip(items: Items, count: Items) -> Items:
    many = integer(count)
    return [] if many is None else items[max(many, 0) :]


def _take(items: Items, count: Items) -> Items:
    many = integer(count)
    return [] if many is None else items[: max(many, 0)]


def _intersect(items: Items, others: Items) -> Items:
    kept = {key(other) for other in others}
    return [item for item in distinct(items) if key(item) in kept]


def _exclude(items: Items, others: Items) -> Items:
    dropped = {key(other) for other in others}
    return [item for item in items if key(item) not in dropped]


def _combine(items: Items, scope: Scope, others: Items) -> Items:
    scope.run.spend(len(items) + len(others))
    return items + others


def _union(items: Items, scope: Scope, others: Items) -> Items:
    return distinct(_combine(items, scope, others))


FUNCTIONS = (
    Function("single", whole(_single)),
    Function("first", whole(lambda items: items[:1])),
    Function("last", whole(lambda items: items[-1:])),
    Function("tail", whole(lambda items: items[1:])),
    Function("skip", whole(_skip), 1, 1),
    Function("take", whole(_take), 1, 1),
    Function("intersect", whole(_intersect), 1, 1),
    Function("exclude", whole(_exclude), 1, 1),
    Function("combine", contextual(_combine), 1, 1),
    Function("union", contextual(_union), 1, 1),
)
