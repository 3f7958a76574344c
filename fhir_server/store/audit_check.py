"""Verifying the access log: every batch against its signature, every entry against its batch.

What is found is named: the entry by its id, worker and number, the batch by its number.  What is only known
to be unknown (numbers that nobody has, entries after the last checkpoint) is reported apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fhir_server.access.batches import WINDOW, Batch, Head, Span
from fhir_server.access.checkpoints import NO_CHECKPOINT, Checkpoint, IllegalCheckpoint, open_note, read_note
from fhir_server.access.merkle import Frontier
from fhir_server.store.batch_documents import IllegalBatch, read_batch
from fhir_server.store.ledger import Logged, MongoLedger
from fhir_server.store.sequencer import EPOCH

CHUNK_ENTRIES = 2_000
CHUNK_BATCHES = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was: `kind` is a word of the table in docs/audit-proof.md."""

    kind: str
    text: str
    batch: int | None = None
    entry: str | None = None
    worker: str | None = None
    number: int | None = None


@dataclass(slots=True)
class Report:
    """What was looked at and found."""

    batches: int = 0
    entries: int = 0
    findings: list[Finding] = field(default_factory=list)
    missing: list[Span] = field(default_factory=list)
    """Numbers that no entry has and no batch took: their commits were refused, or their worker was killed."""
    pending: int = 0
    """Entries after the last checkpoint, about which nothing can be said."""
    oldest_pending: datetime | None = None
    last: Checkpoint | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """Which batches and entries to look at, by their time; None: no bound."""

    since: datetime | None = None
    before: datetime | None = None

    def has(self, instant: datetime | None) -> bool:
        """Return whether an instant is within; one that is unknown is."""
        if instant is None:
            return True
        return (self.since is None or instant >= self.since) and (
            self.before is None or instant < self.before
        )


