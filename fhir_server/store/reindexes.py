"""What is derived of stored versions, computed anew: search entries, visibility, native mirror."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from fhir_server.model.document import Document
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.documents import facts_of
from fhir_server.store.facts import govern_past, heads_of


@dataclass(frozen=True, slots=True)
class Reindex:
    """A stored version as it was read, and the update of what is derived from it."""

    document: Document
    update: Mapping[str, Any]


def reindex_all(
    catalogue: Catalogue, resource_type: str, reindexes: Sequence[Reindex], session: ClientSession
) -> None:
    """Replace what is derived of some current versions; at most three round trips.

    One that is no longer the current version is passed over.  Its past gets the facts of the current one.
    """
    by_id = {reindex.document.facts.id: reindex for reindex in reindexes}
    held = heads_of(catalogue, resource_type, list(by_id), session)
    current = [head for head in held if head["version"] == by_id[head["_id"]].document.version]
    if not current:
        return
    updates = [*_updates(current, by_id)]
    catalogue.current(resource_type).bulk_write(updates, ordered=False, session=session)
    older = [head for head in current if head["version"] > 1]
    changed = [
        facts_of(resource_type, {**head, "visibility": _visibility(head, by_id[head["_id"]].document)})
        for head in older
    ]
    govern_past(catalogue, resource_type, changed, session)


def _updates(current: Sequence[Mapping[str, Any]], by_id: Mapping[str, Reindex]) -> Iterator[UpdateOne]:
    for head in current:
        reindex = by_id[head["_id"]]
        values = {**reindex.update["$set"], "visibility": _visibility(head, reindex.document)}
        same = {"_id": {"$eq": head["_id"]}, "version": {"$eq": head["version"]}}
        yield UpdateOne(same, {**reindex.update, "$set": values})


def _visibility(head: Mapping[str, Any], document: Document) -> int:
    """Return the visibility given where it was made from the labels that are stored.

    Whoever changed them since has written the visibility that belongs to them.
    """
    was = set(document.facts.access.labels)
    return document.facts.visibility if was == set(head["access"]["labels"]) else int(head["visibility"])
