"""Labels that change and resources that are derived, at once: of two such commits one looks again.

A deposit that takes labels from a source reads it again within its transaction.  That alone leaves a gap: a
deposit that saw the source unlabelled, and a change of its label that saw no such deposit, write nothing in
common, and both would come to pass.  So a deposit with sources writes one of a few marks of the record, and a
change of labels all of them: the database refuses one of the two.  Deposits hardly ever meet each other, for
each writes only one mark, and nothing is shared between records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from zlib import crc32

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from fhir_server.model.document import Facts
from fhir_server.model.unit_of_work import Flow, VersionConflict
from fhir_server.store.catalogue import LOCKS, Catalogue, Records
from fhir_server.store.facts import have_moved, heads_of
from fhir_server.store.refusals import database_errors

SLOTS: Final = 8
"""Marks of a record: what one deposit in so many has to wait for another."""
NONE: Final = b""


def flow_marks(catalogue: Catalogue, owner: str) -> tuple[bytes, ...]:
    """Return the marks of a record as they are: before looking for what labels flow to.  One round trip."""
    with database_errors():
        return _marks(catalogue.service(LOCKS), owner, None)


def hold(flows: Iterable[Flow], catalogue: Catalogue, session: ClientSession, now: datetime) -> None:
    """Make sure, within the transaction, that labels were worked out from what is there and stays there.

    Round trips: one for each type of the sources and one for the mark; two where labels are passed on.
    Raises VersionConflict.
    """
    for flow in flows:
        _check_sources(flow, catalogue, session)
        locks = catalogue.service(LOCKS)
        if flow.marks is not None and _marks(locks, flow.owner, session) != flow.marks:
            raise VersionConflict(LOCKS, flow.owner)
        names = _names(flow.owner)
        written = names if flow.marks is not None else [names[crc32(flow.writer.encode()) % SLOTS]]
        changed = {"$set": {"mark": ObjectId(), "at": now}}
        locks.bulk_write([UpdateOne({"_id": {"$eq": name}}, changed, upsert=True) for name in written],
                         session=session)  # fmt: skip


def _check_sources(flow: Flow, catalogue: Catalogue, session: ClientSession) -> None:
    by_type: dict[str, dict[str, Facts | None]] = {}
    for name, facts in flow.sources:
        resource_type, _, id = name.partition("/")
        by_type.setdefault(resource_type, {})[id] = facts
    for resource_type, expected in by_type.items():
        heads = heads_of(catalogue, resource_type, list(expected), session)
        held = {head["_id"]: head for head in heads if head["owner"] == flow.owner}
        for id, facts in expected.items():
            if (facts is None) != (id not in held) or (id in held and have_moved(facts, held[id])):
                raise VersionConflict(resource_type, id)


def _marks(locks: Records, owner: str, session: ClientSession | None) -> tuple[bytes, ...]:
    names = _names(owner)
    found: dict[str, Any] = {
        lock["_id"]: lock["mark"] for lock in locks.find({"_id": {"$in": names}}, session=session)
    }
    return tuple(found[name].binary if name in found else NONE for name in names)


def _names(owner: str) -> Sequence[str]:
    # No digest of criteria, of which the other locks are made, has a slash.
    return [f"flow/{owner}/{number}" for number in range(SLOTS)]
