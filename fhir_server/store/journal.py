"""Reading the access log inside a View: the predicate for AuditEvent becomes part of the query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING

from fhir_server.model import predicate as terms
from fhir_server.model.audit import AuditEntry
from fhir_server.model.journal import Entries, JournalPlan
from fhir_server.model.predicate import Predicate
from fhir_server.model.view import View
from fhir_server.store.catalogue import AUDIT, Catalogue
from fhir_server.store.entries import audit_entry
from fhir_server.store.filters import Filter, all_of, any_of, never
from fhir_server.store.reads import find_one, find_page
from fhir_server.store.refusals import database_errors

AUDIT_EVENT: Final = "AuditEvent"
UNCLASSED: Final = 0
"""The visibility of an entry: it has no class, no confidentiality of its own, and nobody masks it."""


@dataclass(frozen=True, slots=True)
class MongoJournal:
    """Implements `interactions.ports.Journal`."""

    catalogue: Catalogue

    def read(self, id: str, view: View) -> AuditEntry | None:
        """Return an entry, or None: absent and hidden are the same."""
        wanted = all_of([{"_id": {"$eq": id}}, entry_filter(view.reads(AUDIT_EVENT))])
        with database_errors():
            found = find_one(self.catalogue.service(AUDIT), wanted, {})
        return None if found is None else audit_entry(found)

    def page(self, plan: JournalPlan, view: View) -> Entries:
        """Return up to `plan.count` entries inside the View, by their instant, in one round trip."""
        wanted = all_of([_matching(plan), entry_filter(view.reads(AUDIT_EVENT))])
        direction = DESCENDING if plan.descending else ASCENDING
        with database_errors():
            found = find_page(
                self.catalogue.service(AUDIT), wanted, {}, [("at", direction), ("_id", direction)],
                _hint(plan, view), plan.count,
            )  # fmt: skip
        return tuple(audit_entry(one) for one in found)


def entry_filter(predicate: Predicate) -> Filter:
    """Return the filter over audit documents that passes what the predicate allows of them.

    The owner of an entry is the person concerned, its author the one who acted; it inherits from nothing and
    nothing opens it.
    """
    match predicate:
        case terms.Everything() | terms.SourcesExclude():
            return {}
        case terms.Nothing() | terms.OpensBy():
            return never()
        case terms.OwnerIs(owner):
            return {"owner": {"$eq": owner}}
        case terms.VisibilityIn(values):
            return {} if UNCLASSED in values else never()
        case terms.LabelsExclude(labels):
            return {"labels": {"$nin": sorted(labels)}}
        case terms.AuthorIn(authors):
            return {"actor.identity": {"$in": sorted(authors)}}
        case terms.IdIn(ids):
            return {"_id": {"$in": sorted(ids)}}
        case terms.AllOf(parts):
            return all_of([entry_filter(part) for part in parts])
        case terms.AnyOf(parts):
            return _any_of(parts)
        case terms.Not(part):
            return {"$nor": [entry_filter(part)]}


def _any_of(parts: tuple[Predicate, ...]) -> Filter:
    built = [entry_filter(part) for part in parts]
    return {} if {} in built else any_of(built)


def _hint(plan: JournalPlan, view: View) -> str:
    if plan.ids:
        return "_id_"
    return "owner_at" if plan.owners or view.owner is not None else "at"


def _matching(plan: JournalPlan) -> Filter:
    within = {"$gte": plan.from_, "$lt": plan.before}
    at = {operator: bound for operator, bound in within.items() if bound is not None}
    return all_of([
        _one_of("owner", plan.owners),
        _one_of("_id", plan.ids),
        {"at": at} if at else {},
        {} if plan.interactions is None else {"interaction": {"$in": sorted(plan.interactions)}},
        {"interaction": {"$nin": sorted(plan.not_interactions)}} if plan.not_interactions else {},
        any_of([{"status": {"$gte": low, "$lt": high}} for low, high in plan.statuses])
        if plan.statuses
        else {},
        _agents(plan),
        _named(plan),
        _after(plan),
    ])  # fmt: skip


def _one_of(field: str, values: tuple[str, ...]) -> Filter:
    if not values:
        return {}
    return {field: {"$eq": values[0]} if len(values) == 1 else {"$in": list(values)}}


def _agents(plan: JournalPlan) -> Filter:
    fields = ("actor.identity", "agent.structure", "agent.client")
    return any_of([_one_of(field, plan.agents) for field in fields]) if plan.agents else {}


def _named(plan: JournalPlan) -> Filter:
    patterns = [{"$regex": "^" + re.escape(name), "$options": "i"} for name in plan.agent_names]
    return any_of([{"agent.name": pattern} for pattern in patterns]) if patterns else {}


def _after(plan: JournalPlan) -> Filter:
    if plan.after is None:
        return {}
    beyond = "$lt" if plan.descending else "$gt"
    at, id = plan.after.at, plan.after.id
    # The first bound is tight on the index; the rest says which entries of that instant are still to come.
    tight: dict[str, Any] = {"at": {beyond + "e": at}}
    return tight | {"$or": [{"at": {beyond: at}}, {"_id": {beyond: id}}]}
