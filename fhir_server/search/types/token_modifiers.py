"""Tokens with their modifiers: by text, by the type of an identifier, by value set and by hierarchy.

What a value set or a hierarchy holds is asked of the terminology when the query is read; the plan has the
codes themselves.  What the terminology does not know is refused: an empty answer would look like a fact.
Spec: https://hl7.org/fhir/R4/search.html#token
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import And, Condition, Contains, Has, Negation, Or
from fhir_server.search.escape import split_unescaped, unescape
from fhir_server.search.fold import MAX_FOLDED, fold
from fhir_server.search.parameter import Filter, Parameter, Reading
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.spelling import of_type, text_head
from fhir_server.search.types.token import PLAIN, TokenValue, bind_plain, read_token

MOST_CODES: Final = 5_000
"""Codes that one value set or hierarchy may stand for in a search."""


@dataclass(frozen=True, slots=True)
class TypedIdentifier:
    """An identifier and the coding of its type."""

    system: str
    code: str
    value: str


Expansion = tuple[TokenValue, ...]
"""The codes that a value set or a part of a hierarchy stands for."""


def _read_text(parameter: Parameter, text: str, _reading: Reading) -> str:
    folded = fold(unescape(text))
    if not folded or len(folded) >= MAX_FOLDED:
        raise refuse(
            "illegal-parameter-value",
            f"`{parameter.code}:text` needs a letter or digit, and fewer than {MAX_FOLDED} characters.",
        )
    return folded


def _read_typed(parameter: Parameter, text: str, _reading: Reading) -> TypedIdentifier:
    pieces = [unescape(piece) for piece in split_unescaped(text, "|")]
    if len(pieces) != 3 or not all(pieces):
        raise refuse("illegal-parameter-value", f"`{parameter.code}:of-type` needs `system|code|value`.")
    return TypedIdentifier(*pieces)


def _read_set(parameter: Parameter, text: str, reading: Reading) -> Expansion:
    members = reading.concepts.members(unescape(text)) if reading.concepts is not None else None
    if members is None:
        raise refuse(
            "illegal-parameter-value",
            f"`{parameter.code}`: the value set is not known here, or cannot be listed code by code.",
        )
    return _bounded(parameter, members)


def _read_below(parameter: Parameter, text: str, reading: Reading) -> Expansion:
    return _hierarchy(parameter, text, reading, lambda concepts, system, code: concepts.closure(system, code))


def _read_above(parameter: Parameter, text: str, reading: Reading) -> Expansion:
    return _hierarchy(parameter, text, reading, lambda concepts, system, code: concepts.above(system, code))


def _hierarchy(
    parameter: Parameter, text: str, reading: Reading, codes_of: Callable[[Any, str, str], Iterable[str]]
) -> Expansion:
    value = read_token(parameter, text)
    known = parameter.codes.by_code.get(value.code, ())
    system = value.system or (known[0] if len(known) == 1 else "")
    if not system or not value.code:
        raise refuse("illegal-parameter-value", f"`{parameter.code}`: a hierarchy needs `system|code`.")
    if reading.concepts is None or reading.concepts.lookup(system, value.code) is None:
        raise refuse("illegal-parameter-value", f"`{parameter.code}`: the code is not known here.")
    return _bounded(parameter, ((system, code) for code in codes_of(reading.concepts, system, value.code)))


def _bounded(parameter: Parameter, pairs: Iterable[tuple[str, str]]) -> Expansion:
    found = tuple(TokenValue(system, code) for system, code in sorted(pairs))
    if len(found) > MOST_CODES:
        raise refuse(
            "too-costly", f"`{parameter.code}`: a search takes at most {MOST_CODES} codes of a value set."
        )
    return found


READERS: Final[Mapping[str, Callable[[Parameter, str, Reading], Any]]] = {
    "text": _read_text,
    "of-type": _read_typed,
    "in": _read_set,
    "not-in": _read_set,
    "below": _read_below,
    "above": _read_above,
}


def _read(parameter: Parameter, modifier: str | None, text: str, reading: Reading) -> Any:
    reader = READERS.get(modifier or "")
    return reader(parameter, text, reading) if reader is not None else read_token(parameter, text)


def _bind(filter: Filter, systems: SystemsOf) -> Condition:
    match filter.modifier:
        case "text":
            names = filter.parameter.names
            return _one_of([Contains("residual", text_head(name), filter.values) for name in names])
        case "of-type":
            return _one_of([_typed(filter, systems, value) for value in filter.values])
        case "in" | "below" | "above":
            return _expanded(filter, systems)
        case "not-in":
            return Negation(_expanded(filter, systems))
        case _:
            return PLAIN.bind(filter, systems)


def _typed(filter: Filter, systems: SystemsOf, value: TypedIdentifier) -> Condition:
    names = filter.parameter.names
    typed = Has("residual", tuple(of_type(name, value.system, value.code, value.value) for name in names))
    # The value alone is implied; it is asked for because it has an index.
    return And((bind_plain(filter, systems, (TokenValue(None, value.value),)), typed))


def _expanded(filter: Filter, systems: SystemsOf) -> Condition:
    values = tuple(value for expansion in filter.values for value in expansion)
    return bind_plain(filter, systems, values) if values else Or(())


def _one_of(parts: list[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


TYPE = ParameterType(
    "token", PLAIN.modifiers | READERS.keys(), PLAIN.sink, _read, _bind, PLAIN.present
)  # fmt: skip
