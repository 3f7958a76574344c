"""What a part asks: a call picks a door and what it is about, a room says what there is to ask about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.worlds.items import Item, Place, build


@dataclass(frozen=True)
class Call:
    """A door and numbers that say what it is asked about."""

    door: str
    target: int = 0
    other: int = 0
    n: int = 0

    def __str__(self) -> str:
        return f"{self.door}({self.target},{self.other},{self.n})"


@dataclass(frozen=True)
class Ask:
    """A request below the base."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Room:
    """What a call can be about: addresses `Type/id` by where they come from, and the person."""

    person: str
    other_person: str
    visible: Sequence[str]
    hidden: Sequence[str]
    nowhere: Sequence[str]
    made: Sequence[str]
    canonical_base: str

    def name(self, number: int) -> str:
        """Return an address, hidden ones as often as all others together."""
        if number % 2 and self.hidden:
            return self.hidden[number // 2 % len(self.hidden)]
        others = (*self.visible, *self.made, *self.nowhere, f"Patient/{self.person}")
        return others[number // 2 % len(others)]

    def type(self, number: int) -> str:
        """Return a type of something that is there."""
        return self.name(number).partition("/")[0]

    def fresh(self, number: int, name: str = "new") -> dict[str, Any]:
        """Return a resource to be written that refers to targets."""
        kind = ("observation", "told", "list", "report", "condition", "document", "provenance")[number % 7]
        target = self.name(number // 7)
        where = Place(self.person, self.canonical_base, {"x": target})
        linked = ("x",) if number % 3 else ()
        return build(Item(kind, name, number % 8, sources=linked), where, 1)
