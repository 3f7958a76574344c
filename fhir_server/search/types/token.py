"""Token parameters: `[system|]code`, exact and case-sensitive.

ContactPoint: R4 names `ContactPoint.use` as its system, so `telecom=home|555-1234`; the value is compared
to the letter.  A boolean is a code without a system.  The modifiers are in `token_modifiers`.
Spec: https://hl7.org/fhir/R4/search.html#token
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.model.number import is_number, literal
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Condition, Has, Negation, Or, StartsWith, TextField
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.escape import split_bar
from fhir_server.search.fold import fold
from fhir_server.search.parameter import Codes, Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.spelling import MAX_TEXT, of_type, present_marker, shorten, text_head, token

SPECIAL_VALUES = "http://terminology.hl7.org/CodeSystem/special-values"
"""The system that R4 implies for booleans; understood in queries, never written."""

CONTACT_USES = ("", "home", "work", "temp", "old", "mobile")
MAX_HAS = 200
"""Values of one lookup; more of them would make the database sort in memory."""


@dataclass(frozen=True, slots=True)
class TokenValue:
    """`system=None`: any system; `""`: explicitly none.  `code=""`: any code of the system."""

    system: str | None
    code: str


def _sink(name: str, source: Source, parameter: Parameter, _setting: Setting) -> Sink | None:
    make = _SINKS.get(source.type)
    return make(name, parameter.residual, parameter.codes) if make is not None else None


def _words(name: str) -> Sink:
    """Return what writes a text that `:text` finds."""
    head = text_head(name)

    def sink(value: Any, out: Collector) -> None:
        folded = fold(value) if type(value) is str else ""
        if folded:
            out.residual[head + folded] = None

    return sink


def _coding(name: str, residual: bool, codes: Codes) -> Sink:
    pair, words = _pair("system", "code")(name, residual, codes), _words(name)

    def sink(value: Any, out: Collector) -> None:
        pair(value, out)
        if "display" in value:
            words(value["display"], out)

    return sink


def _identifier(name: str, residual: bool, codes: Codes) -> Sink:
    pair, words = _pair("system", "value")(name, residual, codes), _words(name)

    def sink(value: Any, out: Collector) -> None:
        pair(value, out)
        kind = value.get("type")
        if kind is None:
            return
        if "text" in kind:
            words(kind["text"], out)
        for coding in kind.get("coding", ()) if "value" in value else ():
            entry = of_type(name, coding.get("system", ""), coding.get("code", ""), value["value"])
            out.residual[entry] = None

    return sink


def _concept(name: str, residual: bool, codes: Codes) -> Sink:
    coding, words = _coding(name, residual, codes), _words(name)
    present = present_marker(name)

    def sink(value: Any, out: Collector) -> None:
        if "text" in value:
            words(value["text"], out)
        codings = value.get("coding")
        if codings is None:
            out.residual[present] = None
            return
        for item in codings:
            coding(item, out)

    return sink


def _pair(system_key: str, code_key: str) -> Callable[[str, bool, Codes], Sink]:
    def make(name: str, residual: bool, _codes: Codes) -> Sink:
        prefix, present = name + "=", present_marker(name)

        def sink(value: Any, out: Collector) -> None:
            system = value.get(system_key, "")
            code = value.get(code_key, "")
            if len(code) > MAX_TEXT or "|" in system:
                entry = token(name, system, code)
            elif code or system:
                entry = f"{prefix}{system}|{code}"
            else:
                # Nothing to find it by, but `:missing` asks whether it is there.
                out.residual[present] = None
                return
            if residual:
                out.residual[entry] = None
                out.residual[any_system(name, code)] = None
            else:
                out.token[entry] = None

        return sink

    return make


def _code(name: str, residual: bool, codes: Codes) -> Sink:
    by_code = codes.by_code

    def sink(value: Any, out: Collector) -> None:
        entries = out.residual if residual else out.token
        for system in by_code.get(value, _NO_SYSTEM):
            entries[token(name, system, value)] = None

    return sink


def _scalar(name: str, residual: bool, _codes: Codes) -> Sink:
    def sink(value: Any, out: Collector) -> None:
        if value is True or value is False:
            text = "true" if value else "false"
        else:
            text = literal(value) if is_number(value) else value
        (out.residual if residual else out.token)[token(name, "", text)] = None

    return sink


_NO_SYSTEM = ("",)
_SINKS: Mapping[str, Callable[[str, bool, Codes], Sink]] = {
    "CodeableConcept": _concept,
    "Coding": _coding,
    "Identifier": _identifier,
    "ContactPoint": _pair("use", "value"),
    "code": _code,
    **dict.fromkeys(
        ("boolean", "string", "id", "uri", "url", "canonical", "oid", "uuid", "integer", "positiveInt",
         "unsignedInt", "decimal", "date", "dateTime", "instant", "markdown"),
        _scalar,
    ),
}  # fmt: skip


def read_token(parameter: Parameter, text: str) -> TokenValue:
    """Read `code`, `system|code`, `|code` or `system|`.  Raises FhirError `illegal-parameter-value`."""
    system, code = split_bar(text)
    if not code and not system:
        raise refuse(
            "illegal-parameter-value",
            f"`{parameter.code}` needs a code: `code`, `system|code`, `|code` or `system|`.",
        )
    if system == SPECIAL_VALUES:
        system = ""
    return TokenValue(system, code)


def bind_plain(filter: Filter, systems: SystemsOf, values: Iterable[TokenValue]) -> Condition:
    """Return what holds when the parameter of a filter has one of the values."""
    field: TextField = "residual" if filter.parameter.residual else "token"
    return bind_tokens(field, filter.parameter.names, filter.parameter.codes, values, systems)


def _read(parameter: Parameter, _modifier: str | None, text: str, _reading: Reading) -> TokenValue:
    return read_token(parameter, text)


def _bind(filter: Filter, systems: SystemsOf) -> Condition:
    found = bind_plain(filter, systems, filter.values)
    return Negation(found) if filter.modifier == "not" else found


def any_system(name: str, code: str) -> str:
    """Return the residual spelling of a code whatever its system: of those no systems are recorded."""
    return f"{name}:code={shorten(code)}"


def bind_tokens(
    field: TextField, names: Iterable[str], codes: Codes, values: Iterable[TokenValue], systems: SystemsOf
) -> Condition:
    """Return what holds when one of `names` has one of the values."""
    exact: dict[str, None] = {}
    prefixes: dict[str, None] = {}
    for name in names:
        for value in values:
            if field == "residual" and codes.open and value.system is None:
                exact[any_system(name, value.code)] = None
            elif value.code:
                exact.update(dict.fromkeys(spellings(name, codes, value, systems)))
            else:
                prefixes[token(name, value.system or "", "")] = None
    entries = tuple(exact)
    parts: list[Condition] = [
        Has(field, entries[start : start + MAX_HAS]) for start in range(0, len(entries), MAX_HAS)
    ]
    if prefixes:
        parts.append(StartsWith(field, tuple(prefixes)))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def spellings(name: str, codes: Codes, value: TokenValue, systems: SystemsOf) -> Iterable[str]:
    """Return every way in which a value with a code can have been written under `name`."""
    if value.system is not None:
        return (token(name, value.system, value.code),)
    known = dict.fromkeys(codes.systems_of(value.code))
    if codes.open:
        known.update(dict.fromkeys(systems(name)))
    return [token(name, system, value.code) for system in known]


def _present(parameter: Parameter) -> Condition:
    field: TextField = "residual" if parameter.residual else "token"
    found = StartsWith(field, tuple(f"{name}=" for name in parameter.names))
    return Or((found, Has("residual", tuple(present_marker(name) for name in parameter.names))))


PLAIN = ParameterType("token", frozenset({"not"}), _sink, _read, _bind, _present)
"""Tokens as far as they are compared to the letter."""
