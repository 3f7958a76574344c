"""A version of a resource as the store keeps it: facts beside the exact text.

The names are those of the stored document; `store.documents` maps them one to one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import Raw, Struct


@dataclass(frozen=True, slots=True)
class Access:
    """Facts that access predicates ask for.  `state` is the life of the item (`current` by default)."""

    labels: tuple[str, ...] = ()
    """Labels in the neutral words of the policy (`masked`), own and inherited; other labels `system|code`."""
    authors: tuple[str, ...] = ()
    """Who deposited it: the identifiers of the actor and of the structure.  Stored as `author`."""
    source: tuple[str, ...] = ()
    """`Type/id` of what its labels are inherited from."""
    from_: datetime | None = None
    """When what is withheld from the person opens to it by itself; None: never.  Stored as `from`."""
    state: str = "current"


@dataclass(frozen=True, slots=True)
class Range:
    """One entry of `search.date`, aware instants, `low <= t < high`.

    `key` is the parameter code and the span class: `date:d` (≤ 1 day), `date:m` (≤ 31 days), `date:l`.
    """

    key: str
    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class Amount:
    """One entry of `search.number`, `search.quantity` or `search.composite`: exact decimal bounds.

    `low` and `high` are decimal literals (`"1.45"`), at most 34 significant digits.
    """

    key: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class SearchEntries:
    """What the indexes know of a resource; every list is free of repeats."""

    token: tuple[str, ...] = ()
    residual: tuple[str, ...] = ()
    string: tuple[str, ...] = ()
    date: tuple[Range, ...] = ()
    number: tuple[Amount, ...] = ()
    quantity: tuple[Amount, ...] = ()
    composite: tuple[Amount, ...] = ()
    sort_date: datetime | None = None
    """The one scalar date of the type; None is stored as the earliest instant there is."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What predicates can see of a document."""

    resource_type: str
    id: str
    owner: str | None
    visibility: int = 0
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True)
class Document:
    """A new version to be written.

    `resource` is the exact JSON tree with `id`, `meta.versionId` and `meta.lastUpdated` already in place;
    None for a deletion.  `version` starts at 1.  `seq` comes from `model.ids.seq_of`.
    """

    facts: Facts
    version: int
    updated: datetime
    seq: int
    resource: dict[str, Any] | None
    search: SearchEntries = field(default_factory=SearchEntries)
    raw: Raw | None = None
    """The exact JSON text of `resource`, where the caller already has it; else the store encodes it."""

    @property
    def deleted(self) -> bool:
        """Whether this version says that the resource is gone."""
        return self.resource is None


class Stored(Struct, frozen=True):
    """A version that was read.  `body` is the exact JSON text as UTF-8 bytes, empty when deleted.

    A page makes hundreds: the making of a frozen dataclass assigns field by field, that of a Struct at once.
    """

    resource_type: str
    id: str
    version: int
    updated: datetime
    seq: int
    deleted: bool
    owner: str | None
    body: bytes
    sort_date: datetime | None = None
    """The position of this version in a page ordered by date; None where it was read by its id."""
    facts: Facts | None = None
    """What predicates see of it, where the reader asked for it."""
