"""Search entries computed anew, batch by batch, in the order of update times.

What is written meanwhile moves behind the walk and was indexed by its writer, so a server can go on serving.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from fhir_server.access.labelling import Labelling
from fhir_server.access.policy import neutral_policy
from fhir_server.commands.reindexing.progress import Progress
from fhir_server.interactions.ports import Records
from fhir_server.model import exact_json
from fhir_server.model.document import Document, Stored
from fhir_server.model.plan import Index, Order, Plan, SortBy
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from fhir_server.search.index import Indexer

NEUTRAL: Final = Labelling(neutral_policy())
"""The labels of a server without access control."""

Told = Callable[[str, int], None]
"""Hears the type and how many resources of it were reindexed just now."""


def reindex_all(
    records: Records,
    indexer: Indexer,
    view: View,
    types: Sequence[str],
    progress: Progress,
    *,
    batch: int,
    until: datetime,
    stopped: threading.Event,
    told: Told,
    labelling: Labelling = NEUTRAL,
) -> bool:
    """Reindex what was last updated before `until` (aware); return whether all of it is done.

    The visibility is computed anew by `labelling`, from the labels that are stored.
    Each batch is one commit, after which `progress` knows of it.  Raises FhirError when the database fails.
    """
    for resource_type in types:
        if resource_type in progress.finished:
            continue
        order = Order(SortBy.UPDATED, descending=False)
        plan = Plan(resource_type, index=Index.UPDATED, order=order, count=batch)
        plan = replace(plan, after=progress.positions.get(resource_type))
        while True:
            if stopped.is_set():
                return False
            page = records.search(plan, view)
            documents = _documents(records, indexer, view, page.entries, labelling)
            progress.unlabelled += sum(_lacks_label(labelling, document) for document in documents)
            if documents:
                records.commit(UnitOfWork(view, reindexes=documents))
                told(resource_type, len(documents))
            is_last = page.next is None or (page.next.sort is not None and page.next.sort >= until)
            progress.reached(resource_type, None if is_last else page.next)
            if is_last:
                break
            plan = replace(plan, after=page.next)
    return True


def _documents(
    records: Records, indexer: Indexer, view: View, found: Sequence[Stored], labelling: Labelling
) -> tuple[Document, ...]:
    if not found:
        return ()
    # Read once more, for their facts; what was written since is indexed by its writer.
    ids = [stored.id for stored in found]
    now = records.read_many(found[0].resource_type, ids, view, facts=True)
    return tuple(
        _document(now[stored.id], indexer, labelling)
        for stored in found
        if stored.id in now and not now[stored.id].deleted
    )


def _lacks_label(labelling: Labelling, document: Document) -> bool:
    """Whether it says a label that it was not given: written where nobody knew what the label means."""
    if document.resource is None or not labelling.governs:
        return False
    own, _ = labelling.own(document.resource)
    return not labelling.protected.intersection(own) <= set(document.facts.access.labels)


def _document(stored: Stored, indexer: Indexer, labelling: Labelling) -> Document:
    resource = exact_json.decode(stored.body)
    assert stored.facts is not None
    return Document(
        facts=labelling.renewed(stored.facts, resource),
        version=stored.version,
        updated=stored.updated,
        seq=stored.seq,
        resource=resource,
        search=indexer.entries(resource, owner=stored.owner),
    )
