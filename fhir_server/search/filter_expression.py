"""`_filter`: comparisons of search parameters, bound as the parameters themselves are.

`ne` of what is compared to the letter (token, reference, uri, string) asks for a value, and for none that is
equal; of a resource with several values that is stricter than R4's wording, and the same for all others.
Spec: https://hl7.org/fhir/R4/search_filter.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fhir_server.model.outcome import FhirError
from fhir_server.model.plan import And, Condition, Contains, DateWithin, Has, Negation, Or
from fhir_server.search.collector import Sink
from fhir_server.search.escape import escape
from fhir_server.search.filter_syntax import Comparison, Every, Expression, Not, Some, fault, read_expression
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.prefix import PREFIXES
from fhir_server.search.source import Source
from fhir_server.search.types.date import DateValue
from fhir_server.search.words import CONTENT, TEXT

FILTER: Final = "_filter"
TypeOf = Callable[[Parameter], ParameterType]

_TEXTS: Final = ("eq", "ne", "pr")
SUPPORTED: Final[Mapping[str, tuple[str, ...]]] = {
    "token": (*_TEXTS, "in", "ni", "ss", "sb"),
    "reference": (*_TEXTS, "re"),
    "uri": (*_TEXTS, "ss", "sb"),
    "string": (*_TEXTS, "co", "sw", "ew"),
    "date": (*sorted(PREFIXES), "po", "pr"),
    "number": (*sorted(PREFIXES), "pr"),
    "quantity": (*sorted(PREFIXES), "pr"),
    "composite": ("eq", "pr"),
    "special": ("eq", "pr"),
}
"""Type of a parameter → the operators that it can be compared with."""
SUPPORTED_BY_CODE: Final[Mapping[str, tuple[str, ...]]] = {
    "_id": _TEXTS,
    "_lastUpdated": (*sorted(PREFIXES), "pr"),
    TEXT: ("eq", "pr"),
    CONTENT: ("eq", "pr"),
}
"""The same of parameters that are not like others of their type, by their code."""
_MODIFIERS: Final = {"in": "in", "ni": "not-in", "ss": "below", "sb": "above", "co": "contains"}


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison that was understood: the filter that it is, and what is to be made of its condition."""

    filter: Filter
    operator: str


@dataclass(frozen=True, slots=True)
class Tree:
    """Comparisons joined; `kind` is `and`, `or` or `not`."""

    kind: str
    parts: tuple[Tree | Compared, ...]


def filter_type(type_of: TypeOf) -> ParameterType:
    """Return the parameter type of `_filter`, which reads and binds each comparison by the type it names."""

    def read(parameter: Parameter, _modifier: str | None, text: str, reading: Reading) -> Tree | Compared:
        return _understood(read_expression(text), parameter.resource_type, reading, type_of)

    def bind(filter: Filter, systems: SystemsOf) -> Condition:
        (tree,) = filter.values
        return _bound(tree, systems, type_of)

    return ParameterType("special", frozenset(), _no_sink, read, bind, None, whole=True)


def _no_sink(_name: str, _source: Source, _parameter: Parameter, _setting: Setting) -> Sink | None:
    return None


def _understood(found: Expression, resource_type: str, reading: Reading, type_of: TypeOf) -> Tree | Compared:
    match found:
        case Every(parts):
            return Tree("and", tuple(_understood(part, resource_type, reading, type_of) for part in parts))
        case Some(parts):
            return Tree("or", tuple(_understood(part, resource_type, reading, type_of) for part in parts))
        case Not(part):
            return Tree("not", (_understood(part, resource_type, reading, type_of),))
        case Comparison():
            return _compared(found, resource_type, reading, type_of)


def _compared(found: Comparison, resource_type: str, reading: Reading, type_of: TypeOf) -> Compared:
    parameter = reading.parameter(resource_type, found.code) if reading.parameter is not None else None
    if parameter is None or parameter.code == FILTER:
        fault(found.at, f"`{found.code}` is not a search parameter that {resource_type} supports here")
    kind = type_of(parameter)
    supported = SUPPORTED_BY_CODE.get(parameter.code, SUPPORTED[parameter.type])
    if found.operator not in supported or (found.operator == "pr" and kind.present is None):
        fault(found.at, f"`{found.code}` can be compared with {', '.join(supported)}")
    if found.operator == "pr":
        if found.value not in ("true", "false"):
            fault(found.at, "`pr` needs `true` or `false`")
        return Compared(Filter(parameter, None, (found.value == "true",)), "pr")
    modifier = _MODIFIERS.get(found.operator)
    if modifier is not None and modifier not in kind.modifiers:
        fault(found.at, f"`{found.code}` cannot be compared with `{found.operator}`")
    try:
        value = kind.read(parameter, modifier, _text(parameter, found), reading)
    except FhirError as error:
        fault(found.at, error.issues[0].text.rstrip("."))
    return Compared(Filter(parameter, modifier, (value,)), found.operator)


def _text(parameter: Parameter, found: Comparison) -> str:
    if parameter.type in ("date", "number", "quantity"):
        return f"{'eq' if found.operator == 'po' else found.operator}{found.value}"
    return escape(found.value) if found.quoted and parameter.type == "string" else found.value


def _bound(tree: Tree | Compared, systems: SystemsOf, type_of: TypeOf) -> Condition:
    if isinstance(tree, Compared):
        return _condition(tree, systems, type_of(tree.filter.parameter))
    parts = tuple(_bound(part, systems, type_of) for part in tree.parts)
    return Negation(parts[0]) if tree.kind == "not" else And(parts) if tree.kind == "and" else Or(parts)


def _condition(compared: Compared, systems: SystemsOf, kind: ParameterType) -> Condition:
    filter = compared.filter
    (value,) = filter.values
    names = filter.parameter.names
    match compared.operator, filter.parameter.type:
        case "pr", _:
            assert kind.present is not None
            present = kind.present(filter.parameter)
            return present if value else Negation(present)
        case "po", _:
            return _overlapping(names, value)
        case "eq", "string":
            return _equal(filter, systems, kind)
        case "ew", _:
            parts = (value.folded,)
            return Or(tuple(Contains("string", f"{name}=", parts, at_end=True) for name in names))
        case "ne", "token" | "reference" | "uri" | "string":
            present = And(()) if kind.present is None else kind.present(filter.parameter)
            return And((present, Negation(_equal(filter, systems, kind))))
    return kind.bind(filter, systems)


def _equal(filter: Filter, systems: SystemsOf, kind: ParameterType) -> Condition:
    (value,) = filter.values
    if filter.parameter.type != "string" or not hasattr(value, "folded"):
        return kind.bind(filter, systems)
    return Has("string", tuple(f"{name}={value.folded}" for name in filter.parameter.names))


def _overlapping(names: tuple[str, ...], value: DateValue) -> Condition:
    start, end = value.interval.start, value.interval.end
    return Or(tuple(DateWithin(name, low_before=end, high_after=start) for name in names))
