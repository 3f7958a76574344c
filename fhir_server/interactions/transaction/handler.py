"""The steps of a transaction in their order, planned anew when another write came first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhir_server.interactions import replays, writing
from fhir_server.interactions.batch import answer_entry, asked_by, carry_out
from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import Entry, inside
from fhir_server.interactions.preconditions import stale
from fhir_server.interactions.replays import Receipt
from fhir_server.interactions.replies import Written, reply_of
from fhir_server.interactions.request import Prefer, Reply, Request, Shown
from fhir_server.interactions.responses import ResponseEntry, response_bundle, response_entry
from fhir_server.interactions.transaction.index import index
from fhir_server.interactions.transaction.plan import Planned, plan
from fhir_server.interactions.transaction.resolve import resolve
from fhir_server.interactions.transaction.rewrite import rewrite
from fhir_server.interactions.transaction.validate import NOTHING_FOUND, Findings, validate
from fhir_server.model.outcome import FhirError
from fhir_server.model.unit_of_work import ConditionMatched, VersionConflict


def transaction(context: Context, request: Request) -> Reply:
    """Carry out all entries, or none: 200, with a status for each in the order of the request.

    Raises FhirError with `Bundle.entry[i]` expressions; then nothing is stored.
    """
    earlier = replays.earlier(context, request)
    planned = plan(context, request)
    if earlier is not None:
        return _again(context, request, planned, earlier)
    for _ in range(context.limits.attempts):
        try:
            resolved = resolve(context, request, planned)
            resources = rewrite(context, request, planned, resolved)
            findings = validate(context, request, planned, resolved, resources)
            work = index(context, request, planned, resolved, resources)
            reads = _Reads(context, _quiet(request), planned.reads)
            if work.changes.is_empty:
                reads()
                return _answer(context, request, planned, work.receipt, reads, findings, committed=False)
            reading = reads if planned.reads else None
            earlier = writing.commit(context, request, work.changes, work.receipt, 200, reading)
        except ConditionMatched:
            continue
        except VersionConflict as conflict:
            _refuse_if_stale(planned, conflict)
            continue
        if earlier is not None:
            return _again(context, request, planned, earlier)
        return _answer(context, request, planned, work.receipt, reads, findings, committed=True)
    raise writing.gave_up()


def _refuse_if_stale(planned: Planned, conflict: VersionConflict) -> None:
    for entry in planned.entries:
        met = (entry.address.resource_type, entry.address.id) == (conflict.resource_type, conflict.id)
        if met and entry.conditions.if_match is not None:
            raise stale(f"{entry.path}.request.ifMatch") from None


class _Reads:
    """The entries that read, carried out together: one that fails refuses the whole."""

    def __init__(self, context: Context, request: Request, entries: Sequence[Entry]) -> None:
        self._context = context
        self._request = request
        self._entries = entries
        self.answers: dict[int, ResponseEntry] = {}
        self.shown: list[Shown] = []

    def __call__(self) -> Sequence[Shown]:
        """Read all of them, anew at each call, and return what was shown.  Raises FhirError."""
        self.answers, self.shown = {}, []
        for entry in self._entries:
            try:
                asked = asked_by(self._context, self._request, entry)
                reply = carry_out(self._context, self._context.gate.bind(asked), entry)
            except FhirError as error:
                raise inside(error, entry) from None
            self.answers[entry.position] = response_entry(self._context, reply)
            self.shown.extend(reply.shown)
        return self.shown

    def each(self) -> None:
        """Read all of them, each with a status of its own."""
        for entry in self._entries:
            asked = asked_by(self._context, self._request, entry)
            answered = answer_entry(self._context, self._context.gate.bind(asked), entry)
            self.answers[entry.position] = answered.entry
            self.shown.extend(answered.shown)


def _again(context: Context, request: Request, planned: Planned, earlier: Receipt) -> Reply:
    """Return the answer of an earlier request of the same key: what it wrote stays, whatever is read now."""
    reads = _Reads(context, _quiet(request), planned.reads)
    reads.each()
    reply = _answer(context, request, planned, earlier, reads, committed=False, replayed=True)
    return replace(reply, headers={replays.REPLAYED: "true"})


def _answer(
    context: Context,
    request: Request,
    planned: Planned,
    receipt: Receipt,
    reads: _Reads,
    findings: Findings = NOTHING_FOUND,
    *,
    committed: bool,
    replayed: bool = False,
) -> Reply:
    answers: list[ResponseEntry] = [reads.answers.get(entry.position, {}) for entry in planned.entries]
    shown: list[Shown] = []
    quiet = _quiet(request)
    for entry, written in zip(planned.entries, receipt):
        if written is not None:
            found = findings.get(entry.position)
            asked = replace(quiet, findings=found) if found else quiet
            answers[entry.position] = _written(context, asked, written, replayed=replayed)
            if not committed and written.entity is not None:
                shown.append(Shown(written.owner, written.entity))
    body = response_bundle("transaction-response", answers)
    return Reply(200, body, shown=() if committed else (*shown, *reads.shown), audited=committed)


def _quiet(request: Request) -> Request:
    """Return the request with the answer that entries have where the client says nothing."""
    return replace(request, prefer=Prefer(request.prefer.answer or "minimal", request.prefer.strict))


def _written(context: Context, request: Request, written: Written, *, replayed: bool) -> ResponseEntry:
    if replayed:
        written = replays.with_body(context, request, written)
    return response_entry(context, reply_of(context, request, written, audited=True))
