"""Who is told of what: deposits, changes and deletions with their commit, accesses with their audit entry.

Recipients are roles of the policy; whoever sends a notice asks again what its recipient may see by then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from fhir_server.access.policy import WITHHELD_FROM_PERSON, WITHHELD_FROM_REPRESENTATIVES
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.model.audit import Notice
from fhir_server.model.document import Document, Facts

Changed = tuple[str, Iterable[Document]]

NORMAL: Final = "normal"
PERSON: Final = "person"


def of_changes(context: Context, request: Request, changes: Iterable[Changed]) -> tuple[Notice, ...]:
    """Return the notices of documents that were written, by what happened to them (`deposit` …).

    What differs in its labels is told apart, so that whoever may not see one is told of the others.
    """
    told: dict[tuple[str, str | None, tuple[str, ...], datetime | None], list[str]] = {}
    for kind, documents in changes:
        for document in documents:
            facts = document.facts
            labels = tuple(sorted({*facts.access.labels, *secret(request)}))
            entity = f"{facts.resource_type}/{facts.id}/_history/{document.version}"
            told.setdefault((kind, facts.owner, labels, _opens(facts)), []).append(entity)
    return tuple(
        notice
        for (kind, owner, labels, opens), entities in told.items()
        for notice in _split(
            context,
            Notice(
                context.ids.new(request.now), request.now, kind, owner, tuple(entities),
                recipients=recipients(context, kind), actor=request.actor.ref, labels=labels, opens=opens,
            ),
        )
    )  # fmt: skip


def of_access(context: Context, request: Request, owner: str | None) -> tuple[Notice, ...]:
    """Return what is to be told of an answer about the record of `owner`, each once.

    An access is told once a day for each actor, an emergency once a session.
    """
    view = request.view
    if owner is None or context.policy is None:
        return ()
    kind = "access" if view.mode == NORMAL else "emergency"
    told = dict.fromkeys(view.tells)
    if kind == "emergency":
        told |= dict.fromkeys(recipients(context, kind))
    if not told:
        return ()
    span = request.actor.session if kind == "emergency" else request.now.astimezone(context.zone).date()
    return (_once(request, kind, owner, str(span), tuple(told)),)


def of_attempt(context: Context, request: Request, owner: str | None) -> tuple[Notice, ...]:
    """Return what is to be told of a refusal about the record of `owner`: once a day for each actor."""
    told = recipients(context, "attempt")
    if owner is None or context.policy is None or not told or request.actor.identity == owner:
        return ()
    return (_once(request, "attempt", owner, str(request.now.astimezone(context.zone).date()), told),)


def recipients(context: Context, kind: str) -> tuple[str, ...]:
    """Return who the policy says is told of a kind of event; without a policy, the person."""
    if context.policy is None:
        return (PERSON,)
    rule = context.policy.notices.get(kind)
    return () if rule is None else rule.recipients


def secret(request: Request) -> tuple[str, ...]:
    """Return the labels of all that is done in a session: a secret one stays unknown to representatives."""
    return (WITHHELD_FROM_REPRESENTATIVES,) if request.actor.secret else ()


def _opens(facts: Facts) -> datetime | None:
    return facts.access.from_ if WITHHELD_FROM_PERSON in facts.access.labels else None


def _split(context: Context, notice: Notice) -> list[Notice]:
    """Return the notice for those who are told now, and the one for the person once it opens, if ever."""
    if WITHHELD_FROM_PERSON not in notice.labels or PERSON not in notice.recipients:
        return [replace(notice, opens=None)] if notice.recipients else []
    others = tuple(recipient for recipient in notice.recipients if recipient != PERSON)
    parts = [replace(notice, recipients=others, opens=None)] if others else []
    if notice.opens is not None:
        own = context.ids.new(notice.at) if parts else notice.id
        parts.append(replace(notice, id=own, recipients=(PERSON,)))
    return parts


def _once(request: Request, kind: str, owner: str, span: str, told: tuple[str, ...]) -> Notice:
    actor = request.actor
    said = "\n".join((kind, owner, actor.kind, actor.identity, span, *told, *secret(request)))
    return Notice(
        hashlib.sha256(said.encode()).hexdigest()[:32], request.now, kind, owner,
        recipients=told, actor=actor.ref, labels=secret(request), once=True,
    )  # fmt: skip
