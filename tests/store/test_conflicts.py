"""Who is told of a conflict can see at once what it was about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from fhir_server.model.unit_of_work import Replace, UnitOfWork, VersionConflict
from fhir_server.model.view import View

ROUNDS = 25


def test_after_a_conflict_the_other_version_is_there_to_read(
    store: Any, make: Any, saved: Any, view: View
) -> None:
    """Two replace the same version at once, again and again; the one that lost reads before the other is told."""
    start = Barrier(2)
    ids = [saved().facts.id for _ in range(ROUNDS)]

    def attempt(_: int) -> list[int]:
        seen = []
        for id in ids:
            work = UnitOfWork(view, replaces=(Replace(make.document(id, 2), 1),))
            start.wait()
            try:
                store.records.commit(work)
            except VersionConflict:
                seen.append(store.records.read("Observation", id, view).version)
        return seen

    with ThreadPoolExecutor(2) as threads:
        seen = [version for versions in threads.map(attempt, range(2)) for version in versions]
    assert seen == [2] * ROUNDS
