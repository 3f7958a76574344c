"""`_text` and `_content`: words that have to be there, joined by AND, OR and NOT, with parentheses.

Words without an operator between them all have to be there, in any order; `metast*` is any word that begins
so.  A quoted text asks for all its words.
Spec: https://hl7.org/fhir/R4/search.html#text
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.plan import And, Condition, Contains, Negation, Or, StartsWith
from fhir_server.search.collector import Sink
from fhir_server.search.escape import unescape
from fhir_server.search.fold import fold_words
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.words import CONTENT, TEXT, head_of

MOST_WORDS: Final = 30
"""Words of one value."""
DEEPEST: Final = 10
"""Parentheses within each other."""
ENTRIES: Final = {TEXT: (TEXT,), CONTENT: (CONTENT, TEXT)}
"""Parameter → the entries that its words can be in."""

_PIECE: Final = re.compile(r'\s*(?:(?P<mark>[()])|"(?P<quoted>[^"]*)"|(?P<bare>[^\s()"]+))')


def _no_sink(_name: str, _source: Source, _parameter: Parameter, _setting: Setting) -> Sink | None:
    return None


def _read(parameter: Parameter, _modifier: str | None, text: str, _reading: Reading) -> Condition:
    return _Reader(parameter.code, unescape(text)).whole()


class _Reader:
    """Reads one value; OR binds weakest, NOT strongest."""

    def __init__(self, code: str, text: str) -> None:
        self._code = code
        self._pieces = [
            ("text", match["quoted"])
            if match["quoted"] is not None
            else _kind(match["mark"] or match["bare"])
            for match in _PIECE.finditer(text)
        ]
        self._at = 0
        self._words = 0

    def whole(self) -> Condition:
        found = self._any(0)
        if self._at < len(self._pieces):
            raise self._refused()
        return found

    def _any(self, depth: int) -> Condition:
        if depth > DEEPEST:
            raise self._refused()
        parts = [self._all(depth)]
        while self._next("or"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self._next("and") or self._kind() in ("(", "not", "text"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self, depth: int) -> Condition:
        if self._next("not"):
            return Negation(self._one(depth + 1) if depth <= DEEPEST else self._any(depth))
        if self._next("("):
            found = self._any(depth + 1)
            if not self._next(")"):
                raise self._refused()
            return found
        if self._kind() != "text":
            raise self._refused()
        text = self._pieces[self._at][1]
        self._at += 1
        return self._has(text)

    def _has(self, text: str) -> Condition:
        words: Sequence[str] = list(fold_words(text))
        self._words += len(words)
        if not words or self._words > MOST_WORDS:
            raise self._refused()
        ends = ["" if text.endswith("*") and at == len(words) - 1 else " " for at in range(len(words))]
        parts = tuple(self._word(f" {word}{end}") for word, end in zip(words, ends))
        return parts[0] if len(parts) == 1 else And(parts)

    def _word(self, part: str) -> Condition:
        found = tuple(Contains("residual", head_of(name), (part,)) for name in ENTRIES[self._code])
        return found[0] if len(found) == 1 else Or(found)

    def _kind(self) -> str:
        return self._pieces[self._at][0] if self._at < len(self._pieces) else ""

    def _next(self, kind: str) -> bool:
        if self._kind() != kind:
            return False
        self._at += 1
        return True

    def _refused(self) -> FhirError:
        return refuse(
            "illegal-parameter-value",
            f"`{self._code}` needs words with a letter or digit, {MOST_WORDS} at most, joined by AND, OR and "
            "NOT: `(bone OR liver) AND metast*`.",
        )


def _kind(piece: str) -> tuple[str, str]:
    folded = piece.lower()
    # `not` in small letters is a word that people look for; R4 itself writes `and` so.
    is_operator = folded in ("and", "or") or piece in ("NOT", "(", ")")
    return (folded if is_operator else "text"), piece


def _bind(filter: Filter, _systems: SystemsOf) -> Condition:
    return filter.values[0] if len(filter.values) == 1 else Or(filter.values)


def _present(parameter: Parameter) -> Condition:
    return StartsWith("residual", tuple(head_of(name) for name in ENTRIES[parameter.code]))


TYPE = ParameterType("string", frozenset(), _no_sink, _read, _bind, _present)
