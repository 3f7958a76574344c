"""A small language that points into JSON: `entry[0].resource.id`, `issue[?code=not-found].expression`.

    path     = [ name *selector *( "." name *selector ) ]     ; the empty path is the whole tree
    selector = "[" index "]" | "[?" name *( "." name ) "=" value "]"
    index    = an integer; negative ones count from the end
    value    = text without "]" or '"', or any text without '"' between '"' and '"'

A name asked of an array is asked of each item, and what a path ends at is given item by item, so that
`name.given` is every given name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance.literal_json import text_of

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
INDEX = re.compile(r"\[(-?\d+)\]")
WHERE = re.compile(r"\[\?([A-Za-z_][A-Za-z0-9_.-]*)=(?:\"([^\"]*)\"|([^\]\"]*))\]")


class BadPath(ValueError):
    """A text is not a path."""


@dataclass(frozen=True, slots=True)
class Member:
    """The member of an object."""

    name: str

    def of(self, values: list[Any]) -> Iterator[Any]:
        """Yield what each value has under the name."""
        for value in _items(values):
            if isinstance(value, dict) and self.name in value:
                yield value[self.name]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Item:
    """The item of an array; a negative index counts from the end."""

    index: int

    def of(self, values: list[Any]) -> Iterator[Any]:
        """Yield that item of each array that has it."""
        for value in values:
            if isinstance(value, list) and -len(value) <= self.index < len(value):
                yield value[self.index]

    def __str__(self) -> str:
        return f"[{self.index}]"


@dataclass(frozen=True, slots=True)
class Where:
    """The items of an array that have a value somewhere below them."""

    names: tuple[str, ...]
    value: str

    def of(self, values: list[Any]) -> Iterator[Any]:
        """Yield the items for which one of the values at `names` reads as `value`."""
        inner = tuple(Member(name) for name in self.names)
        for item in _items(values):
            if any(text_of(found) == self.value for found in select(item, inner)):
                yield item

    def __str__(self) -> str:
        return f'[?{".".join(self.names)}="{self.value}"]'


Path = tuple[Member | Item | Where, ...]


def parse_path(text: str) -> Path:
    """Return the path that a text says.  Raises BadPath."""
    steps: list[Member | Item | Where] = []
    step: Member | Item | Where
    position = 0
    while position < len(text):
        if text[position] == "[" and steps:
            step, position = _selector(text, position)
        else:
            step, position = _member(text, position, first=not steps)
        steps.append(step)
    return tuple(steps)


def write_path(path: Path) -> str:
    """Return the text of a path."""
    return "".join(f".{step}" if isinstance(step, Member) else str(step) for step in path).removeprefix(".")


def select(tree: Any, path: Path) -> list[Any]:
    """Return the values that a path leads to, in the order of the text; none if it leads nowhere."""
    values = [tree]
    for step in path:
        values = list(step.of(values))
    return list(_items(values))


def _member(text: str, position: int, first: bool) -> tuple[Member, int]:
    start = position
    if not first:
        if text[position] != ".":
            raise BadPath(f"a dot is missing at character {position + 1} of {text!r}")
        start += 1
    found = NAME.match(text, start)
    if found is None:
        raise BadPath(f"a name is missing at character {start + 1} of {text!r}")
    return Member(found[0]), found.end()


def _selector(text: str, position: int) -> tuple[Item | Where, int]:
    if found := INDEX.match(text, position):
        return Item(int(found[1])), found.end()
    if found := WHERE.match(text, position):
        names = tuple(found[1].split("."))
        if all(NAME.fullmatch(name) for name in names):
            return Where(names, found[3] if found[2] is None else found[2]), found.end()
    raise BadPath(f"no selector begins at character {position + 1} of {text!r}")


def _items(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value
