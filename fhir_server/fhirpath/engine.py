"""Expressions compiled once, evaluated often."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import DecimalException
from types import MappingProxyType
from typing import Any

from fhir_server.fhirpath.compiler import Builder
from fhir_server.fhirpath.direct import Emitter, NotDirect, Pair, direct, distinct_pairs
from fhir_server.fhirpath.environment import Environment, Run, Scope
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.node import Items, Node
from fhir_server.fhirpath.parser import parse
from fhir_server.fhirpath.singletons import boolean
from fhir_server.fhirpath.syntax import Union
from fhir_server.fhirpath.types import TypeModel, UnknownTypes
from fhir_server.fhirpath.values import system_type

_NOTHING = Environment()
_UNKNOWN_TYPES = UnknownTypes()
_FHIR_OF_SYSTEM: Mapping[str, str] = MappingProxyType({
    "Boolean": "boolean", "String": "string", "Integer": "integer", "Decimal": "decimal",
    "Date": "date", "DateTime": "dateTime", "Time": "time", "Quantity": "Quantity",
})  # fmt: skip


class Compiled:
    """An expression ready to be evaluated; it may be shared by threads."""

    __slots__ = ("_direct", "_evaluator", "_model", "_single_as", "_syntax", "expression")

    def __init__(self, expression: str, model: TypeModel, single_as: bool) -> None:
        self.expression = expression
        self._model = model
        self._single_as = single_as
        self._syntax = parse(expression)
        self._evaluator = Builder(model, single_as).build(self._syntax)
        # By type of root; None where the general evaluator is needed.  Filled when a type first comes.
        self._direct: dict[str, Emitter | None] = {}

    def evaluate(self, node: Mapping[str, Any] | Node, environment: Environment = _NOTHING) -> list[Any]:
        """Return the results as raw JSON values (literals of numbers untouched) and System values.

        `node` is a resource, or the Node of an element.  A primitive that has extensions but no value is
        left out.  Raises FhirPathError.
        """
        pairs = self._pairs(node)
        if pairs is not None:
            return [value for value, _ in pairs if value is not None]
        items = self.items(node, environment)
        return [item.value if type(item) is Node else item for item in items if _has_value(item)]

    def evaluate_pairs(
        self, node: Mapping[str, Any] | Node, environment: Environment = _NOTHING
    ) -> list[Pair]:
        """Return the same results, each with its FHIR type: the fast way to index a resource.

        The type of a computed value is the FHIR type of its kind.  Raises FhirPathError.
        """
        pairs = self._pairs(node)
        if pairs is not None:
            return [pair for pair in pairs if pair[0] is not None] if pairs else pairs
        items = self.items(node, environment)
        return [_pair(item) for item in items if _has_value(item)]

    def evaluate_typed(
        self, node: Mapping[str, Any] | Node, environment: Environment = _NOTHING
    ) -> list[Node]:
        """Return the results as nodes: `.value`, `.type`, `.path`, `.extension`.

        A primitive without a value is among them.  A computed value becomes a Node without a parent, its
        type the FHIR type of its kind, its value a Python or System value.  Raises FhirPathError.
        """
        if self._pairs(node) == []:
            return []
        items = self.items(node, environment)
        return [item if type(item) is Node else Node(*_pair(item)) for item in items]

    def truth(self, node: Mapping[str, Any] | Node, environment: Environment = _NOTHING) -> bool | None:
        """Return the result as a truth value, None where it is empty: an invariant is broken by False only.

        Raises FhirPathError, for several results too.
        """
        return boolean(self.items(node, environment))

    def items(self, node: Mapping[str, Any] | Node, environment: Environment = _NOTHING) -> Items:
        """Return the collection as the engine has it: nodes and System values.  Raises FhirPathError."""
        root = node if isinstance(node, Node) else Node.root(node)
        try:
            return self._evaluator(Scope([root], Run(environment, self._model, root)))
        except (DecimalException, OverflowError) as error:
            raise FhirPathError("a number went out of range") from error

    def _pairs(self, node: Mapping[str, Any] | Node) -> list[Pair] | None:
        """Return the results of direct access, or None where it cannot be had."""
        if type(node) is not dict:
            return None
        try:
            emitter = self._direct[node["resourceType"]]
        except KeyError:
            emitter = self._specialise(node.get("resourceType"))
        if emitter is None:
            return None
        out: list[Pair] = []
        try:
            emitter(node, out)
        except (NotDirect, AttributeError, TypeError):
            # Data that is not shaped as its type says is rare, and the general evaluator copes with it.
            return None
        return distinct_pairs(out) if len(out) > 1 and type(self._syntax) is Union else out

    def _specialise(self, root: Any) -> Emitter | None:
        if not isinstance(root, str) or not self._model.has_type(root) or self._single_as:
            return None
        try:
            emitter: Emitter | None = direct(self._syntax, root, self._model)
        except NotDirect:
            emitter = None
        self._direct[root] = emitter
        return emitter


def compile(expression: str, *, types: TypeModel | None = None, single_as: bool = False) -> Compiled:
    """Return a compiled expression; keep it, compiling costs a hundred evaluations.

    Without `types` the engine goes by the JSON alone: choices by their names, dates by their look.
    `single_as` makes `as` refuse a collection of several; published search parameters rely on it filtering.
    Raises FhirPathSyntaxError.
    """
    return Compiled(expression, types or _UNKNOWN_TYPES, single_as)


def _has_value(item: Any) -> bool:
    return type(item) is not Node or item.value is not None


def _pair(item: Any) -> Pair:
    if type(item) is Node:
        return item.value, item.type
    return item, _FHIR_OF_SYSTEM[system_type(item)]
