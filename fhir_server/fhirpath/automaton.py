"""Regular expressions that take time in proportion to the text, whatever the text.

A pattern becomes a nondeterministic automaton; the sets of its states that a text leads through are made
as they are met and remembered, so that a text like earlier ones costs one look-up per character.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fhir_server.fhirpath.regex_syntax import (
    Characters,
    Choice,
    Edge,
    Pattern,
    PatternError,
    Repeat,
    Sequence,
)  # fmt: skip

MAX_STATES = 4_000
MAX_REMEMBERED = 200_000
"""Transitions and members of sets kept at most; past it the memory of an automaton starts anew."""


@dataclass(slots=True)
class _State:
    """Leads to `target` by a character of `on`, or to `free` without one, an `edge` allowing."""

    on: Characters | None = None
    target: int = -1
    free: list[int] = field(default_factory=list)
    edge: Edge | None = None


@dataclass(slots=True)
class _Set:
    """A set of states with what is known of its future; `accepts` inside the text, `ends` at its end."""

    states: frozenset[int]
    accepts: bool
    ends: bool
    next: dict[str, _Set] = field(default_factory=dict)


class Automaton:
    """`search`: a match anywhere counts; otherwise the whole text has to match."""

    __slots__ = ("_final", "_known", "_remembered", "_search", "_start", "_states")

    def __init__(self, pattern: Pattern, *, search: bool) -> None:
        self._states: list[_State] = []
        self._search = search
        self._final = self._new()
        self._start = self._build(pattern, self._final)
        self._known: dict[frozenset[int], _Set] = {}
        self._remembered = 0

    @property
    def size(self) -> int:
        """How many states there are: the most that one character can cost."""
        return len(self._states)

    def accepts(self, text: str) -> bool:
        """Return whether the text matches.  Not to be shared by threads while it runs."""
        current = self._initial(not text)
        for character in text:
            if self._search and current.accepts:
                return True
            following = current.next.get(character)
            if following is None:
                following = self._follow(current, character)
            current = following
        return current.ends or (self._search and current.accepts)

    def _initial(self, is_empty: bool) -> _Set:
        reached = self._closure({self._start}, at_start=True, at_end=is_empty)
        if is_empty:
            return _Set(reached, self._final in reached, self._final in reached)
        return self._set(reached)

    def _follow(self, current: _Set, character: str) -> _Set:
        if self._remembered > MAX_REMEMBERED:
            self._known.clear()
            self._remembered = 0
            current = self._set(current.states)
        moved = {
            state.target
            for state in (self._states[number] for number in current.states)
            if state.on is not None and state.on.has(character)
        }
        if self._search:
            moved.add(self._start)
        following = self._set(self._closure(moved, at_start=False, at_end=False))
        current.next[character] = following
        self._remembered += 1 + len(following.states)
        return following

    def _set(self, states: frozenset[int]) -> _Set:
        known = self._known.get(states)
        if known is None:
            at_end = self._closure(set(states), at_start=False, at_end=True)
            known = _Set(states, self._final in states, self._final in at_end)
            self._known[states] = known
        return known

    def _closure(self, numbers: set[int], *, at_start: bool, at_end: bool) -> frozenset[int]:
        reached = set(numbers)
        waiting = list(numbers)
        while waiting:
            state = self._states[waiting.pop()]
            if state.edge is not None and not (at_start if state.edge.is_start else at_end):
                continue
            for number in state.free:
                if number not in reached:
                    reached.add(number)
                    waiting.append(number)
        return frozenset(reached)

    def _new(self, on: Characters | None = None, target: int = -1, edge: Edge | None = None) -> int:
        if len(self._states) >= MAX_STATES:
            raise PatternError(f"the pattern needs more than {MAX_STATES} states")
        self._states.append(_State(on, target, edge=edge))
        return len(self._states) - 1

    def _build(self, pattern: Pattern, final: int) -> int:
        """Return the state from which `pattern` leads to `final`."""
        match pattern:
            case Characters():
                return self._new(pattern, final)
            case Sequence(parts):
                for part in reversed(parts):
                    final = self._build(part, final)
                return final
            case Choice(parts):
                fork = self._new()
                self._states[fork].free = [self._build(part, final) for part in parts]
                return fork
            case Edge():
                gate = self._new(edge=pattern)
                self._states[gate].free = [final]
                return gate
            case Repeat(inner, least, most):
                return self._repeat(inner, least, most, final)
        raise PatternError("the pattern is not regular")

    def _repeat(self, inner: Pattern, least: int, most: int | None, final: int) -> int:
        if most is None:
            loop = self._new()
            self._states[loop].free = [self._build(inner, loop), final]
            final = loop
        else:
            end = final
            for _ in range(most - least):
                fork = self._new()
                self._states[fork].free = [self._build(inner, final), end]
                final = fork
        for _ in range(least):
            final = self._build(inner, final)
        return final
