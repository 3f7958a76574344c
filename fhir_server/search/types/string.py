"""String parameters: starts-with over folded text, whatever the case, the accents and the punctuation.

Every part of a HumanName or Address is an entry of its own, and so is every other way to spell it (see
`search.names`).  The folded text has the index; the original stands beside it as `<name>:exact=…` (residual),
so `:exact` costs storage and no index.
Spec: https://hl7.org/fhir/R4/search.html#string
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import And, Condition, Contains, Has, Or, StartsWith
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.escape import unescape
from fhir_server.search.fold import MAX_FOLDED, fold
from fhir_server.search.names import other_spellings, written_out
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.spelling import other_spelling, shorten

_NAME_PARTS = ("text", "family", "given", "prefix", "suffix")
_ADDRESS_PARTS = ("text", "line", "city", "district", "state", "postalCode", "country")
_NAMES = ("HumanName.", "Address.")
"""Elements whose text is a name of a person or a place, or a part of one."""


@dataclass(frozen=True, slots=True)
class StringValue:
    """The text of a query value, as sent and folded."""

    text: str
    folded: str


def _sink(name: str, source: Source, _parameter: Parameter, _setting: Setting) -> Sink | None:
    make = _SINKS.get(source.type)
    if source.element.startswith(_NAMES):
        return _name(name)
    return make(name) if make is not None else None


def _name(name: str) -> Sink:
    text, prefix, other = _text(name), f"{name}=", other_spelling(name)

    def sink(value: Any, out: Collector) -> None:
        text(value, out)
        for spelling in other_spellings(value, fold(value)):
            if spelling and prefix + spelling not in out.string:
                out.string[prefix + spelling] = None
                out.residual[other + spelling] = None

    return sink


def _text(name: str) -> Sink:
    prefix, exact = f"{name}=", f"{name}:exact="

    def sink(value: Any, out: Collector) -> None:
        folded = fold(value)
        if folded:
            out.string[prefix + folded] = None
        out.residual[exact + shorten(value)] = None

    return sink


def _parts(keys: tuple[str, ...]) -> Callable[[str], Sink]:
    def make(name: str) -> Sink:
        text = _name(name)

        def sink(value: Any, out: Collector) -> None:
            for key in keys:
                part = value.get(key)
                if type(part) is str:
                    text(part, out)
                elif part is not None:
                    for item in part:
                        if item is not None:
                            text(item, out)

        return sink

    return make


_SINKS: Mapping[str, Callable[[str], Sink]] = {
    "HumanName": _parts(_NAME_PARTS),
    "Address": _parts(_ADDRESS_PARTS),
    **dict.fromkeys(("string", "markdown", "code", "id", "uri", "url"), _text),
}


def _read(parameter: Parameter, modifier: str | None, text: str, _reading: Reading) -> StringValue:
    text = unescape(text)
    folded = fold(text)
    if not text or (modifier != "exact" and not folded):
        raise refuse("illegal-parameter-value", f"`{parameter.code}` needs at least one letter or digit.")
    if modifier != "exact" and len(folded) >= MAX_FOLDED:
        raise refuse(
            "illegal-parameter-value", f"`{parameter.code}` takes fewer than {MAX_FOLDED} characters."
        )
    return StringValue(text, folded)


def _bind(filter: Filter, _systems: SystemsOf) -> Condition:
    values: tuple[StringValue, ...] = filter.values
    names = filter.parameter.names
    if filter.modifier == "exact":
        return _one_of([_exact(name, value) for name in names for value in values])
    if filter.modifier == "contains":
        parts = tuple(value.folded for value in values)
        return _one_of([Contains("string", f"{name}=", parts) for name in names])
    folded = dict.fromkeys(text for value in values for text in _asked(value))
    return StartsWith("string", tuple(f"{name}={text}" for name in names for text in folded))


def _asked(value: StringValue) -> Iterable[str]:
    # Who asks for an umlaut may mean a name that was stored without one.
    written = written_out(value.text)
    return (value.folded,) if written is None else (value.folded, written)


def _exact(name: str, value: StringValue) -> Condition:
    original = Has("residual", (f"{name}:exact={shorten(value.text)}",))
    # The folded text is implied; it is asked for because it has an index.
    return And((Has("string", (f"{name}={value.folded}",)), original)) if value.folded else original


def _one_of(parts: list[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _present(parameter: Parameter) -> Condition:
    return StartsWith("residual", tuple(f"{name}:exact=" for name in parameter.names))


TYPE = ParameterType("string", frozenset({"exact", "contains"}), _sink, _read, _bind, _present)
