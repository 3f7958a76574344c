"""The one door to `Records.commit`: every write takes its audit entries and notices along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from fhir_server.interactions import notices, replays
from fhir_server.interactions.auditing import audit_entries as audit_entries
from fhir_server.interactions.context import Context
from fhir_server.interactions.definitions_source import marks_of
from fhir_server.interactions.replays import Receipt
from fhir_server.interactions.replies import Written, reply_of
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.model.audit import AuditEntry
from fhir_server.model.document import Document
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.unit_of_work import Condition, Flow, Relabel, Replace, ReplayFound, UnitOfWork

Reading = Callable[[], Sequence[Shown]]
"""Reads something and returns what was shown."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be written, in the words of the UnitOfWork."""

    creates: tuple[Document, ...] = ()
    replaces: tuple[Replace, ...] = ()
    deletes: tuple[Replace, ...] = ()
    conditions: tuple[Condition, ...] = ()
    rewrites: tuple[Replace, ...] = ()
    relabels: tuple[Relabel, ...] = ()
    flows: tuple[Flow, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.creates or self.replaces or self.deletes or self.rewrites)

    def kinds(self) -> Iterable[tuple[str, Iterable[Document]]]:
        """Return the documents by what happens to them, in the words of `Notice.kind`."""
        yield "deposit", self.creates
        yield "change", (change.document for change in (*self.replaces, *self.rewrites))
        yield "deletion", (change.document for change in self.deletes)


def commit(
    context: Context,
    request: Request,
    changes: Changes,
    receipt: Receipt,
    status: int,
    reading: Reading | None = None,
) -> Receipt | None:
    """Write `changes` and return None, or return the receipt of an earlier request of the same key.

    `receipt` and `status` are what the request will be answered; `reading` reads what it is answered beside,
    as part of the commit, which may call it again and which it undoes by raising.  Raises VersionConflict,
    ConditionMatched and FhirError, nothing being written.
    """
    if context.integrity is not None:
        replaced = [change.document for change in changes.replaces]
        gone = [change.document for change in changes.deletes]
        context.integrity(context, request, [*changes.creates, *replaced], gone)
    marks = marks_of(document for _, documents in changes.kinds() for document in documents)
    work = UnitOfWork(
        view=request.view,
        creates=changes.creates,
        replaces=changes.replaces,
        deletes=changes.deletes,
        rewrites=changes.rewrites,
        relabels=changes.relabels,
        flows=(*changes.flows, *marks),
        conditions=changes.conditions,
        audit=_audit(context, request, receipt, status) if reading is None else (),
        audited=None if reading is None else lambda: _audit(context, request, receipt, status, reading()),
        notices=notices.of_changes(context, request, changes.kinds()),
        idempotency_key=replays.key_of(request, receipt),
    )
    try:
        context.records.commit(work)
    except ReplayFound as found:
        if request.idempotency is None:
            raise
        return replays.again(request.idempotency, found.digest, found.reply)
    if marks:
        context.definitions.look_again()
    return None


def commit_one(context: Context, request: Request, changes: Changes, written: Written) -> Reply:
    """Write the change of one resource and return its answer."""
    earlier = commit(context, request, changes, [written], written.status)
    if earlier is not None:
        return replayed(context, request, earlier)
    return reply_of(context, request, written, audited=True)


def replayed(context: Context, request: Request, receipt: Receipt) -> Reply:
    """Return the answer of a single write once more."""
    written = receipt[0]
    if len(receipt) != 1 or written is None:
        raise refuse("idempotency-key-reused", "The idempotency key was used for another request.")
    reply = reply_of(context, request, replays.with_body(context, request, written), audited=False)
    return replace(reply, headers={replays.REPLAYED: "true"})


def gave_up() -> FhirError:
    """Return the 409 of a write that always found another one before it."""
    return refuse("conflict", "Other writes to the same resource came first, again and again; try again.")


def _audit(
    context: Context, request: Request, receipt: Receipt, status: int, read: Sequence[Shown] | None = None
) -> tuple[AuditEntry, ...]:
    by_owner: dict[str | None, dict[str, None]] = {}
    for written in receipt:
        if written is not None and written.entity is not None:
            by_owner.setdefault(written.owner, {})[written.entity] = None
    for shown in read or ():
        by_owner.setdefault(shown.owner, {})[shown.entity] = None
    if read is not None and request.view.owner is not None:
        by_owner.setdefault(request.view.owner, {})  # it was asked about, whatever was found
    touched = [(owner, tuple(entities)) for owner, entities in by_owner.items()]
    return audit_entries(context, request, status, touched, wrote=read is None)
