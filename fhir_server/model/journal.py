"""A bound question to the access log: which entries, in which order, from where on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fhir_server.model.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class Place:
    """The last entry of a page: where the next page begins.  Within one instant, ids are the order."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class JournalPlan:
    """What to look up; what is None or empty asks for nothing.  All of it holds."""

    owners: tuple[str, ...] = ()
    """The persons whose records were concerned: one of them."""
    ids: tuple[str, ...] = ()
    from_: datetime | None = None
    before: datetime | None = None
    """`from_ <= at < before`, whole milliseconds."""
    interactions: frozenset[str] | None = None
    not_interactions: frozenset[str] = frozenset()
    statuses: tuple[tuple[int, int], ...] = ()
    """Half-open ranges of HTTP statuses: one of them."""
    agents: tuple[str, ...] = ()
    """Identities, names or structures of whom it was, to the letter: one of them."""
    agent_names: tuple[str, ...] = ()
    """What the name begins with, whatever the case: one of them."""
    count: int = 20
    after: Place | None = None
    descending: bool = True


Entries = tuple[AuditEntry, ...]
