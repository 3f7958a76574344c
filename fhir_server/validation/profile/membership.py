"""Membership in value sets, remembered as sets of codes: terminology is asked once for each value set."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Concepts(Protocol):
    """What is asked of terminology (`terminology.ports.Concepts`)."""

    def members(self, value_set: str) -> Collection[tuple[str, str]] | None:
        """Return every (system, code) of a value set by canonical, None if it cannot be enumerated here."""
        ...


class Membership:
    """Answers `bindings.Members` from `Concepts`."""

    __slots__ = ("_codes", "_concepts")

    def __init__(self, concepts: Concepts) -> None:
        self._concepts = concepts
        self._codes: dict[str, frozenset[str] | None] = {}

    def has(self, value_set: str, system: str | None, code: str) -> bool | None:
        """Return whether the set has the code (of any system for None); None: not known."""
        members = self._concepts.members(value_set)
        if members is None:
            return None
        if system is not None:
            return (system, code) in members
        if value_set not in self._codes:
            self._codes[value_set] = frozenset(code for _, code in members)
        codes = self._codes[value_set]
        return codes is not None and code in codes
