"""Text to tokens.  Spec: https://hl7.org/fhirpath/N1/#lexical-elements"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from fhir_server.fhirpath.errors import FhirPathSyntaxError

MAX_LENGTH = 32_768
"""Longest expression accepted, in characters."""


class Kind(Enum):
    """What a token is."""

    IDENTIFIER = "identifier"
    QUOTED = "delimited identifier"
    STRING = "string"
    NUMBER = "number"
    DATE_TIME = "date or time"
    VARIABLE = "variable"
    DOLLAR = "special variable"
    SYMBOL = "symbol"
    END = "end of the expression"


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `text` is its meaning (escapes undone, marks taken off), `position` counts from 0."""

    kind: Kind
    text: str
    position: int


_TIME = r"[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"
_TOKEN = re.compile(
    rf"""(?P<blank>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<DATE_TIME>@T{_TIME}
        |@[0-9]{{4}}(?:-[0-9]{{2}}(?:-[0-9]{{2}})?)?(?:T(?:{_TIME}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})?)?)?)
    |(?P<NUMBER>[0-9]+(?:\.[0-9]+)?)
    |(?P<STRING>'(?:[^'\\]|\\.)*')
    |(?P<QUOTED>`(?:[^`\\]|\\.)*`)
    |(?P<VARIABLE>%(?:[A-Za-z_][A-Za-z0-9_]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))
    |(?P<DOLLAR>\$(?:this|index|total))
    |(?P<IDENTIFIER>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<SYMBOL><=|>=|!=|!~|[-+*/|&=~<>()\[\]{{}}.,])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERAL_MARKS = frozenset("\\/\"'`")


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of an expression and then one of kind END.  Raises FhirPathSyntaxError."""
    if len(text) > MAX_LENGTH:
        raise FhirPathSyntaxError(MAX_LENGTH, f"the expression has more than {MAX_LENGTH} characters")
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or (text.startswith("/*", position) and match.lastgroup == "SYMBOL"):
            raise FhirPathSyntaxError(position, f"unexpected character {text[position]!r}")
        if match.lastgroup != "blank":
            yield _token(Kind[match.lastgroup or "END"], match.group(), position)
        position = match.end()
    yield Token(Kind.END, "", position)


def unescape(text: str) -> str:
    """Return a string with the escapes of FHIRPath undone; an unknown escape stands for its character."""
    return _ESCAPE.sub(_unescape_one, text) if "\\" in text else text


def _token(kind: Kind, text: str, position: int) -> Token:
    if kind is Kind.VARIABLE:
        name = text[1:]
        return Token(kind, _unquote(name) if name[0] in "`'" else name, position)
    if kind is Kind.STRING or kind is Kind.QUOTED:
        return Token(kind, _unquote(text), position)
    return Token(kind, text[1:] if kind in (Kind.DOLLAR, Kind.DATE_TIME) else text, position)


def _unquote(text: str) -> str:
    return unescape(text[1:-1])


def _unescape_one(match: re.Match[str]) -> str:
    if match[1] is not None:
        return chr(int(match[1], 16))
    character = match[2]
    if character in _LITERAL_MARKS:
        return character
    # A backslash before any other character is kept: patterns of published invariants rely on it.
    return _ESCAPED.get(character, "\\" + character)
