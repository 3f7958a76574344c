"""Regular expressions read into a tree.

The dialect is what XML Schema, Java and JavaScript share.  What an automaton cannot do (look-around,
back-references, word boundaries, flags) becomes `Special`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Ranges = tuple[tuple[str, str], ...]

MAX_REPEAT = 1_000
MAX_DEPTH = 50


class PatternError(ValueError):
    """The pattern is no regular expression of the dialect."""


@dataclass(frozen=True, slots=True)
class Characters:
    """One character: in one of the ranges, of one of the Unicode categories, or in a nested class."""

    ranges: Ranges = ()
    categories: tuple[str, ...] = ()
    nested: tuple[Characters, ...] = ()
    negated: bool = False

    def has(self, character: str) -> bool:
        """Return whether the character belongs to the class."""
        found = (
            any(low <= character <= high for low, high in self.ranges)
            or (bool(self.categories) and unicodedata.category(character).startswith(self.categories))
            or any(inner.has(character) for inner in self.nested)
        )
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class Sequence:
    """One part after the other."""

    parts: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of the parts."""

    parts: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`least` to `most` times; `most` None is without end."""

    inner: Pattern
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """The start (`^`) or the end (`$`) of the text."""

    is_start: bool


@dataclass(frozen=True, slots=True)
class Special:
    """Something that needs backtracking; `inner` is what it holds, for measuring.

    `is_atomic`: once it has matched, no other way through it is tried.
    """

    inner: Pattern | None = None
    is_atomic: bool = False


Pattern = Characters | Sequence | Choice | Repeat | Edge | Special

_ANY = Characters(negated=True)
_DIGIT = Characters((("0", "9"),))
_WORD = Characters((("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")))
_SPACE = Characters((("\t", "\r"), (" ", " ")))
_CLASSES: Mapping[str, Characters] = MappingProxyType({"d": _DIGIT, "w": _WORD, "s": _SPACE})
_CONTROLS: Mapping[str, str] = MappingProxyType({
    "t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b", "0": "\0",
})  # fmt: skip
_QUANTIFIERS: Mapping[str, tuple[int, int | None]] = MappingProxyType({
    "*": (0, None), "+": (1, None), "?": (0, 1),
})  # fmt: skip


def read_pattern(text: str) -> Pattern:
    """Return the tree of a pattern.  Raises PatternError."""
    reader = _Reader(text)
    tree = reader.choice(0)
    if not reader.is_done:
        raise PatternError("unbalanced parenthesis")
    return tree


def nesting(tree: Pattern) -> int:
    """Return how deep repeats without a small bound lie inside each other."""
    if isinstance(tree, Repeat):
        own = 1 if tree.most is None or tree.most > 1 else 0
        return own + nesting(tree.inner)
    if isinstance(tree, Sequence | Choice):
        return max(map(nesting, tree.parts), default=0)
    return nesting(tree.inner) if isinstance(tree, Special) and tree.inner is not None else 0


def is_regular(tree: Pattern) -> bool:
    """Return whether an automaton can do it."""
    if isinstance(tree, Sequence | Choice):
        return all(map(is_regular, tree.parts))
    return is_regular(tree.inner) if isinstance(tree, Repeat) else not isinstance(tree, Special)


class _Reader:
    """One pass over one pattern."""

    __slots__ = ("_at", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at == len(self._text)

    def choice(self, depth: int) -> Pattern:
        if depth > MAX_DEPTH:
            raise PatternError("the pattern nests too deep")
        parts = [self._sequence(depth)]
        while self._accept("|"):
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _sequence(self, depth: int) -> Pattern:
        parts: list[Pattern] = []
        while not self.is_done and self._peek() not in "|)":
            parts.append(self._quantified(self._atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _quantified(self, atom: Pattern) -> Pattern:
        while not self.is_done:
            bounds = self._bounds()
            if bounds is None:
                return atom
            least, most = bounds
            if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
                raise PatternError("the bounds of a repeat are not usable")
            atom = Repeat(atom, least, most)
            if self._accept("+"):
                atom = Special(atom)
            else:
                self._accept("?")  # a lazy repeat finds a match exactly when a greedy one does
        return atom

    def _bounds(self) -> tuple[int, int | None] | None:
        mark = self._peek()
        if mark in _QUANTIFIERS:
            self._at += 1
            return _QUANTIFIERS[mark]
        end = self._text.find("}", self._at)
        if mark != "{" or end < 0:
            return None
        least, comma, most = self._text[self._at + 1 : end].partition(",")
        if not least.isdecimal() or (most and not most.isdecimal()) or len(least + most) > 8:
            return None
        self._at = end + 1
        return int(least), (int(most) if most else None) if comma else int(least)

    def _atom(self, depth: int) -> Pattern:
        mark = self._next()
        match mark:
            case "(":
                return self._group(depth)
            case "[":
                return self._class()
            case ".":
                return _ANY
            case "^":
                return Edge(is_start=True)
            case "$":
                return Edge(is_start=False)
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise PatternError("nothing to repeat")
        return Characters(((mark, mark),))

    def _group(self, depth: int) -> Pattern:
        is_special, mark = False, ""
        if self._accept("?"):
            mark = self._next()
            if mark == "<" and self._peek() not in "=!":
                self._at = self._text.find(">", self._at) + 1 or len(self._text)
            elif mark != ":":
                # Look-around, atomic groups and flags: measured as if they were a group.
                is_special = True
        inner = self.choice(depth + 1)
        if not self._accept(")"):
            raise PatternError("a group is not closed")
        return Special(inner, mark in ("=", "!", "<", ">")) if is_special else inner

    def _escape(self) -> Pattern:
        mark = self._peek()
        if mark in "bBG" or mark in "123456789" or mark == "k":
            self._at += 1
            return Special()
        if mark in ("A", "z", "Z"):
            self._at += 1
            return Edge(is_start=mark == "A")
        found = self._escaped()
        return Characters(((found, found),)) if isinstance(found, str) else found

    def _escaped(self) -> str | Characters:
        mark = self._next()
        if mark.lower() in _CLASSES:
            inner = _CLASSES[mark.lower()]
            return inner if mark.islower() else Characters(nested=(inner,), negated=True)
        if mark in "pP":
            return Characters(categories=(self._category(),), negated=mark == "P")
        if mark in "xu":
            digits = self._text[self._at : self._at + (2 if mark == "x" else 4)]
            self._at += len(digits)
            try:
                return chr(int(digits, 16))
            except ValueError:
                raise PatternError("a character code is not hexadecimal") from None
        if mark.isalnum() and mark not in _CONTROLS:
            raise PatternError(f"the escape \\{mark} is not known")
        return _CONTROLS.get(mark, mark)

    def _category(self) -> str:
        end = self._text.find("}", self._at)
        if not self._accept("{") or end < 0 or len(name := self._text[self._at : end]) not in (1, 2):
            raise PatternError("a Unicode category needs one or two letters in braces")
        self._at = end + 1
        return name

    def _class(self) -> Characters:
        negated = self._accept("^")
        ranges: list[tuple[str, str]] = []
        nested: list[Characters] = []
        is_first = True
        while is_first or self._peek() != "]":
            is_first = False
            low = self._class_part()
            if isinstance(low, Characters):
                nested.append(low)
                continue
            high: str | Characters = low
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._class_part()
            if isinstance(high, Characters) or high < low:
                raise PatternError("a range of characters runs backwards")
            ranges.append((low, high))
        self._at += 1
        return Characters(tuple(ranges), nested=tuple(nested), negated=negated)

    def _class_part(self) -> str | Characters:
        mark = self._next()
        if (mark == "[" and self._peek() == ":") or (mark == "&" and self._peek() == "&"):
            raise PatternError("POSIX classes and class intersections are not supported")
        if mark != "\\":
            return mark
        if self._accept("b"):
            return "\b"
        return self._escaped()

    def _peek(self) -> str:
        if self.is_done:
            raise PatternError("the pattern ends too early")
        return self._text[self._at]

    def _next(self) -> str:
        mark = self._peek()
        self._at += 1
        return mark

    def _accept(self, mark: str) -> bool:
        if self._text.startswith(mark, self._at):
            self._at += len(mark)
            return True
        return False
