"""Lines of the access log as one reader sees them: without what the reader's View hides.

What a line lists is looked up in the reader's View.  A line of which everything is hidden is no line for the
reader, except for the one who acted: whoever reads on finds as many others as fit on the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhir_server.access.audit_event import Rendering
from fhir_server.interactions.context import Context
from fhir_server.interactions.notices import PERSON
from fhir_server.interactions.request import Request
from fhir_server.model.audit import BY_ADDRESS, AuditEntry
from fhir_server.model.document import Stored
from fhir_server.model.journal import JournalPlan, Place
from fhir_server.model.predicate import AllOf, AuthorIn, Nothing
from fhir_server.model.view import View

AT_ONCE: Final = 100
"""Entries that are read in one go."""
IDS_AT_ONCE: Final = 1_000

Visible = Mapping[str, Stored]
"""What of the entities is there for the reader: by `Type/id`, the current version."""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry without what is hidden, and what is there of the rest."""

    entry: AuditEntry
    visible: Visible


def lines(
    context: Context, request: Request, plan: JournalPlan, entities: frozenset[str] = frozenset()
) -> Iterator[Line]:
    """Yield the lines of the plan inside the View, from its place to the end, whatever its count.

    With `entities`, only those of which one of these is shown: `Type/id`, or `Type/id/_history/version`.
    """
    assert context.journal is not None
    step = replace(plan, count=min(plan.count + 1, AT_ONCE))
    while True:
        found = context.journal.page(step, request.view)
        for line in seen(context, request, found):
            if not entities or any(_names(entity, entities) for entity in line.entry.entities):
                yield line
        if len(found) < step.count:
            return
        step = replace(step, count=AT_ONCE, after=Place(found[-1].at, found[-1].id))


def seen(context: Context, request: Request, entries: Sequence[AuditEntry]) -> Iterator[Line]:
    """Yield what the reader sees of these entries."""
    if _reads_only_the_log(request.view):
        # Addresses, never what is there.
        for entry in entries:
            yield Line(entry, {})
        return
    visible = _visible(context, request, entries)
    for entry in entries:
        kept = tuple(entity for entity in entry.entities if versionless(entity) in visible)
        mine = entry.actor == request.view.actor
        # By its own lines nobody learns that what it asked for by its id is there.
        if kept or (BY_ADDRESS not in entry.labels if mine else not entry.entities):
            # An address in a line of a record tells that something has it, also to whom that is withheld.
            address = _asked_address(entry)
            asked = entry.request if address is None or address in visible else None
            yield Line(replace(entry, entities=kept, request=asked), visible)


def rendering(context: Context, request: Request) -> Rendering:
    """Return how entries are shown to the reader: the person and auditors are told why."""
    view = request.view
    concerned = (view.actor.kind, view.actor.identity) == (PERSON, view.owner)
    whole = concerned or (_reads_only_the_log(view) and not _reads_only_own(view))
    return Rendering(context.base_url, context.canonical_base, whole)


def versionless(entity: str) -> str:
    """Return `Type/id` of a versioned address."""
    return entity.partition("/_history/")[0]


def _reads_only_the_log(view: View) -> bool:
    """Whether the View is that of an auditor or of a system: it does not even read who the person is."""
    return isinstance(view.reads("Patient"), Nothing)


def _reads_only_own(view: View) -> bool:
    predicate = view.reads("AuditEvent")
    parts = predicate.parts if isinstance(predicate, AllOf) else (predicate,)
    return any(isinstance(part, AuthorIn | Nothing) for part in parts)


def _visible(context: Context, request: Request, entries: Sequence[AuditEntry]) -> Visible:
    by_type: dict[str, dict[str, None]] = {}
    for entry in entries:
        address = _asked_address(entry)
        for entity in (*entry.entities, address) if address else entry.entities:
            resource_type, _, id = versionless(entity).partition("/")
            by_type.setdefault(resource_type, {})[id] = None
    visible: dict[str, Stored] = {}
    for resource_type, ids in by_type.items():
        every = list(ids)
        for start in range(0, len(every), IDS_AT_ONCE):
            part = every[start : start + IDS_AT_ONCE]
            found = context.records.read_many(resource_type, part, request.view)
            visible |= {f"{resource_type}/{id}": stored for id, stored in found.items()}
    return visible


def _asked_address(entry: AuditEntry) -> str | None:
    """Return `Type/id` of what a request named by its id alone, None where it named the person."""
    if entry.request is None or BY_ADDRESS not in entry.labels:
        return None
    parts = entry.request.partition(" ")[2].partition("?")[0].split("/")
    return "/".join(parts[:2]) if len(parts) > 1 else ""


def _names(entity: str, wanted: frozenset[str]) -> bool:
    return entity in wanted or versionless(entity) in wanted
