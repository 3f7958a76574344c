"""Tree navigation and utilities.  Spec: https://hl7.org/fhirpath/N1/#tree-navigation"""

from __future__ import annotations

from fhir_server.fhirpath.dates import Moment, from_datetime
from fhir_server.fhirpath.environment import Evaluator, Scope
from fhir_server.fhirpath.functions.table import Function, contextual, each, lazy, whole
from fhir_server.fhirpath.navigation import children
from fhir_server.fhirpath.node import Items, Node
from fhir_server.fhirpath.singletons import string
from fhir_server.fhirpath.values import system_type


def _children(items: Items, scope: Scope) -> Items:
    return [child for item in items if type(item) is Node for child in children(item, scope.run)]


def _descendants(items: Items, scope: Scope) -> Items:
    out: Items = []
    level = _children(items, scope)
    while level:
        out.extend(level)
        level = _children(level, scope)
    return out


def _trace(items: Items, scope: Scope, name: Evaluator, projection: Evaluator | None = None) -> Items:
    sink = scope.run.environment.trace
    if sink is not None:
        seen = items
        if projection is not None:
            seen = [found for _, results in each(items, scope, projection) for found in results]
        sink(string(name(scope)) or "", seen)
    return items


def _now(_: Items, scope: Scope) -> Items:
    return [from_datetime(scope.run.now())]


def _today(_: Items, scope: Scope) -> Items:
    return [Moment("Date", from_datetime(scope.run.now()).parts[:3])]


def _time_of_day(_: Items, scope: Scope) -> Items:
    now = from_datetime(scope.run.now())
    return [Moment("Time", (0, 0, 0, *now.parts[3:]), now.second)]


def _type(items: Items) -> Items:
    return [Node(_type_info(item), "") for item in items]


def _type_info(item: object) -> dict[str, str]:
    if type(item) is not Node:
        return {"namespace": "System", "name": system_type(item)}
    return {"namespace": "FHIR", "name": item.type}


FUNCTIONS = (
    Function("children", contextual(_children)),
    Function("descendants", contextual(_descendants)),
    Function("trace", lazy(_trace), 1, 2),
    Function("now", contextual(_now)),
    Function("today", contextual(_today)),
    Function("timeOfDay", contextual(_time_of_day)),
    Function("type", whole(_type)),
)
