"""Conditional creates: of all commits that ask for the same thing at once, exactly one creates it.

Threads of one process take turns on a stripe of locks.  Within the transaction the plan is looked up, and
only where nothing matches is the lock document of the criteria incremented: two transactions that both saw
nothing write the same document, and the database refuses one of them, which then looks again.  Incrementing
it first would make every loser write, and be many times slower.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from threading import Lock
from typing import Final

from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from fhir_server.model.unit_of_work import Condition, ConditionMatched
from fhir_server.store import searches
from fhir_server.store.catalogue import LOCKS, Catalogue

STRIPES: Final = 256
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

    Raises ConditionMatched for the first that something matches.
    """
    keys = []
    for condition in conditions:
        ids = _matches(condition, catalogue, session)
        if ids:
            raise ConditionMatched(condition, ids)
        keys.append(condition.key)
    if keys:
        catalogue.service(LOCKS).bulk_write(
            [
                UpdateOne({"_id": {"$eq": key}}, {"$inc": {"taken": 1}, "$set": {"at": now}}, upsert=True)
                for key in sorted(set(keys))
            ],
            session=session,
        )


def _matches(condition: Condition, catalogue: Catalogue, session: ClientSession) -> tuple[str, ...]:
    # Asked for anew within each attempt: a code without a system is looked up under all systems that were
    # noted, and those of a commit that came first are among them by now.
    plan = condition.plan if condition.rebind is None else condition.rebind()
    hint = catalogue.hint(plan.resource_type, plan.index)
    cursor = catalogue.current(plan.resource_type).find(
        searches.matching(plan, condition.view), {"_id": 1}, limit=LOOKED_UP, hint=hint, session=session
    )
    return tuple(found["_id"] for found in cursor)