@dataclass(slots=True)
class Check:
    """One verification.  `copies` are the notes of the second place by number; None: there is none."""

    ledger: MongoLedger
    keys: Sequence[Ed25519PublicKey]
    copies: Mapping[int, str] | None
    now: datetime
    period: Period = field(default_factory=Period)
    report: Report = field(default_factory=Report)
    _covered: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    _previous: Checkpoint | None = None
    _frontier: Frontier | None = field(default_factory=Frontier)
    _last_time: datetime = EPOCH
    _is_whole: bool = True
    """Whether every batch could be read, so that what they took is known."""

    def run(self) -> Report:
        """Look at everything once.  Raises FhirError when the database is away."""
        heads = self._heads()
        chunk: list[Batch] = []
        for batch in self._batches():
            self._cover(batch)
            self._follow(batch)
            if self.period.has(batch.time):
                chunk.append(batch)
            if len(chunk) >= CHUNK_BATCHES or sum(len(one.hashes()) for one in chunk) >= CHUNK_ENTRIES:
                self._entries(chunk)
                chunk = []
        self._entries(chunk)
        self._outside()
        self._left_copies()
        self._ahead(heads)
        self.report.last = self._previous
        return self.report

    def _heads(self) -> Mapping[str, Head]:
        try:
            return self.ledger.heads()
        except IllegalBatch as reason:
            self._find("batch-altered", f"What the sequencer knows of a worker cannot be read: {reason}.")
            return {}

    def _batches(self) -> Iterator[Batch]:
        """Yield the batches that can be read, in order; tell of those that cannot or are not there."""
        expected = 1
        for document in self.ledger.documents():
            number = document["_id"]
            if not isinstance(number, int) or number < expected:
                self._find("batch-altered", f"{number!r} is no number of a batch.")
                continue
            for missing in range(expected, min(number, expected + 1_000)):
                self._find("batch-missing", f"Batch {missing} is missing.", batch=missing)
            if number > expected:
                self._previous = self._frontier = None
                self._is_whole = False
            expected = number + 1
            try:
                yield read_batch(document)
            except IllegalBatch as reason:
                self._find("batch-altered", f"Batch {number} cannot be read: {reason}.", batch=number)
                self._previous = self._frontier = None
                self._is_whole = False

    def _follow(self, batch: Batch) -> None:
        """Hold a batch against its note, the note against key, copy and the one before; go on from it."""
        self.report.batches += 1
        number = batch.number
        checkpoint: Checkpoint | None
        try:
            checkpoint = open_note(batch.note, self.keys)
        except IllegalCheckpoint as reason:
            self._find("signature", f"Batch {number}: {reason}", batch=number)
            checkpoint = _unverified(batch.note)
        if self.copies is not None:
            self._compare(number, batch.note)
        frontier = self._frontier.extended(batch.hashes()) if self._frontier is not None else batch.frontier
        for text in _disagreements(batch, checkpoint, frontier, self._previous):
            self._find("batch-altered", f"Batch {number}: {text}.", batch=number)
        self._previous = checkpoint
        holds = checkpoint is not None and frontier.root() == checkpoint.root
        self._frontier = frontier if holds else batch.frontier
        self._last_time = max(self._last_time, batch.time)

    def _compare(self, number: int, note: str) -> None:
        assert self.copies is not None
        copy = self.copies.get(number)
        if copy is None:
            newest = max(self.copies, default=0)
            if number < newest:
                text = f"The second place has no checkpoint {number}, though later ones."
                self._find("copy-missing", text, batch=number)
        elif copy != note:
            text = f"Checkpoint {number} differs from its copy in the second place: one was rewritten."
            self._find("copy-differs", text, batch=number)

    def _left_copies(self) -> None:
        last = 0 if self._previous is None else self._previous.number
        for number in sorted(self.copies or ()):
            if number > last:
                text = f"The second place has checkpoint {number}, the database has no such batch."
                self._find("batch-missing", text, batch=number)

    def _ahead(self, heads: Mapping[str, Head]) -> None:
        """Tell of workers of which more was taken than the batches hold: the last ones are gone."""
        for worker, head in sorted(heads.items()) if self._is_whole else ():
            covered = self._covered.get(worker)
            if head.last > (covered[-1].last if covered else 0):
                text = f"Numbers up to {head.last} of worker {worker} were taken by a batch that is gone."
                self._find("batch-missing", text, worker=worker, number=head.last)

    def _cover(self, batch: Batch) -> None:
        for span in batch.spans:
            if any(one.first <= span.last and span.first <= one.last for one in self._covered[span.worker]):
                text = f"Batch {batch.number} takes numbers of worker {span.worker} that another one took."
                self._find("batch-altered", text, batch=batch.number, worker=span.worker)
            _join(self._covered[span.worker], span)

    def _entries(self, batches: Sequence[Batch]) -> None:
        spans = _merged(span for batch in batches for span in batch.spans)
        found: dict[tuple[str | None, int | None], list[Logged]] = defaultdict(list)
        for logged in self.ledger.within(spans):
            found[logged.worker, logged.number].append(logged)
        for batch in batches:
            hashes = iter(batch.hashes())
            for span in batch.spans:
                for number in range(span.first, span.last + 1):
                    self._entry(batch, span.worker, number, next(hashes), found[span.worker, number])

    def _entry(self, batch: Batch, worker: str, number: int, leaf: bytes, found: list[Logged]) -> None:
        self.report.entries += 1
        same = next((logged for logged in found if logged.leaf == leaf), None)
        if not found:
            text = f"The entry {number} of worker {worker}, in batch {batch.number}, is gone."
            self._find("entry-missing", text, batch=batch.number, worker=worker, number=number)
        elif same is None:
            for logged in found:
                self._tell("entry-altered", "is not what was put in batch", logged, batch.number)
        else:
            for logged in found:
                if logged is not same:
                    self._tell(
                        "entry-inserted", "has the number of another one of batch", logged, batch.number
                    )
            self._dated(same, batch)

    def _dated(self, logged: Logged, batch: Batch) -> None:
        if logged.at is None:
            return
        if logged.at < batch.since - WINDOW:
            self._tell("entry-late", "is older than the log was when it came, in batch", logged, batch.number)
        elif logged.at > batch.time + WINDOW:
            self._tell("entry-late", "is of a time after its batch", logged, batch.number)

    def _outside(self) -> None:
        """Look at the entries that are in no batch."""
        workers = self.ledger.tips().keys() | self._covered.keys()
        for worker in sorted(workers):
            covered = self._covered.get(worker, [])
            last = 0
            for span in covered:
                if span.first > last + 1:
                    self.report.missing.append(Span(worker, last + 1, span.first - 1))
                last = span.last
            for logged in self.ledger.outside(worker, covered):
                self._unproven(logged)
        for logged in self.ledger.strays():
            self._tell("entry-inserted", "names no worker and number as the server does", logged, None)

    def _unproven(self, logged: Logged) -> None:
        if logged.place is None or not self.period.has(logged.at):
            return
        if logged.at is None or logged.at < min(self.now, self._last_time) - WINDOW:
            if self._is_whole:
                self._tell("entry-inserted", "is in no batch, though later ones are", logged, None)
            else:
                self._tell("entry-unproven", "is in no batch that can be read", logged, None)
        else:
            self.report.pending += 1
            oldest = self.report.oldest_pending or logged.at
            self.report.oldest_pending = min(oldest, logged.at)

    def _tell(self, kind: str, what: str, logged: Logged, batch: int | None) -> None:
        known = f" (number {logged.number} of worker {logged.worker})" if logged.place is not None else ""
        text = f"The entry {logged.id}{known} {what}{'' if batch is None else f' {batch}'}."
        self._find(kind, text, batch, logged.id, logged.worker, logged.number)

    def _find(
        self, kind: str, text: str, batch: int | None = None, entry: str | None = None,
        worker: str | None = None, number: int | None = None,
    ) -> None:  # fmt: skip
        self.report.findings.append(Finding(kind, text, batch, entry, worker, number))


