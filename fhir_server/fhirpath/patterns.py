"""`matches`, `matchesFull` and `replaceMatches`, safe with patterns and texts that strangers wrote.

Spec: https://hl7.org/fhirpath/N1/#matchesregex-string-boolean
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from fhir_server.fhirpath.automaton import Automaton
from fhir_server.fhirpath.backtracking import MAX_STEPS, most_steps
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.limits import check_text
from fhir_server.fhirpath.regex_syntax import Pattern, PatternError, is_regular, nesting, read_pattern

MAX_PATTERN = 2_048
MAX_WORK = 8_000_000
"""Characters of the text times states of the automaton, at most."""
MAX_BACKTRACKED = 2_048
"""Longest text given to Python's backtracking `re`, which look-around and replacing need."""

_DOLLAR = re.compile(r"(?<!\\)((?:\\\\)*)\$$")
_GROUP = re.compile(r"\$(?:\{(\w+)\}|(\d+))")


@dataclass(frozen=True, slots=True)
class _Backtracker:
    """A pattern for Python's `re`, with its tree to tell beforehand what a text would cost."""

    tree: Pattern
    expression: re.Pattern[str]

    def bounded(self, text: str) -> str:
        """Return the text.  Raises FhirPathError where it could take too long."""
        if most_steps(self.tree, len(_bounded(text, MAX_BACKTRACKED))) > MAX_STEPS:
            raise FhirPathError("the pattern could take too long with a text of this length")
        return text


@dataclass(frozen=True, slots=True)
class _Matcher:
    """A pattern as an automaton, or as a `re` where that cannot do it; `lock` guards its memory."""

    automaton: Automaton | None
    backtracker: _Backtracker | None
    lock: Lock


def matches(text: str, pattern: str) -> bool:
    """Return whether the pattern is found anywhere in the text; `.` stands for any character.

    Raises FhirPathError for a pattern that is none, or a text too long for it.
    """
    return _match(text, _matcher(pattern, search=True), search=True)


def matches_full(text: str, pattern: str) -> bool:
    """Return whether the pattern covers the whole text.  Raises as `matches`."""
    return _match(text, _matcher(pattern, search=False), search=False)


def replace(text: str, pattern: str, replacement: str) -> str:
    """Return the text with every match replaced; `$1` or `${name}` stand for groups.

    An empty pattern changes nothing.  Raises as `matches`.
    """
    if not pattern:
        return text
    matcher = _backtracking(pattern)
    # Every character can be replaced, and an empty match before each, by as many copies of groups.
    check_text((len(text) + 1) * (len(replacement) + replacement.count("$") * len(text)))
    try:
        return matcher.expression.sub(_template(replacement), matcher.bounded(text))
    except (re.error, IndexError) as error:
        raise FhirPathError("the replacement names a group that the pattern does not have") from error


def _match(text: str, matcher: _Matcher, *, search: bool) -> bool:
    if matcher.automaton is not None:
        with matcher.lock:
            return matcher.automaton.accepts(_bounded(text, MAX_WORK // matcher.automaton.size))
    if matcher.backtracker is None:
        raise FhirPathError("the pattern cannot be matched")
    expression, bounded = matcher.backtracker.expression, matcher.backtracker.bounded(text)
    found = expression.search(bounded) if search else expression.fullmatch(bounded)
    return found is not None


def _bounded(text: str, limit: int) -> str:
    if len(text) > limit:
        raise FhirPathError(f"the pattern is not matched with a text of more than {limit} characters")
    return text


def _template(replacement: str) -> str:
    return _GROUP.sub(lambda match: rf"\g<{match[1] or match[2]}>", replacement.replace("\\", "\\\\"))


@lru_cache(maxsize=256)
def _matcher(pattern: str, *, search: bool) -> _Matcher:
    try:
        tree = read_pattern(_bounded(pattern, MAX_PATTERN))
        if is_regular(tree):
            return _Matcher(Automaton(tree, search=search), None, Lock())
    except PatternError as error:
        raise FhirPathError(f"the pattern of a match cannot be used: {error}") from error
    return _Matcher(None, _backtracking(pattern), Lock())


@lru_cache(maxsize=256)
def _backtracking(pattern: str) -> _Backtracker:
    try:
        tree = read_pattern(_bounded(pattern, MAX_PATTERN))
        if nesting(tree) > 1:
            raise FhirPathError("a pattern with repeats inside repeats is not used for this")
        # `$` is the very end, as in the automaton; Python's also stands before a last line feed.
        expression = re.compile(_DOLLAR.sub(r"\1\\Z", pattern), re.DOTALL | re.ASCII)
    except (PatternError, re.error, RecursionError, OverflowError) as error:
        raise FhirPathError("the pattern of a match cannot be used") from error
    return _Backtracker(tree, expression)
