"""The sequencer: puts the entries of the access log under signed checkpoints, seconds after they came.

Any number may run on one database, and be killed at any step: a batch is added together with what the next
one starts from, and of two with the same number the database takes one.  Checkpoints go to the second place
after that; what a killed sequencer did not bring there the next one does.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fhir_server.access.batches import Batch, Head, Place, Span, advanced, content_digest, following, spans_of
from fhir_server.access.checkpoints import (
    NO_CHECKPOINT,
    Checkpoint,
    IllegalCheckpoint,
    read_note,
    sign_checkpoint,
)
from fhir_server.access.merkle import Frontier
from fhir_server.store.batch_documents import IllegalBatch
from fhir_server.store.checkpoint_files import CheckpointFiles, Copy
from fhir_server.store.ledger import MongoLedger
from fhir_server.store.values import millis_down

LARGEST_BATCH: Final = 10_000
BATCHES_PER_RUN: Final = 20
"""So that other work comes round while a backlog is taken."""
COPIED: Final = ("time", "note")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAMAGED: Final = "The last batch of the access log is damaged, no more are made: `fhir-server audit verify`."

Alarm = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class State:
    """What the next batch starts from."""

    origin: str
    number: int
    frontier: Frontier
    digest: bytes
    since: datetime
    time: datetime
    heads: dict[str, Head]


@dataclass(slots=True)
class Sequencer:
    """`alarm` is told in one sentence, once, of what an operator has to look at."""

    ledger: MongoLedger
    key: Ed25519PrivateKey
    files: CheckpointFiles | None
    alarm: Alarm
    largest_batch: int = LARGEST_BATCH
    _state: State | None = None
    _drained: datetime | None = None
    _copied: int | None = None
    _told: set[str] = field(default_factory=set)

    def run(self, now: datetime) -> int:
        """Take what has come and return the number of entries taken.  Raises FhirError."""
        now = millis_down(now)
        try:
            taken = self._take(now)
        except (IllegalBatch, IllegalCheckpoint):
            self._tell(DAMAGED)
            return 0
        self._copy()
        return taken

    def _take(self, now: datetime) -> int:
        taken = 0
        for _ in range(BATCHES_PER_RUN):
            state, self._state = self._state or self._load(), None
            made = self._next(state, now)
            if made is None:
                self._state, self._drained = state, now
                break
            batch, heads = made
            # Killed or refused from here on, the state is read anew: it is never ahead of the database.
            if not self.ledger.add(batch, heads):
                break
            self._state = _after(state, batch, heads)
            taken += len(batch.hashes())
        return taken

    def _load(self) -> State:
        # The heads after the batch: were they older than it, entries would be taken twice.
        last = self.ledger.last()
        heads = self.ledger.heads()
        self._drained = None
        if last is None:
            origin = f"fhir-server/audit/{secrets.token_hex(8)}"
            return State(origin, 0, Frontier(), NO_CHECKPOINT, EPOCH, EPOCH, heads)
        checkpoint, _ = read_note(last.note)
        if (last.frontier.size, last.frontier.root()) != (checkpoint.size, checkpoint.root):
            raise IllegalBatch("the tree is not that of the checkpoint")
        return State(
            checkpoint.origin, last.number, last.frontier, checkpoint.digest(), last.since, last.time, heads
        )  # fmt: skip

    def _next(self, state: State, now: datetime) -> tuple[Batch, list[Head]] | None:
        late = [
            logged.place
            for logged in self.ledger.within(_gaps(state.heads.values()), self.largest_batch)
            if logged.place is not None
        ]
        room = self.largest_batch - len(late)
        passed: list[Span] = []
        fresh: list[Place] = []
        for worker, tip in sorted(self.ledger.tips().items()):
            head = state.heads.get(worker, Head(worker))
            if tip > head.last and room > 0:
                places, gaps = following(head, self.ledger.following(head, room), now)
                fresh += places
                passed += gaps
                room -= len(places)
        places = sorted({(place.worker, place.number): place for place in (*fresh, *reversed(late))}.values())
        return self._batch(state, places, passed, now) if places else None

    def _batch(
        self, state: State, places: Sequence[Place], gaps: Sequence[Span], now: datetime
    ) -> tuple[Batch, list[Head]]:
        leaves = [place.leaf for place in places]
        frontier = state.frontier.extended(leaves)
        spans, since = spans_of(places), self._drained or state.since
        checkpoint = Checkpoint(
            origin=state.origin, size=frontier.size, root=frontier.root(), number=state.number + 1,
            # A clock that was set back must not make the log go back.
            time=max(now, state.time), previous=state.digest, content=content_digest(since, spans, gaps),
        )  # fmt: skip
        batch = Batch(
            number=checkpoint.number, time=checkpoint.time, since=since, spans=spans, gaps=tuple(gaps),
            leaves=b"".join(leaves), frontier=frontier, note=sign_checkpoint(checkpoint, self.key),
        )  # fmt: skip
        return batch, _heads(state, places, gaps)

    def _copy(self) -> None:
        if self.files is None:
            return
        try:
            if self._copied is None:
                self._copied = self._compare(self.files.last())
            if self._state is not None and self._state.number <= self._copied:
                return
            copies = [_copy_of(document) for document in self.ledger.documents(self._copied + 1, COPIED)]
            if copies:
                self.files.append(copies)
                self._copied = copies[-1].number
        except OSError as reason:
            self._copied = None
            self._tell(f"Checkpoints cannot be written to {self.files.directory}: {reason.strerror}.")

    def _compare(self, copy: Copy | None) -> int:
        """Return the number of the last copy; an alarm says so if the database has another note for it."""
        if copy is None:
            return 0
        document = next(self.ledger.documents(copy.number, ("note",)), None)
        if document is None or (document["_id"], document["note"]) != (copy.number, copy.note):
            self._tell(
                f"The database has another checkpoint {copy.number} than its copy, or none: it was rewritten "
                "or restored. See `fhir-server audit verify`."
            )
        return copy.number

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.alarm(text)


def _copy_of(document: Mapping[str, Any]) -> Copy:
    return Copy(document["_id"], document["time"].date().isoformat(), document["note"])


def _gaps(heads: Iterable[Head]) -> list[Span]:
    return [gap for head in heads for gap in head.gaps]


def _heads(state: State, places: Sequence[Place], gaps: Sequence[Span]) -> list[Head]:
    passed = {worker: list(found) for worker, found in groupby(gaps, attrgetter("worker"))}
    return [
        advanced(state.heads.get(worker, Head(worker)), list(taken), passed.get(worker, []))
        for worker, taken in groupby(places, attrgetter("worker"))
    ]


def _after(state: State, batch: Batch, heads: Iterable[Head]) -> State:
    checkpoint, _ = read_note(batch.note)
    moved = {head.worker: head for head in heads}
    return State(
        state.origin, batch.number, batch.frontier, checkpoint.digest(), batch.since, batch.time,
        state.heads | moved,
    )  # fmt: skip
