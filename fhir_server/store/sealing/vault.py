"""What a key vault is: a place for wrapped keys that is not the database of the records.

It has its own backups.  Whoever has only the vault or only the database reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Fact = Literal["masters", "complete"]
"""Sets of words that a vault keeps: names of the master keys that wrapped something, and databases that hold
nothing unsealed any more."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key of a person: its number (random, within int32), the master key by name, nonce and ciphertext."""

    number: int
    master: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """All keys of a person, the last one is in use; `version` counts the changes, from 1.

    Once `destroyed` there is no key left, and there never will be again.  `erased` is when what the keys had
    sealed was last deleted from the database.
    """

    owner: str
    version: int
    keys: tuple[WrappedKey, ...]
    destroyed: datetime | None = None
    erased: datetime | None = None


class Vault(Protocol):
    """Wrapped keys by person.  Every method raises FhirError `database-unavailable` where it cannot answer.

    What `create` and `replace` wrote is durable when they return.
    """

    @property
    def id(self) -> str:
        """Which vault this is: a database of records remembers the one that it was sealed with."""
        ...

    @property
    def settles_s(self) -> float:
        """For how long, in seconds, a process may go on with what it has read, before it asks for `epoch`."""
        ...

    def epoch(self) -> str:
        """Return a text that is another one after every `replace` and `touch`."""
        ...

    def touch(self) -> None:
        """Make every process read again what it has read, `settles_s` from now at the latest."""
        ...

    def read(self, owner: str) -> KeyRecord | None:
        """Return the keys of a person, None if there never were any."""
        ...

    def create(self, record: KeyRecord) -> KeyRecord:
        """Keep the first keys of a person, unless there are some; return those that are kept."""
        ...

    def replace(self, record: KeyRecord) -> bool:
        """Keep `record` in the place of the version before it; False if that is not the current one."""
        ...

    def records(self) -> Iterator[KeyRecord]:
        """Yield the keys of every person, in no order."""
        ...

    def destroyed(self) -> Iterator[KeyRecord]:
        """Yield what is left of those whose keys were destroyed, in no order."""
        ...

    def facts(self, fact: Fact) -> frozenset[str]:
        """Return a set of words."""
        ...

    def note(self, fact: Fact, word: str) -> None:
        """Add a word to a set."""
        ...

    def drop(self, fact: Fact, word: str) -> None:
        """Remove a word from a set."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
