"""Lines of the access log as one reader sees them: without what the reader's View hides.

What a line lists is looked up in the reader's View.  A line of which everything is hidden is no line for the
reader, except for the one who acted: whoever reads on finds as many others as fit on the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhir_server.access.audit_event import Rendering
from fhir_server.interactions.choosing import OPERATIONS, sees_choices
from fhir_server.interactions.context import Context
from fhir_server.interactions.journal_asking import Address, addressed, named_in, names_hidden, without_hidden
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
AUDIT_EVENT: Final = "AuditEvent"

OF_PERSON: Final = frozenset({"Patient", ""})
"""What an id that is the person's stands after: nothing, where only its parameter says what it is."""

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
    reads_choices = sees_choices(context, request)
    for entry in entries:
        kept = tuple(entity for entity in entry.entities if versionless(entity) in visible)
        mine = entry.actor == request.view.actor
        if entry.interaction in OPERATIONS and not (mine or reads_choices or _shows_items(kept)):
            continue
        # By its own lines nobody learns that what it asked for by its id is there; nor by those of others,
        # which are in the record because something has the address.
        if kept or (BY_ADDRESS not in entry.labels if mine else _is_told(entry, visible)):
            yield Line(replace(_as_told(entry, visible), entities=kept), visible)


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
    known = context.registry.resource_types - {AUDIT_EVENT}
    for resource_type, id in _addresses(entries):
        if resource_type in known:
            by_type.setdefault(resource_type, {})[id] = None
    visible: dict[str, Stored] = {}
    for resource_type, ids in by_type.items():
        every = list(ids)
        for start in range(0, len(every), IDS_AT_ONCE):
            part = every[start : start + IDS_AT_ONCE]
            found = context.records.read_many(resource_type, part, request.view)
            visible |= {f"{resource_type}/{id}": stored for id, stored in found.items()}
    return visible


def _addresses(entries: Iterable[AuditEntry]) -> Iterator[Address]:
    for entry in entries:
        for entity in entry.entities:
            resource_type, _, id = versionless(entity).partition("/")
            yield resource_type, id
        yield from named_in(entry.request or "")


def _shows_items(entities: Iterable[str]) -> bool:
    """Return whether anything is listed but who the person is."""
    return any(not entity.startswith("Patient/") for entity in entities)


def _is_told(entry: AuditEntry, visible: Visible) -> bool:
    """Return whether somebody else's line of which nothing is shown is one for the reader."""
    if entry.entities or BY_ADDRESS not in entry.labels or entry.request is None:
        return not entry.entities
    asked = addressed(entry.request)
    return any(name in visible or name.startswith(f"{AUDIT_EVENT}/") for name in asked)


def _as_told(entry: AuditEntry, visible: Visible) -> AuditEntry:
    """Return the entry without the ids, in what was asked, of what the reader does not see."""
    if entry.request is None:
        return entry

    def kept(address: Address) -> bool:
        resource_type, id = address
        return f"{resource_type}/{id}" in visible or (id == entry.owner and resource_type in OF_PERSON)

    if entry.situation is not None and names_hidden(entry.request, kept):
        # How it was refused tells whether something is there.
        entry = replace(entry, situation=None)
    return replace(entry, request=without_hidden(entry.request or "", kept))


def _names(entity: str, wanted: frozenset[str]) -> bool:
    return entity in wanted or versionless(entity) in wanted
