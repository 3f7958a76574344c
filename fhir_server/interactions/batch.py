"""batch: entries that know nothing of each other.  Spec: https://hl7.org/fhir/R4/http.html#brules

References between entries are left as they are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.interactions.auditing import asked as asked_of
from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import Entry, entries_of, inside, read_entry
from fhir_server.interactions.faults import log_fault
from fhir_server.interactions.gate import Refused
from fhir_server.interactions.request import Attempt, Idempotency, Met, Prefer, Reply, Request, Shown
from fhir_server.interactions.responses import (
    ResponseEntry,
    refused_entry,
    response_bundle,
    response_entry,
)
from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError, refuse

NESTED = frozenset({"batch", "transaction"})
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}
"""Entries are independent, but those that read come last so that they see what the others did."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One entry's answer; `shown` is what it showed that no commit has audited, `attempts` what was refused,
    `person` whose record it was about.
    """

    entry: ResponseEntry
    audited: bool
    shown: tuple[Shown, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    person: str | None = None
    by_address: bool = False
    """Whether the person was found by the id of a resource alone."""
    asked: str | None = None
    """What was asked, for the access log."""


def batch(context: Context, request: Request) -> Reply:
    """Carry out each entry on its own: 200, with a status for each.

    Raises FhirError `malformed-entry`, `too-many-entries` for the Bundle itself.
    """
    raws = entries_of(context, request.body)
    answers: dict[int, Answered] = {}
    for position in sorted(range(len(raws)), key=lambda at: _rank(raws[at])):
        answers[position] = _answer(context, request, raws[position], position)
    return Reply(
        200,
        response_bundle("batch-response", [answers[position].entry for position in range(len(raws))]),
        shown=tuple(shown for answered in answers.values() for shown in answered.shown),
        audited=bool(raws) and all(answered.audited for answered in answers.values()),
        attempts=tuple(attempt for answered in answers.values() for attempt in answered.attempts),
        persons=tuple(
            answered.person
            for answered in answers.values()
            if answered.person is not None and not answered.audited and not answered.by_address
        ),
        met=tuple(
            Met(answered.person, answered.asked)
            for answered in answers.values()
            if answered.person is not None and not answered.audited and answered.by_address
        ),
    )


def _answer(context: Context, request: Request, raw: Any, position: int) -> Answered:
    try:
        entry = read_entry(context, raw, position)
    except FhirError as error:
        return Answered(refused_entry(context, error), audited=False)
    try:
        admitted = _admitted(context, request, entry)
    except FhirError as error:
        attempts = (error.attempt,) if isinstance(error, Refused) else ()
        return Answered(refused_entry(context, inside(error, entry)), audited=False, attempts=attempts)
    asked = asked_of(admitted, admitted.interaction)
    attempts = () if admitted.attempt is None else (replace(admitted.attempt, asked=asked),)
    answered = answer_entry(context, admitted, entry)
    return replace(
        answered, attempts=attempts, person=admitted.view.owner, by_address=admitted.by_address, asked=asked
    )


def _admitted(context: Context, request: Request, entry: Entry) -> Request:
    interaction = entry.address.interaction
    if interaction.name in NESTED:
        text = "A batch holds no batch and no transaction."
        raise refuse("malformed-entry", text, f"{entry.path}.request.url")
    return context.gate.admit(interaction, asked_by(context, request, entry))


def answer_entry(context: Context, asked: Request, entry: Entry) -> Answered:
    """Carry out one entry, which `asked_by` made a request, and return its answer, whatever it is."""
    try:
        reply = carry_out(context, asked, entry)
    except FhirError as error:
        return Answered(refused_entry(context, inside(error, entry)), audited=False)
    except Exception as error:
        # What other entries stored is stored: the client must hear of it.
        log_fault(error, asked.request_id)
        internal = refuse("internal", "The server failed at this entry.", entry.path)
        return Answered(refused_entry(context, internal), audited=False)
    return Answered(response_entry(context, reply), reply.audited, () if reply.audited else reply.shown)


def carry_out(context: Context, asked: Request, entry: Entry) -> Reply:
    """Return the reply to one entry, which `asked_by` made a request.  Raises whatever its handler raises."""
    reply = entry.address.interaction.handler(context, asked)
    return replace(reply, body=b"") if entry.method == "HEAD" else reply


def asked_by(context: Context, request: Request, entry: Entry) -> Request:
    """Return the entry as a request of its own, in the name of the whole.

    Raises FhirError where a patch cannot be read.
    """
    address, body, patch = entry.address, entry.resource, None
    if address.interaction.takes == "patch":
        body, patch = None, context.patches.of_entry(entry.resource, f"{entry.path}.resource")
    return replace(
        request,
        interaction=address.interaction.name,
        resource_type=address.resource_type,
        id=address.id,
        version_id=address.version_id,
        compartment=address.within,
        query=address.query,
        body=body,
        patch=patch,
        conditions=entry.conditions,
        prefer=Prefer(request.prefer.answer or "minimal", request.prefer.strict),
        idempotency=_promise(request.idempotency, entry),
    )


def _promise(promise: Idempotency | None, entry: Entry) -> Idempotency | None:
    """Return the key of one entry: each is repeated, or not, on its own."""
    if promise is None:
        return None
    content = exact_json.encode([entry.method, entry.url, entry.resource])
    return Idempotency(f"{promise.key}/{entry.position}", hashlib.sha256(content).digest())


def _rank(raw: Any) -> int:
    asked = raw.get("request") if isinstance(raw, dict) else None
    method = asked.get("method") if isinstance(asked, dict) else None
    return ORDER.get(method, 3) if isinstance(method, str) else 3
