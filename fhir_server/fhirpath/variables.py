"""`%name`, `$this`, `$index`, `$total`.  Spec: https://hl7.org/fhir/R4/fhirpath.html#variables"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fhir_server.fhirpath.environment import Evaluator, Run, Scope
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.node import Items, Node
from fhir_server.fhirpath.syntax import Variable

_CONSTANTS: Mapping[str, str] = MappingProxyType(
    {
        "sct": "http://snomed.info/sct",
        "loinc": "http://loinc.org",
        "ucum": "http://unitsofmeasure.org",
    }
)
_PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "vs-": "http://hl7.org/fhir/ValueSet/",
        "ext-": "http://hl7.org/fhir/StructureDefinition/",
    }
)


def variable(node: Variable) -> Evaluator:
    """Return the evaluator of a variable; one that is not known at all raises when it is evaluated."""
    name = node.name
    special = _SPECIAL.get(name)
    if special is not None:
        return special
    if name in _CONSTANTS:
        constant: Items = [_CONSTANTS[name]]
        return lambda _: constant
    for prefix, base in _PREFIXES.items():
        if name.startswith(prefix):
            expanded: Items = [base + name[len(prefix) :]]
            return lambda _: expanded
    return lambda scope: _given(scope.run, name)


def as_items(value: Any) -> Items:
    """Return a variable's value as a collection: None is empty, a resource becomes its node."""
    if value is None:
        return []
    if isinstance(value, list):
        return [item for each in value for item in as_items(each)]
    return [Node.root(value)] if isinstance(value, dict) else [value]


def _given(run: Run, name: str) -> Items:
    variables = run.environment.variables
    if name not in variables:
        raise FhirPathError(f"the variable %{name} is not known")
    return as_items(variables[name])


def _total(scope: Scope) -> Items:
    if scope.total is None:
        raise FhirPathError("$total is known inside aggregate() only")
    return scope.total


def _index(scope: Scope) -> Items:
    return [scope.index] if scope.index >= 0 else []


def _resource(scope: Scope) -> Items:
    if "resource" in scope.run.environment.variables:
        return _given(scope.run, "resource")
    node = scope.run.root
    while node.parent is not None and not node.is_resource:
        node = node.parent
    return [node]


def _root_resource(scope: Scope) -> Items:
    if "rootResource" in scope.run.environment.variables:
        return _given(scope.run, "rootResource")
    node = _resource(scope)[0]
    # What is contained belongs to its container; an entry of a Bundle stands for itself.
    while isinstance(node, Node) and node.name == "contained" and node.parent is not None:
        node = node.parent
    return [node]


def _context(scope: Scope) -> Items:
    if "context" in scope.run.environment.variables:
        return _given(scope.run, "context")
    return [scope.run.root]


_SPECIAL: Mapping[str, Evaluator] = MappingProxyType(
    {
        "$this": lambda scope: scope.focus,
        "$index": _index,
        "$total": _total,
        "resource": _resource,
        "rootResource": _root_resource,
        "context": _context,
    }
)
