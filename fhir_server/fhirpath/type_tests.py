"""`is`, `as` and `ofType`.  Spec: https://hl7.org/fhirpath/N1/#types"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_server.fhirpath.environment import Evaluator, Scope
from fhir_server.fhirpath.errors import FhirPathSyntaxError
from fhir_server.fhirpath.node import Items, Node
from fhir_server.fhirpath.resolution import target_type
from fhir_server.fhirpath.singletons import single
from fhir_server.fhirpath.syntax import Call, Expression, TypeName, TypeTest
from fhir_server.fhirpath.types import PRIMITIVES, SYSTEM_TYPES, TypeModel, chosen_type
from fhir_server.fhirpath.values import system_type

Test = Callable[[Any], bool]
SourceBuilder = Callable[[Expression | None], Evaluator]


def type_test(node: TypeTest, model: TypeModel, source_of: SourceBuilder, single_only: bool) -> Evaluator:
    """Return the evaluator of a type operator.  Raises FhirPathSyntaxError for an unknown type."""
    _check_known(node.type, model)
    if node.operator == "is" and _is_resolve(node.source):
        return _resolve_is(node, model, source_of)
    source = source_of(node.source)
    accepts = _test(node.type, model, choosing=node.operator != "is")

    def filtered(scope: Scope) -> Items:
        items = source(scope)
        if single_only:
            single(items)
        return [item for item in items if accepts(item)]

    def tested(scope: Scope) -> Items:
        item = single(source(scope))
        return [] if item is None else [accepts(item)]

    return tested if node.operator == "is" else filtered


def _test(wanted: TypeName, model: TypeModel, choosing: bool) -> Test:
    name, namespace = wanted.name, wanted.namespace
    in_system = namespace != "FHIR" and name in SYSTEM_TYPES
    in_fhir = namespace != "System"
    kind = chosen_type(name, namespace) if choosing else name
    # `string` is the type of `Patient.gender` only by inheritance: `as` and `ofType` choose exact
    # primitives, so that `(ConceptMap.source as uri)` is not also every canonical.
    exact = choosing and kind in PRIMITIVES

    def accepts(item: Any) -> bool:
        if type(item) is not Node:
            return in_system and system_type(item) == name
        if not in_fhir:
            return False
        return item.type == kind or (not exact and model.is_subtype(item.type, kind))

    return accepts


def _check_known(wanted: TypeName, model: TypeModel) -> None:
    in_system = wanted.namespace != "FHIR" and wanted.name in SYSTEM_TYPES
    if not in_system and wanted.namespace != "System" and not model.has_type(wanted.name):
        raise FhirPathSyntaxError(wanted.position, f"there is no type {wanted.name}")


def _is_resolve(source: Expression | None) -> bool:
    return isinstance(source, Call) and source.name == "resolve" and not source.arguments


def _resolve_is(node: TypeTest, model: TypeModel, source_of: SourceBuilder) -> Evaluator:
    """`resolve() is Patient` needs no more than the reference's text in most cases."""
    inner = node.source.source if isinstance(node.source, Call) else None
    source, name = source_of(inner), node.type.name

    def tested(scope: Scope) -> Items:
        item = single(source(scope))
        found = target_type(item, scope.run) if type(item) in (Node, str) else None
        return [] if found is None else [found == name or model.is_subtype(found, name)]

    return tested
