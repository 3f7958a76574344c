"""What a batch of the access log holds, and which entries come next: pure, over numbers and instants.

The entries of a worker are numbered from 1.  A batch takes them in the order of their numbers; at a missing
number it waits, because a transaction that began earlier may still bring it, and after a while goes on and
keeps the number as a gap.  An entry that fills a gap later is taken by a later batch: nothing is lost.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from fhir_server.access.merkle import Frontier, split_hashes

GAP_WAIT: Final = timedelta(seconds=10)
"""How old the entry after a missing number must be before that number counts as a gap."""
WINDOW: Final = timedelta(seconds=150)
"""An entry is in the database this long after its request began, or never: transactions end after 60 s, the
question whether a commit took place after 15 more, and clocks may disagree by as much."""


class Span(NamedTuple):
    """The numbers `first` to `last` of one worker, both included."""

    worker: str
    first: int
    last: int


class Place(NamedTuple):
    """What the sequencer knows of an entry."""

    worker: str
    number: int
    at: datetime | None
    """When its request began; None where the document does not say."""
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """How far the entries of a worker were taken, and which numbers below are missing."""

    worker: str
    last: int = 0
    gaps: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that were put under one checkpoint, in the order of their workers and numbers."""

    number: int
    time: datetime
    since: datetime
    """The last time that nothing was left to take: what is in this batch came after it, or filled a gap."""
    spans: tuple[Span, ...]
    gaps: tuple[Span, ...]
    """Numbers that this batch passed over."""
    leaves: bytes
    """The leaf hashes in a row."""
    frontier: Frontier
    """Of the tree after this batch."""
    note: str
    """The signed checkpoint."""

    @property
    def first_index(self) -> int:
        """The index in the tree of the first entry."""
        return self.frontier.size - len(self.hashes())

    def hashes(self) -> tuple[bytes, ...]:
        """Return the leaf hashes.  Raises ValueError for what is no row of hashes."""
        return split_hashes(self.leaves)

    def content(self) -> bytes:
        """Return the hash by which the checkpoint holds the rest of the batch."""
        return content_digest(self.since, self.spans, self.gaps)

    def offset(self, worker: str, number: int) -> int | None:
        """Return the place of an entry among those of the batch, None if it is not one of them."""
        before = 0
        for span in self.spans:
            if span.worker == worker and span.first <= number <= span.last:
                return before + number - span.first
            before += span.last - span.first + 1
        return None


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that an entry is in the log: `path` leads from its leaf to the root of the checkpoint."""

    canonical: bytes
    index: int
    path: tuple[bytes, ...]
    note: str


class NotInBatch(Exception):
    """An entry is in no batch yet (`waits`), or not as it stands in the database."""

    def __init__(self, *, waits: bool) -> None:
        super().__init__("the entry is in no batch" if waits else "the entry is not that of its batch")
        self.waits = waits


def content_digest(since: datetime, spans: Sequence[Span], gaps: Sequence[Span]) -> bytes:
    """Return the hash of what a batch says beside its leaves."""
    told = {"gaps": gaps, "since": milliseconds(since), "spans": spans}
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).digest()


def milliseconds(instant: datetime) -> int:
    """Return the whole milliseconds since 1970 of an aware instant."""
    return int(instant.replace(microsecond=0).timestamp()) * 1000 + instant.microsecond // 1000


def spans_of(places: Iterable[Place]) -> tuple[Span, ...]:
    """Return the runs of numbers of places in the order of their workers and numbers."""
    spans: list[Span] = []
    for place in places:
        last = spans[-1] if spans else None
        if last is not None and (last.worker, last.last + 1) == (place.worker, place.number):
            spans[-1] = last._replace(last=place.number)
        else:
            spans.append(Span(place.worker, place.number, place.number))
    return tuple(spans)


def following(head: Head, places: Iterable[Place], now: datetime) -> tuple[list[Place], list[Span]]:
    """Return which of the places after a head are to be taken now, and the gaps that are passed over.

    `places` are those of its worker in the order of their numbers.  Two of one number: the second is left.
    """
    taken: list[Place] = []
    gaps: list[Span] = []
    last = head.last
    for place in places:
        if place.number <= last:
            continue
        if place.number > last + 1:
            if place.at is not None and place.at > now - GAP_WAIT:
                break
            gaps.append(Span(head.worker, last + 1, place.number - 1))
        taken.append(place)
        last = place.number
    return taken, gaps


def advanced(head: Head, taken: Sequence[Place], gaps: Sequence[Span]) -> Head:
    """Return a head after a batch took these places of its worker, late ones among them."""
    open_gaps = [*head.gaps, *gaps]
    last = head.last
    for place in taken:
        if place.number > last:
            last = place.number
        else:
            open_gaps = [part for gap in open_gaps for part in without(gap, place.number)]
    return Head(head.worker, last, tuple(sorted(open_gaps)))


def without(gap: Span, number: int) -> tuple[Span, ...]:
    """Return what is left of a gap when a number is no longer missing."""
    if not gap.first <= number <= gap.last:
        return (gap,)
    parts = (Span(gap.worker, gap.first, number - 1), Span(gap.worker, number + 1, gap.last))
    return tuple(part for part in parts if part.first <= part.last)
