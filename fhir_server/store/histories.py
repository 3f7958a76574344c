"""Histories of one resource, of a type or of everything: one merged list of keys, then a page of bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fhir_server.model.document import Stored
from fhir_server.model.history import HistoryPage, HistoryPlan, Place, Version
from fhir_server.model.view import View
from fhir_server.store import history_pipelines as pipelines
from fhir_server.store.bodies import Bodies
from fhir_server.store.catalogue import Catalogue, Records
from fhir_server.store.documents import PROJECTION, superseded_id
from fhir_server.store.filters import Filter, all_of, predicate_filter
from fhir_server.store.history_pipelines import Source, Stage
from fhir_server.store.reads import NAIVE, QUERY_MS
from fhir_server.store.refusals import database_errors
from fhir_server.store.within import is_within

Pipeline = Callable[[Sequence[Source]], list[Stage]]
"""From some sources to the pipeline that reads them, to be run on the first."""


class Histories:
    """Answers `Records.history_page` and `Records.history_count`."""

    def __init__(self, catalogue: Catalogue, bodies: Bodies) -> None:
        self._catalogue = catalogue
        self._bodies = bodies

    def page(self, plan: HistoryPlan, view: View) -> HistoryPage:
        """Return one page.

        One round trip for the keys of all types, then two or three for each type that the page holds.
        """
        read = self._sources(plan)
        if not read or plan.count <= 0:
            return HistoryPage(())
        most = plan.count + 1
        found = self._keys(read, lambda part: pipelines.keys_pipeline(part, plan, view, most))
        found.sort(key=lambda place: (place.updated, place.seq), reverse=plan.descending)
        del found[most:]
        if _is_cut(found, plan.count):
            last = found[plan.count - 1]
            ties = self._keys(read, lambda part: pipelines.tie_pipeline(part, plan, view, last))
            found = [*(place for place in found if place not in set(ties)), *ties]
        is_more = len(found) > plan.count
        # A version that was superseded meanwhile was seen in both places.
        ordered = sorted(set(found), key=_order_of, reverse=plan.descending)[: plan.count]
        return HistoryPage(self._versions(ordered, view), ordered[-1] if is_more else None)

    def count(self, plan: HistoryPlan, view: View) -> int:
        """Return how many versions there are, whatever `plan.count` and `plan.after`.  One round trip."""
        read = self._sources(plan)
        rows = self._run(read, lambda part: pipelines.count_pipeline(part, plan, view))
        return sum(int(row["n"]) for row in rows)

    def _sources(self, plan: HistoryPlan) -> list[Source]:
        if plan.resource_type is None:
            return pipelines.sources(self._catalogue.existing())
        return pipelines.sources([plan.resource_type] if self._catalogue.exists(plan.resource_type) else [])

    def _keys(self, read: Sequence[Source], pipeline: Pipeline) -> list[Place]:
        return [
            Place(row["updated"], int(row["seq"]), row["type"], row["_id"].partition("#")[0], row["version"])
            for row in self._run(read, pipeline)
        ]

    def _run(self, read: Sequence[Source], pipeline: Pipeline) -> list[dict[str, Any]]:
        """Return what is found in all sources at once or, within a transaction, in one after the other."""
        # A transaction has no stage that reads several collections; nothing moves between them meanwhile.
        parts = [[source] for source in read] if is_within() else [read] if read else []
        rows: list[dict[str, Any]] = []
        with database_errors():
            for part in parts:
                first = part[0].resource_type
                superseded = part[0].superseded
                read_first = self._catalogue.history(first) if superseded else self._catalogue.current(first)
                rows += read_first.aggregate(pipeline(part), maxTimeMS=QUERY_MS)
        return rows

    def _versions(self, places: Sequence[Place], view: View) -> tuple[Version, ...]:
        found: dict[tuple[str, str, int], Version] = {}
        by_type: dict[str, list[Place]] = {}
        for place in places:
            by_type.setdefault(place.resource_type, []).append(place)
        for resource_type, wanted in by_type.items():
            brought_back = self._after_deletions(resource_type, wanted, view)
            for stored in self._stored(resource_type, wanted, view):
                named = (resource_type, stored.id, stored.version)
                found[named] = Version(stored, stored.version == 1 or named[1:] in brought_back)
        # What was erased between the two looks is passed over.
        names = [(place.resource_type, place.id, place.version) for place in places]
        return tuple(found[name] for name in names if name in found)

    def _stored(self, resource_type: str, wanted: Sequence[Place], view: View) -> Iterable[Stored]:
        allowed = predicate_filter(view.reads(resource_type))
        find = _finder(self._catalogue.current(resource_type), allowed, PROJECTION)
        missing = {(place.id, place.version) for place in wanted}
        rows = [
            row for row in find(list({id for id, _ in missing})) if (row["_id"], row["version"]) in missing
        ]
        missing -= {(row["_id"], row["version"]) for row in rows}
        past = [superseded_id(id, version) for id, version in missing]
        rows += _finder(self._catalogue.history(resource_type), allowed, PROJECTION)(past)
        return self._bodies.restore(resource_type, rows)

    def _after_deletions(
        self, resource_type: str, wanted: Sequence[Place], view: View
    ) -> frozenset[tuple[str, int]]:
        """Return ids and versions of those whose predecessor is a deletion."""
        before = [superseded_id(place.id, place.version - 1) for place in wanted if place.version > 1]
        allowed = all_of([{"deleted": {"$eq": True}}, predicate_filter(view.reads(resource_type))])
        find = _finder(self._catalogue.history(resource_type), allowed, {"version": 1})
        return frozenset((row["_id"].partition("#")[0], row["version"] + 1) for row in find(before))


def _finder(
    collection: Records, allowed: Filter, projection: dict[str, int]
) -> Callable[[list[str]], list[dict[str, Any]]]:
    naive = collection.with_options(codec_options=NAIVE)

    def find(ids: list[str]) -> list[dict[str, Any]]:
        if not ids:
            return []
        wanted = all_of([{"_id": {"$in": ids}}, allowed])
        with database_errors():
            return list(naive.find(wanted, projection, hint="_id_", max_time_ms=QUERY_MS))

    return find


def _is_cut(found: Sequence[Place], count: int) -> bool:
    """Return whether the page ends between versions of one update time and `seq`."""
    if len(found) <= count:
        return False
    last, beyond = found[count - 1], found[count]
    return (last.updated, last.seq) == (beyond.updated, beyond.seq)


def _order_of(place: Place) -> tuple[Any, int, str, str]:
    return place.updated, place.seq, place.resource_type, superseded_id(place.id, place.version)