def _disagreements(
    batch: Batch, checkpoint: Checkpoint | None, frontier: Frontier, previous: Checkpoint | None
) -> Iterator[str]:
    """Yield in what a batch is not what its checkpoint says, or its checkpoint does not follow."""
    if checkpoint is None:
        return
    if (batch.number, batch.time, batch.content()) != (
        checkpoint.number,
        checkpoint.time,
        checkpoint.content,
    ):
        yield "its number, time or places are not those of its checkpoint"
    if (frontier.size, frontier.root()) != (checkpoint.size, checkpoint.root):
        yield "its entries do not give the root of its checkpoint"
    elif frontier != batch.frontier:
        yield "what it keeps of the tree is not that of its entries"
    if batch.number == 1:
        if checkpoint.previous != NO_CHECKPOINT:
            yield "the first checkpoint names one before it"
    elif previous is not None:
        if checkpoint.previous != previous.digest() or checkpoint.origin != previous.origin:
            yield "its checkpoint does not follow the one before"
        if checkpoint.time < previous.time:
            yield "its checkpoint is older than the one before"


def _unverified(note: str) -> Checkpoint | None:
    try:
        return read_note(note)[0]
    except IllegalCheckpoint:
        return None


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        _join(merged[span.worker], span)
    return [span for worker in sorted(merged) for span in merged[worker]]


def _join(spans: list[Span], fresh: Span) -> None:
    """Put a span into an ordered list of spans that do not touch."""
    if spans and spans[-1].last + 1 == fresh.first:
        spans[-1] = spans[-1]._replace(last=fresh.last)
        return
    apart = [span for span in spans if span.last + 1 < fresh.first or fresh.last + 1 < span.first]
    touching = [span for span in spans if span not in apart]
    first = min([fresh.first, *(span.first for span in touching)])
    last = max([fresh.last, *(span.last for span in touching)])
    spans[:] = sorted([*apart, Span(fresh.worker, first, last)])
