"""What the terminology needs of a store of concepts; also what validation asks of terminology."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Concepts(Protocol):
    """Value sets and code systems, wherever they are kept."""

    def members(self, value_set: str) -> Collection[tuple[str, str]] | None:
        """Return every (system, code) of a value set by canonical, None if it cannot be enumerated here."""
        ...

    def lookup(self, system: str, code: str) -> str | None:
        """Return the display of a concept, None if the system does not have it."""
        ...

    def closure(self, system: str, code: str) -> Collection[str]:
        """Return the code and all codes below it."""
        ...

    def above(self, system: str, code: str) -> Collection[str]:
        """Return the code and all codes above it."""
        ...

    def has(self, value_set: str, system: str | None, code: str) -> bool | None:
        """Return whether a value set has the code of that system, or of any system for None.

        None: not known here.  Also answers for sets that `members` cannot list but a rule decides.
        """
        ...
