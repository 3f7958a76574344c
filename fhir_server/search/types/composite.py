"""Composite parameters: parts that hold together in the same repeat of the base element.

Texts (token, reference, uri, string) and ordered parts (quantity, number, date) can stand in any order; what
is written has the texts first.
- One ordered part is an amount in `search.composite` whose key names the texts,
  `code-value-quantity=http://loinc.org|8480-6`, followed by a unit as `$|<system>|<code>|` (see `quantity`);
  dates count in microseconds of 1970.
- Two ordered parts, both single numbers, are the two ends of one amount: `chromosome-window-coordinate=…|1`
  from 5 to 9 is start 5, end 9.
- Texts alone are one residual entry, `code-value-concept=http://loinc.org|1-8$http://snomed.info/sct|2`; only
  the last of them can be matched by its beginning, so a string has to be the last.
Spec: https://hl7.org/fhir/R4/search.html#composite
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from fhir_server.model.ids import micros
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import AmountWithin, Condition, DateWithin, Has, Or, StartsWith
from fhir_server.search.amount import LOWEST, both, within
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
TEXTS = frozenset({"token", "reference", "uri", "string"})
MOST_AMOUNTS = 2
"""Ordered parts: an amount has two ends."""
PartVisit = Callable[[Any, Collector], None]
"""Writes the entries of one part of a base item, under the empty name."""


@dataclass(frozen=True, slots=True)
class CompositeValue:
    """The values of the parts, each in the form of its own type."""

    parts: tuple[Any, ...]


def why_not(parts: Sequence[Parameter]) -> str | None:
    """Return why parts of these types cannot be indexed together, None if they can."""
    texts = [part.type for part in parts if part.type in TEXTS]
    amounts = [part.type for part in parts if part.type not in TEXTS]
    if len(amounts) > MOST_AMOUNTS or (len(amounts) == MOST_AMOUNTS and set(amounts) != {"number"}):
        return "of the parts of a composite, one can be ordered, or two if they are numbers"
    strings = texts.count("string")
    if strings > 1 or (strings and (amounts or texts[-1] != "string")):
        return "in a composite a string can only be the last of its parts, beside texts"
    return None


def combine(parameter: Parameter, visits: Sequence[tuple[PartVisit, bool]]) -> Sink:
    """Return what writes the combinations found in one base item.

    Each part comes with whether it is found from the resource instead of from the item.
    """
    prefix = parameter.code + "="
    order = sorted(range(len(visits)), key=lambda place: parameter.parts[place].type not in TEXTS)
    texts = [visits[place] for place in order if parameter.parts[place].type in TEXTS]
    ordered = [visits[place] for place in order if parameter.parts[place].type not in TEXTS]

    def sink(value: Any, out: Collector) -> None:
        amounts = _together([_amounts(_found(visit, value, out)) for visit in ordered])
        if not amounts:
            return
        for words in product(*[_texts(_found(visit, value, out)) for visit in texts]):
            if not ordered:
                out.residual[prefix + "$".join([*map(_first, words[:-1]), words[-1]])] = None
                continue
            head = prefix + "$".join(map(_first, words))
            for key, low, high in amounts:
                out.composite[head + "$" + key if key else head, low, high] = None

    return sink


def _found(part: tuple[PartVisit, bool], item: Any, out: Collector) -> Collector:
    visit, from_resource = part
    found = Collector(None)
    visit(out.resource if from_resource else item, found)
    return found


_Amounts = list[tuple[str, str, str]]


def _together(found: list[_Amounts]) -> _Amounts:
    match found:
        case []:
            return [("", "", "")]
        case [alone]:
            return alone
    starts, ends = found
    # Of a number that has more digits than can be kept, the nearest that can.
    return [("", low, end) for _, low, _ in starts for _, end, _ in ends]


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
    values = tuple(
        PART_TYPES[part.type].read(part, None, piece, reading) for part, piece in zip(parameter.parts, pieces)
    )
    for value in values:
        if isinstance(value, TokenValue) and not value.code:
            raise refuse("illegal-parameter-value", f"`{parameter.code}` needs a code, not only its system.")
    return CompositeValue(values)


def _bind(filter: Filter, systems: SystemsOf) -> Condition:
    found = conditions(filter, systems)
    if len(found) > MAX_HAS:
        raise refuse("too-costly", f"`{filter.parameter.code}`: name the system of the code.")
    return found[0] if len(found) == 1 else Or(tuple(found))


def conditions(filter: Filter, systems: SystemsOf) -> list[Condition]:
    """Return the conditions any of which is enough, one for each spelling of each value."""
    parameter = filter.parameter
    return [
        condition
        for name in parameter.names
        for value in filter.values
        for condition in _conditions(f"{name}=", parameter.parts, value.parts, systems)
    ]


def _conditions(
    prefix: str, parts: Sequence[Parameter], values: Sequence[Any], systems: SystemsOf
) -> Iterator[Condition]:
    pairs = list(zip(parts, values))
    texts = [(part, value) for part, value in pairs if part.type in TEXTS]
    ordered = [(part, value) for part, value in pairs if part.type not in TEXTS]
    last = [] if ordered else [texts.pop()]
    for words in product(*[_spelled(part, value, systems) for part, value in texts]):
        head = prefix + "$".join(map(_first, words))
        if last:
            yield _last_text(f"{head}$" if words else head, *last[0], systems)
        else:
            yield _amount(head, bool(words), ordered)


def _last_text(head: str, part: Parameter, value: Any, systems: SystemsOf) -> Condition:
    if part.type == "string":
        return StartsWith("residual", (f"{head}{value.folded}",))
    return Has("residual", tuple(f"{head}{text}" for text in _spelled(part, value, systems)))


def _amount(head: str, named: bool, ordered: Sequence[tuple[Parameter, Any]]) -> Condition:
    if len(ordered) == MOST_AMOUNTS:
        (_, start), (_, end) = ordered
        return both(AmountWithin("composite", head), start, end)
    ((part, value),) = ordered
    match part.type:
        case "quantity":
            return quantity.in_unit("composite", f"{head}$" if named else head, value)
        case "number":
            return within(AmountWithin("composite", head), value)
    return _as_amounts(head, date.within(head, value))


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


def _present(parameter: Parameter) -> Condition:
    heads = tuple(f"{name}=" for name in parameter.names)
    ordered = (AmountWithin("composite", head, low_from=LOWEST, begins=True) for head in heads)
    return Or((StartsWith("residual", heads), *ordered))


TYPE = ParameterType("composite", frozenset(), _no_sink, _read, _bind, _present)
