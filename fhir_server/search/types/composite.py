"""Composite parameters: two parts that hold together in the same repeat of the base element.

The first part is a text (token, reference, uri).  With an ordered second part (quantity, number, date) the
fact is an amount in `search.composite` whose key names the first part,
`code-value-quantity=http://loinc.org|8480-6`, followed by a unit as `$|<system>|<code>|` (see `quantity`);
dates count in microseconds of 1970.  With a text as second part it is one residual entry,
`code-value-concept=http://loinc.org|1-8$http://snomed.info/sct|2`.
Spec: https://hl7.org/fhir/R4/search.html#composite
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_server.model.ids import micros
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import AmountWithin, Condition, DateWithin, Has, Or, StartsWith
from fhir_server.search.amount import AmountValue, within
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.escape import split_unescaped
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.spelling import plain
from fhir_server.search.types import date, number, quantity, reference, string, token, uri
from fhir_server.search.types.token import MAX_HAS, TokenValue

PART_TYPES: Mapping[str, ParameterType] = {
    kind.name: kind
    for kind in (
        token.PLAIN,
        reference.TYPE,
        string.TYPE,
        uri.TYPE,
        quantity.TYPE,
        number.TYPE,
        date.TYPE,
    )
}
FIRST = frozenset({"token", "reference", "uri"})
TEXTS = frozenset({"token", "reference", "uri", "string"})
PartVisit = Callable[[Any, Collector], None]
"""Writes the entries of one part of a base item, under the empty name."""


@dataclass(frozen=True, slots=True)
class CompositeValue:
    """The values of the two parts, each in the form of its own type."""

    first: Any
    second: Any


def combine(name: str, first: PartVisit, second: PartVisit) -> Sink:
    """Return what writes the pairs found in one base item."""
    prefix = name + "="

    def sink(value: Any, out: Collector) -> None:
        right = Collector(None)
        second(value, right)
        amounts, texts = _amounts(right), _texts(right)
        if not amounts and not texts:
            return
        left = Collector(None)
        first(value, left)
        for text in _texts(left):
            head = prefix + _first(text)
            for key, low, high in amounts:
                out.composite[head + "$" + key if key else head, low, high] = None
            for other in texts:
                out.residual[f"{head}${other}"] = None

    return sink


def _texts(found: Collector) -> list[str]:
    # Entries were spelled under the empty name: the text follows the first character, `=`.
    return [entry[1:] for entry in (*found.token, *found.residual, *found.string) if entry[0] == "="]


def _amounts(found: Collector) -> list[tuple[str, str, str]]:
    dates = [("", str(micros(low)), str(micros(high))) for _, low, high in found.date]
    return [*found.quantity, *found.number, *dates]


def _first(text: str) -> str:
    return text.replace("$", "%24") if "$" in text else text


def _no_sink(_name: str, _source: Source, _parameter: Parameter, _setting: Setting) -> Sink | None:
    return None


def _read(parameter: Parameter, _modifier: str | None, text: str, reading: Reading) -> CompositeValue:
    pieces = split_unescaped(text, "$")
    if len(pieces) != len(parameter.parts):
        form = "$".join(part.code for part in parameter.parts)
        raise refuse("illegal-parameter-value", f"`{parameter.code}` needs `{form}`.")
    first, second = (
        PART_TYPES[part.type].read(part, None, piece, reading) for part, piece in zip(parameter.parts, pieces)
    )
    for value in (first, second):
        if isinstance(value, TokenValue) and not value.code:
            raise refuse("illegal-parameter-value", f"`{parameter.code}` needs a code, not only its system.")
    return CompositeValue(first, second)


def _bind(filter: Filter, systems: SystemsOf) -> Condition:
    parameter = filter.parameter
    conditions = [
        condition
        for name in parameter.names
        for value in filter.values
        for text in _spelled(parameter.parts[0], value.first, systems)
        for condition in _second(f"{name}={_first(text)}", parameter.parts[1], value.second, systems)
    ]
    if len(conditions) > MAX_HAS:
        raise refuse("too-costly", f"`{parameter.code}`: name the system of the code.")
    return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))


def _spelled(part: Parameter, value: Any, systems: SystemsOf) -> Iterable[str]:
    match part.type:
        case "token":
            found = [
                entry.partition("=")[2]
                for name in part.names
                for entry in token.spellings(name, part.codes, value, systems)
            ]
            return dict.fromkeys(found)
        case "reference":
            return [plain("", text)[1:] for text in value.texts]
    return [plain("", value)[1:]]


def _second(head: str, part: Parameter, value: Any, systems: SystemsOf) -> Iterable[Condition]:
    match part.type:
        case "quantity":
            return [quantity.in_unit("composite", f"{head}$", value)]
        case "number":
            amount: AmountValue = value
            return [within(AmountWithin("composite", head), amount)]
        case "date":
            return [_as_amounts(head, date.within(head, value))]
        case "string":
            return [StartsWith("residual", (f"{head}${value.folded}",))]
    return [Has("residual", tuple(f"{head}${text}" for text in _spelled(part, value, systems)))]


def _as_amounts(key: str, condition: Condition) -> Condition:
    match condition:
        case Or(parts):
            return Or(tuple(_as_amounts(key, part) for part in parts))
        case DateWithin():
            return AmountWithin(
                "composite", key, _micros(condition.low_from), _micros(condition.low_before),
                _micros(condition.high_after), _micros(condition.high_to),
            )  # fmt: skip
    raise TypeError(condition)


def _micros(limit: datetime | None) -> str | None:
    return None if limit is None else str(micros(limit))


TYPE = ParameterType("composite", frozenset(), _no_sink, _read, _bind, None)
