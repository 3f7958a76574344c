"""Conditional creates: of all commits that ask for the same thing at once, exactly one creates it.

Threads of one process take turns on a stripe of locks.  Within the transaction the plan is looked up, and
only where nothing matches is the lock document of the criteria incremented: two transactions that both saw
nothing write the same document, and the database refuses one of them, which then looks again.  Incrementing
it first would make every loser write, and be many times slower.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final

from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError

from fhir_server.model.unit_of_work import Condition, ConditionMatched
from fhir_server.store import searches
from fhir_server.store.begun import run
from fhir_server.store.catalogue import LOCKS, Catalogue, Records
from fhir_server.store.filters import Filter

STRIPES: Final = 256
AT_ONCE: Final = 50
"""Conditions that one query asks."""
LOOKED_UP: Final = 2
"""Two matches are as many as any number: the condition is ambiguous."""


class Stripes:
    """Locks of this process, picked by the keys of conditions."""

    def __init__(self, count: int = STRIPES) -> None:
        self._locks = [Lock() for _ in range(count)]

    @contextmanager
    def hold(self, keys: Iterable[str]) -> Iterator[None]:
        """Hold the locks of all `keys`, taken in one order so that two holders never wait for each other."""
        with ExitStack() as held:
            for number in sorted({hash(key) % len(self._locks) for key in keys}):
                held.enter_context(self._locks[number])
            yield


def exclude(
    conditions: Iterable[Condition], catalogue: Catalogue, session: ClientSession, now: datetime
) -> None:
    """Make sure, within the transaction, that nothing matches any condition and nothing else will.

    One round trip for all conditions about one type along one index, and one for all locks.  Raises
    ConditionMatched for one that something matches.
    """
    asked = [_asked(condition, catalogue) for condition in conditions]
    for together in _together(asked):
        if len(together) > 1 and not _found([one.filter for one in together], together[0], 1, session):
            continue
        for one in together:
            ids = _found([one.filter], one, LOOKED_UP, session)
            if ids:
                raise ConditionMatched(one.condition, ids)
    keys = {one.condition.key for one in asked}
    if keys:
        _take(sorted(keys), catalogue.service(LOCKS), session, now)


@dataclass(frozen=True, slots=True)
class _Asked:
    condition: Condition
    collection: Records
    filter: Filter
    hint: str | None


def _asked(condition: Condition, catalogue: Catalogue) -> _Asked:
    # Asked for anew within each attempt: a code without a system is looked up under all systems that were
    # noted, and those of a commit that came first are among them by now.
    plan = condition.plan if condition.rebind is None else condition.rebind()
    hint = catalogue.hint(plan.resource_type, plan.index)
    collection = catalogue.current(plan.resource_type)
    return _Asked(condition, collection, searches.matching(plan, condition.view), hint)


def _together(asked: Iterable[_Asked]) -> Iterator[list[_Asked]]:
    """Yield the conditions that one query can ask: those about one collection along one index."""
    grouped: dict[tuple[str, str | None], list[_Asked]] = {}
    for one in asked:
        grouped.setdefault((one.collection.name, one.hint), []).append(one)
    for group in grouped.values():
        for first in range(0, len(group), AT_ONCE):
            yield group[first : first + AT_ONCE]


def _found(filters: list[Filter], along: _Asked, most: int, session: ClientSession) -> tuple[str, ...]:
    """Return ids of what any of the filters matches, `most` at most.  One round trip."""
    wanted = filters[0] if len(filters) == 1 else {"$or": filters}
    command = {
        "find": along.collection.name, "filter": wanted, "projection": {"_id": 1}, "limit": most,
        "singleBatch": True,
    }  # fmt: skip
    if along.hint is not None:
        command["hint"] = along.hint
    batch = run(along.collection, command, session)["cursor"]["firstBatch"]
    return tuple(found["_id"] for found in batch)


def _take(keys: Sequence[str], locks: Records, session: ClientSession, now: datetime) -> None:
    """Write the locks of these keys.  One round trip.  Raises BulkWriteError."""
    taken = {"$inc": {"taken": 1}, "$set": {"at": now}}
    updates = [{"q": {"_id": {"$eq": key}}, "u": taken, "upsert": True} for key in keys]
    reply = run(locks, {"update": locks.name, "updates": updates, "ordered": True}, session)
    if reply.get("writeErrors"):
        raise BulkWriteError({"writeErrors": reply["writeErrors"], "writeConcernErrors": []})
