"""What is asked of a history and what is found: versions of one resource, of types, or of everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fhir_server.model.document import Stored
from fhir_server.model.temporal import Interval


@dataclass(frozen=True, slots=True)
class Place:
    """A version's place in the order of a history: by update time, `seq`, type, id, version."""

    updated: datetime
    seq: int
    resource_type: str
    id: str
    version: int


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """Which versions, in which order, how many.

    `resource_type=None` stands for every type, `id=None` for every resource.  `since` is inclusive.
    `at` keeps what was current at some time within it; of deletions, those that happened within it.
    """

    resource_type: str | None = None
    id: str | None = None
    since: datetime | None = None
    at: Interval | None = None
    descending: bool = True
    count: int = 20
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A version in a history; `created` says that before it there was nothing, or a deletion."""

    stored: Stored
    created: bool


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """At most `HistoryPlan.count` versions in order; `next` is None on the last page."""

    entries: tuple[Version, ...]
    next: Place | None = None
