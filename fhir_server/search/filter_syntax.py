"""The text of `_filter`, read into comparisons joined by `and`, `or` and `not`.

    filter     = all *( " or " all )
    all        = one *( " and " one )
    one        = "not" "(" filter ")" / "(" filter ")" / parameter SP operator SP value
    value      = JSON string / characters without space or parenthesis
Spec: https://hl7.org/fhir/R4/search_filter.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, NoReturn

from fhir_server.model.outcome import refuse

DEEPEST: Final = 20
MOST_COMPARISONS: Final = 50
OPERATORS: Final = (
    "eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in",
    "ni", "re",
)  # fmt: skip

_SPACE: Final = re.compile(r"[ \t]*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
_VALUE: Final = re.compile(r"[^\s()\"]+")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Comparison:
    """`code operator value`; `at` is where it begins, in characters from 1."""

    code: str
    operator: str
    value: str
    quoted: bool
    at: int


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One part holds at least."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Expression


Expression = Comparison | Every | Some | Not


def read_expression(text: str) -> Expression:
    """Return what the text says.  Raises FhirError `illegal-parameter-value` with the place of the fault."""
    return _Reader(text).whole()


def fault(at: int, expected: str) -> NoReturn:
    """Refuse the text at a place, counted from 1."""
    raise refuse("illegal-parameter-value", f"`_filter`, character {at}: {expected}.")


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._comparisons = 0

    def whole(self) -> Expression:
        found = self._some(0)
        self._skip()
        if self._at < len(self._text):
            self._fault("`and`, `or` or the end is needed")
        return found

    def _some(self, depth: int) -> Expression:
        if depth > DEEPEST:
            self._fault(f"there are more than {DEEPEST} parentheses within each other")
        parts = [self._every(depth)]
        while self._word("or"):
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _every(self, depth: int) -> Expression:
        parts = [self._one(depth)]
        while self._word("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _one(self, depth: int) -> Expression:
        start = self._at
        if self._word("not"):
            if self._mark("("):
                return Not(self._closed(depth))
            self._at = start
        if self._mark("("):
            return self._closed(depth)
        return self._comparison()

    def _closed(self, depth: int) -> Expression:
        found = self._some(depth + 1)
        if not self._mark(")"):
            self._fault("`)` is needed")
        return found

    def _comparison(self) -> Comparison:
        self._skip()
        at = self._at + 1
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise refuse("too-costly", f"`_filter` takes at most {MOST_COMPARISONS} comparisons.")
        code = self._take(_NAME, "the name of a search parameter is needed")
        if self._text[self._at : self._at + 1] in (".", "[", ":"):
            self._fault(
                "paths and modifiers are not supported here; ask in a chained parameter beside `_filter`"
            )
        self._skip()
        place = self._at
        operator = self._take(_NAME, "an operator is needed")
        if operator not in OPERATORS:
            self._at = place
            self._fault(f"an operator is needed: {', '.join(OPERATORS)}")
        self._skip()
        if self._text[self._at : self._at + 1] == '"':
            return Comparison(code, operator, self._string(), True, at)
        return Comparison(code, operator, self._take(_VALUE, "a value is needed"), False, at)

    def _string(self) -> str:
        place = self._at
        quoted = self._take(_STRING, "the string has no end")
        try:
            text = json.loads(quoted, strict=False)
        except ValueError:
            self._at = place
            self._fault("the string is none of JSON")
        assert isinstance(text, str)
        return text

    def _take(self, pattern: re.Pattern[str], expected: str) -> str:
        self._skip()
        match = pattern.match(self._text, self._at)
        if match is None:
            self._fault(expected)
        self._at = match.end()
        return match.group()

    def _word(self, word: str) -> bool:
        self._skip()
        match = _NAME.match(self._text, self._at)
        if match is None or match.group() != word:
            return False
        self._at = match.end()
        return True

    def _mark(self, mark: str) -> bool:
        self._skip()
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        return True

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        assert match is not None
        self._at = match.end()

    def _fault(self, expected: str) -> NoReturn:
        fault(self._at + 1, expected)
