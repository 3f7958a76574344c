"""The fourth step: the documents of a transaction, and what its entries will be answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.interactions.assemble import Identity, whole_milliseconds, written
from fhir_server.interactions.context import Context
from fhir_server.interactions.delete import nothing, tombstone
from fhir_server.interactions.entries import Entry, below, inside
from fhir_server.interactions.labels import guard
from fhir_server.interactions.relabelling import Draft, settle
from fhir_server.interactions.replays import Receipt
from fhir_server.interactions.replies import Written, of_document, of_stored
from fhir_server.interactions.request import Request
from fhir_server.interactions.transaction.owners import Owners, owners_of
from fhir_server.interactions.transaction.plan import Planned
from fhir_server.interactions.transaction.resolve import Resolved
from fhir_server.interactions.transaction.target import Target
from fhir_server.interactions.update import creation_refused
from fhir_server.interactions.writing import Changes
from fhir_server.model.document import Document, Stored
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.unit_of_work import Condition, Replace


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be committed and what will be answered."""

    changes: Changes
    receipt: Receipt
    """In the order of the entries; behind them what further resources conditional deletes deleted."""


def index(
    context: Context,
    request: Request,
    planned: Planned,
    resolved: Resolved,
    resources: Mapping[int, dict[str, Any]],
) -> Work:
    """Return the work of a transaction.

    Raises FhirError `two-persons`, `update-create-not-allowed`, each at its entry.
    """
    identities = {
        position: _identity(context, request, planned.entries[position], resolved.targets[position])
        for position in resources
    }
    owners = owners_of(context, request, identities, _guarded(context, request, planned, resolved, resources))
    settled = settle(context, request, _drafts(context, planned, resolved, owners))
    documents: dict[int, Document] = {
        position: written(context, stamped, identities[position], facts, request.now, position)
        for (position, stamped), facts in zip(owners.stamped.items(), settled.facts, strict=True)
    }
    for entry in planned.of("delete"):
        current = resolved.targets[entry.position].current
        if current is not None and not current.deleted:
            documents[entry.position] = _tombstone(context, request, entry, current, entry.position)
    others = _others(context, request, planned, resolved)
    deleted = [one.document for one in others]
    deleted += [document for position, document in documents.items() if resolved.targets[position].others]
    receipt = [*_receipt(planned, resolved, documents), *(of_document(204, one) for one in deleted)]
    changes = _changes(request, resolved, documents, others)
    return Work(replace(changes, relabels=settled.relabels, flows=settled.flows), receipt)


def _guarded(
    context: Context,
    request: Request,
    planned: Planned,
    resolved: Resolved,
    resources: Mapping[int, dict[str, Any]],
) -> Mapping[int, dict[str, Any]]:
    """Return the resources with all labels that they have to have; raises at the entry as `labels.guard`."""
    guarded: dict[int, dict[str, Any]] = {}
    for position, resource in resources.items():
        entry = planned.entries[position]
        keeps, current = entry.address.interaction.name != "patch", resolved.targets[position].current
        try:
            guarded[position] = guard(context, request, resource, current, keeps=keeps)
        except FhirError as error:
            raise inside(error, entry) from None
    return guarded


def _drafts(context: Context, planned: Planned, resolved: Resolved, owners: Owners) -> Sequence[Draft]:
    drafts = []
    for position, stamped in owners.stamped.items():
        target = resolved.targets[position]
        before = None if target.current is None else target.current.facts
        named = position not in planned.new_ids
        owner = owners.owners[position]
        if owner is None and target.current is not None and context.policy is not None:
            # What it is about may be hidden from the writer by now: it stays where it was.
            owner = target.current.owner
        drafts.append(Draft(stamped, owner, before, named=named))
    return drafts


def _tombstone(context: Context, request: Request, entry: Entry, current: Stored, ordinal: int) -> Document:
    try:
        return tombstone(context, request, current, ordinal)
    except FhirError as error:
        raise below(error, f"{entry.path}.request.url") from None


def _others(context: Context, request: Request, planned: Planned, resolved: Resolved) -> Sequence[Replace]:
    """Return what conditional deletes delete beside the first match."""
    found = [
        (entry, other) for entry in planned.of("delete") for other in resolved.targets[entry.position].others
    ]
    return [
        Replace(
            _tombstone(context, request, entry, current, len(planned.entries) + place),
            current.version,
            current.facts,
        )
        for place, (entry, current) in enumerate(found)
    ]


def _identity(context: Context, request: Request, entry: Entry, target: Target) -> Identity:
    updated = whole_milliseconds(request.now)
    if target.current is not None:
        version, updated = target.current.version + 1, max(updated, target.current.updated)
        return Identity(target.resource_type, target.id, version, updated)
    is_upsert = entry.address.interaction.name == "update" and target.guard is None
    if is_upsert and not (context.update_create and request.view.update_create):
        raise below(creation_refused(), f"{entry.path}.request.url")
    return Identity(target.resource_type, target.id, 1, updated)


def _changes(
    request: Request, resolved: Resolved, documents: Mapping[int, Document], others: Sequence[Replace]
) -> Changes:
    creates: list[Document] = []
    replaces: list[Replace] = []
    deletes: list[Replace] = list(others)
    conditions: list[Condition] = []
    for position, document in documents.items():
        target = resolved.targets[position]
        if target.current is None:
            creates.append(document)
        elif document.deleted:
            deletes.append(Replace(document, target.current.version, target.current.facts))
        else:
            replaces.append(Replace(document, target.current.version, target.current.facts))
        if target.guard is not None:
            conditions.append(target.guard.guards(request, document.facts.id))
    return Changes(tuple(creates), tuple(replaces), tuple(deletes), tuple(conditions))


def _receipt(planned: Planned, resolved: Resolved, documents: Mapping[int, Document]) -> Receipt:
    rows: list[Written | None] = []
    for entry in planned.entries:
        target = resolved.targets.get(entry.position)
        rows.append(None if target is None else _row(entry, target, documents))
    return rows


def _row(entry: Entry, target: Target, documents: Mapping[int, Document]) -> Written:
    if target.same_as is not None:
        # The earlier entry creates it, or found it: this one comes second and finds it in any case.
        created = documents.get(target.same_as)
        if created is not None:
            return of_document(200, created)
    document = documents.get(entry.position)
    name = entry.address.interaction.name
    if document is None:
        if name == "delete":
            return nothing(target.resource_type, target.id)
        if target.current is None:
            raise refuse("internal", "The server failed at this entry.", entry.path)
        return of_stored(200, target.current)
    if name == "delete":
        # Which of several is not for one entry to tell; that they were deleted stands behind the entries.
        return nothing(target.resource_type, "") if target.others else of_document(204, document)
    exists = target.current is not None and not target.current.deleted
    return of_document(200 if exists else 201, document)
