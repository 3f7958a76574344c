"""The facts of the current version are those of all: what hides a resource hides its past as well.

Whoever changes labels, visibility, authors, sources or the opening of a resource changes them in every
superseded version too, in the same transaction.  So a history is filtered like anything else, by the facts of
each version alone.  Where nothing of these changes, nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pymongo import UpdateMany, UpdateOne
from pymongo.client_session import ClientSession

from fhir_server.model.document import Access, Facts
from fhir_server.model.unit_of_work import Relabel, VersionConflict
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.documents import FACTS, LAST_VERSION, opening, superseded_id
from fhir_server.store.filters import Filter
from fhir_server.store.reads import NAIVE

Update = dict[str, Any]

_HEAD: Final = {**FACTS, "version": 1, "owner": 1}


def facts_update(facts: Facts, *, authors: bool = True) -> Update:
    """Return the update that gives a version these facts; its owner and state stay."""
    access = facts.access
    given: dict[str, Any] = {
        "visibility": facts.visibility,
        "access.labels": list(access.labels),
        "access.from": opening(access.from_),
    }
    if authors:
        given["access.author"] = list(access.authors)
    if not access.source:
        return {"$set": given, "$unset": {"access.source": ""}}
    return {"$set": {**given, "access.source": list(access.source)}}


def differ(facts: Facts, held: Mapping[str, Any]) -> bool:
    """Return whether a stored version, instants naive, has other facts; its state does not count."""
    access, stored = facts.access, held["access"]
    opens = opening(access.from_)
    return (
        facts.visibility != held["visibility"]
        or set(access.labels) != set(stored["labels"])
        or set(access.authors) != set(stored["author"])
        or set(access.source) != set(stored.get("source", ()))
        or (None if opens is None else opens.replace(tzinfo=None)) != stored.get("from")
    )


def have_moved(before: Facts | None, held: Mapping[str, Any]) -> bool:
    """Return whether somebody changed the facts that a writer started from (None: it did not look)."""
    return before is not None and differ(before, held)


def govern_past(
    catalogue: Catalogue, resource_type: str, changed: Iterable[Facts], session: ClientSession
) -> None:
    """Give the superseded versions of some resources the facts that their current ones have now."""
    updates = [UpdateMany(_past_of(facts.id), facts_update(facts)) for facts in changed]
    if updates:
        catalogue.history(resource_type).bulk_write(updates, ordered=False, session=session)


def relabel_all(
    catalogue: Catalogue, resource_type: str, relabels: Sequence[Relabel], session: ClientSession
) -> None:
    """Change what is inherited, in all versions of some resources; at most three round trips.

    Raises VersionConflict where a resource is no longer labelled as it was when that was worked out.
    """
    _check_unmoved(catalogue, resource_type, relabels, session)
    heads, pasts = [], []
    for relabel in relabels:
        access = Access(labels=relabel.labels, source=relabel.source, from_=relabel.from_)
        facts = Facts(resource_type, relabel.id, relabel.owner, relabel.visibility, access)
        update, mine = facts_update(facts, authors=False), {"owner": {"$eq": relabel.owner}}
        heads.append(UpdateOne({"_id": {"$eq": relabel.id}, **mine}, update))
        pasts.append(UpdateMany({**_past_of(relabel.id), **mine}, update))
    catalogue.current(resource_type).bulk_write(heads, ordered=False, session=session)
    catalogue.history(resource_type).bulk_write(pasts, ordered=False, session=session)


def _check_unmoved(
    catalogue: Catalogue, resource_type: str, relabels: Sequence[Relabel], session: ClientSession
) -> None:
    started = {relabel.id: relabel.before for relabel in relabels if relabel.before is not None}
    for held in heads_of(catalogue, resource_type, list(started), session):
        if have_moved(started[held["_id"]], held):
            raise VersionConflict(resource_type, held["_id"])


def heads_of(
    catalogue: Catalogue, resource_type: str, ids: Sequence[str], session: ClientSession
) -> list[dict[str, Any]]:
    """Return id, version, owner and facts of the current versions, within a transaction; instants naive."""
    if not ids:
        return []
    current = catalogue.current(resource_type).with_options(codec_options=NAIVE)
    return list(current.find({"_id": {"$in": list(ids)}}, _HEAD, hint="_id_", session=session))


def _past_of(id: str) -> Filter:
    return {"_id": {"$gte": superseded_id(id, 0), "$lte": superseded_id(id, LAST_VERSION)}}
