"""The steps of a transaction in their order, planned anew when another write came first."""

from __future__ import annotations

from dataclasses import replace

from fhir_server.interactions import replays, writing
from fhir_server.interactions.batch import answer_entry, asked_by
from fhir_server.interactions.context import Context
from fhir_server.interactions.preconditions import stale
from fhir_server.interactions.replays import Receipt
from fhir_server.interactions.replies import Written, reply_of
from fhir_server.interactions.request import NO_HEADERS, Prefer, Reply, Request, Shown
from fhir_server.interactions.responses import ResponseEntry, response_bundle, response_entry
from fhir_server.interactions.transaction.index import index
from fhir_server.interactions.transaction.plan import Planned, plan
from fhir_server.interactions.transaction.resolve import resolve
from fhir_server.interactions.transaction.rewrite import rewrite
from fhir_server.model.unit_of_work import ConditionMatched, VersionConflict


def transaction(context: Context, request: Request) -> Reply:
    """Carry out all entries, or none: 200, with a status for each in the order of the request.

    Raises FhirError with `Bundle.entry[i]` expressions; then nothing is stored.
    """
    earlier = replays.earlier(context, request)
    planned = plan(context, request)
    if earlier is not None:
        return _answer(context, request, planned, earlier, committed=False, replayed=True)
    for _ in range(context.limits.attempts):
        try:
            resolved = resolve(context, request, planned)
            resources = rewrite(context, request, planned, resolved)
            work = index(context, request, planned, resolved, resources)
            if work.changes.is_empty:
                return _answer(context, request, planned, work.receipt, committed=False)
            earlier = writing.commit(context, request, work.changes, work.receipt, 200)
        except ConditionMatched:
            continue
        except VersionConflict as conflict:
            _refuse_if_stale(planned, conflict)
            continue
        if earlier is not None:
            return _answer(context, request, planned, earlier, committed=False, replayed=True)
        return _answer(context, request, planned, work.receipt, committed=True)
    raise writing.gave_up()


def _refuse_if_stale(planned: Planned, conflict: VersionConflict) -> None:
    for entry in planned.entries:
        met = (entry.address.resource_type, entry.address.id) == (conflict.resource_type, conflict.id)
        if met and entry.conditions.if_match is not None:
            raise stale(f"{entry.path}.request.ifMatch") from None


def _answer(
    context: Context,
    request: Request,
    planned: Planned,
    receipt: Receipt,
    *,
    committed: bool,
    replayed: bool = False,
) -> Reply:
    quiet = replace(request, prefer=Prefer(request.prefer.answer or "minimal", request.prefer.strict))
    answers: list[ResponseEntry] = [{} for _ in planned.entries]
    shown: list[Shown] = []
    for entry, written in zip(planned.entries, receipt):
        if written is not None:
            answers[entry.position] = _written(context, quiet, written, replayed=replayed)
            if not committed and written.entity is not None:
                shown.append(Shown(written.owner, written.entity))
    for entry in planned.reads:
        answered = answer_entry(context, context.gate.bind(asked_by(context, quiet, entry)), entry)
        answers[entry.position] = answered.entry
        shown.extend(answered.shown)
    return Reply(
        200, response_bundle("transaction-response", answers), shown=tuple(shown),
        audited=committed and not planned.reads,
        headers={replays.REPLAYED: "true"} if replayed else NO_HEADERS,
    )  # fmt: skip


def _written(context: Context, request: Request, written: Written, *, replayed: bool) -> ResponseEntry:
    if replayed:
        written = replays.with_body(context, request, written)
    return response_entry(context, reply_of(context, request, written, audited=True))
