"""Notices on their way into the outbox: those that say the same as an earlier one are left out.

A notice of an access has an id that says who is told of whom and for which day or session; the outbox takes
an id once.  What this process has put there is remembered, so that the usual read does not ask again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from fhir_server.model.audit import Notice
from fhir_server.store.catalogue import Records
from fhir_server.store.entries import notice_document
from fhir_server.store.inserts import insert_all

CAPACITY: Final = 20_000


class Told:
    """A bounded memory of the notices that are durable; the least recently asked are forgotten first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def untold(self, notices: Iterable[Notice]) -> list[Notice]:
        """Return those that are not known to be told already, each id once."""
        fresh: dict[str, Notice] = {}
        with self._lock:
            for notice in notices:
                if notice.once and notice.id in self._ids:
                    self._ids.move_to_end(notice.id)
                else:
                    fresh.setdefault(notice.id, notice)
        return list(fresh.values())

    def remember(self, notices: Iterable[Notice]) -> None:
        """Note what is durable now."""
        with self._lock:
            for notice in notices:
                if notice.once:
                    self._ids[notice.id] = None
            while len(self._ids) > self._capacity:
                self._ids.popitem(last=False)


def tell(outbox: Records, notices: Sequence[Notice], session: ClientSession) -> None:
    """Put notices into the outbox within a transaction; one told already under its id stays as it is."""
    fresh = [notice_document(notice) for notice in notices if not notice.once]
    if fresh:
        insert_all(outbox, fresh, session)
    upserts = [
        UpdateOne({"_id": notice.id}, {"$setOnInsert": _without_id(notice)}, upsert=True)
        for notice in notices
        if notice.once
    ]
    if upserts:
        outbox.bulk_write(upserts, session=session)


def _without_id(notice: Notice) -> dict[str, object]:
    document = notice_document(notice)
    del document["_id"]
    return document
