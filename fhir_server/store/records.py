"""The records: every read takes a View and compiles it into the query; `commit` is the only write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fhir_server.model.document import Stored
from fhir_server.model.explained import Walk
from fhir_server.model.history import HistoryPage, HistoryPlan
from fhir_server.model.plan import Coded, Page, Plan, Pointed, Pointers
from fhir_server.model.unit_of_work import Committed, UnitOfWork
from fhir_server.model.view import View
from fhir_server.store import pointers, searches
from fhir_server.store.bodies import Bodies
from fhir_server.store.catalogue import Catalogue, Records
from fhir_server.store.coded import coded
from fhir_server.store.commit import Commits
from fhir_server.store.documents import FACTS, PROJECTION, superseded_id
from fhir_server.store.drivers import driven
from fhir_server.store.entry_values import entry_values
from fhir_server.store.explaining import explained
from fhir_server.store.filters import Filter, all_of, predicate_filter
from fhir_server.store.flow_marks import flow_marks
from fhir_server.store.flows import flowing_from
from fhir_server.store.histories import Histories
from fhir_server.store.owners import OwnerCache
from fhir_server.store.reads import NAIVE, QUERY_MS, count, find_one, find_page
from fhir_server.store.refusals import database_errors
from fhir_server.store.searches import Query
from fhir_server.store.sorting import SortedPages
from fhir_server.store.stretches import counted, stretches
from fhir_server.store.values import millis_down, utc

WITH_FACTS: Final = {**PROJECTION, **FACTS}
UNSORTED: Final = {name: 1 for name in PROJECTION if "." not in name}
"""Without the place in an order: a nested field costs the database more than all the others."""


class MongoRecords:
    """Implements `interactions.ports.Records`."""

    def __init__(self, catalogue: Catalogue, bodies: Bodies, commits: Commits, owners: OwnerCache) -> None:
        self._catalogue = catalogue
        self._bodies = bodies
        self._commits = commits
        self._owners = owners
        self._histories = Histories(catalogue, bodies)
        self._sorted = SortedPages(catalogue, bodies)

    def read(self, resource_type: str, id: str, view: View, *, facts: bool = False) -> Stored | None:
        """Return the current version (a deletion too), or None.  One round trip."""
        found = self._current(resource_type, id, view, WITH_FACTS if facts else UNSORTED)
        return self._bodies.restore_one(resource_type, found)

    def vread(self, resource_type: str, id: str, version: int, view: View) -> Stored | None:
        """Return that version, or None.  One round trip for the current version, else two."""
        found = self._current(resource_type, id, view)
        if found is None or version > found["version"]:
            return None
        if version != found["version"]:
            wanted = _visible({"_id": {"$eq": superseded_id(id, version)}}, resource_type, view)
            with database_errors():
                found = find_one(self._catalogue.history(resource_type), wanted, PROJECTION)
        return self._bodies.restore_one(resource_type, found)

    def read_many(
        self, resource_type: str, ids: Sequence[str], view: View, *, facts: bool = False
    ) -> dict[str, Stored]:
        """Return the current versions by id in one round trip."""
        if not ids:
            return {}
        wanted = _visible({"_id": {"$in": list(ids)}}, resource_type, view)
        with database_errors():
            cursor = _naive(self._catalogue.current(resource_type)).find(
                wanted, WITH_FACTS if facts else PROJECTION, hint="_id_", max_time_ms=QUERY_MS
            )
            found = self._bodies.restore(resource_type, cursor)
        return {stored.id: stored for stored in found}

    def history(
        self,
        resource_type: str,
        id: str,
        view: View,
        *,
        count: int,
        before_version: int | None = None,
        since: datetime | None = None,
    ) -> Sequence[Stored]:
        """Return up to `count` versions, newest first, below `before_version` and not before `since`.

        Two round trips: the current version says whether the View shows the resource at all.
        """
        current = self._current(resource_type, id, view)
        if current is None or count <= 0:
            return ()
        version = current["version"]
        in_range = before_version is None or before_version > version
        recent = since is None or utc(current["updated"]) >= millis_down(since)
        found = [current] if in_range and recent else []
        before = version if before_version is None else min(before_version, version)
        found += self._superseded(resource_type, id, view, count - len(found), before, since)
        return tuple(self._bodies.restore(resource_type, found))

    def history_page(self, plan: HistoryPlan, view: View) -> HistoryPage:
        """Return one page of a history of any level; see `store.histories`."""
        return self._histories.page(plan, view)

    def history_count(self, plan: HistoryPlan, view: View) -> int:
        """Return how many versions a history of any level has inside the View.  One round trip."""
        return self._histories.count(plan, view)

    def search(self, plan: Plan, view: View) -> Page:
        """Return one page of the plan inside the View.

        One round trip for each stretch that is needed to fill it, at most two; one more where the page ends
        between versions of one instant and sequence number.
        """
        if plan.count <= 0 or not self._catalogue.exists(plan.resource_type):
            return Page(())
        plan = driven(self._catalogue, plan, view)
        if plan.order.keys:
            return self._sorted.page(plan, searches.matching(plan, view))
        found: list[Stored] = []
        for stretch in stretches(plan):
            query = searches.page_query(stretch, view)
            found += self._found(plan.resource_type, query, plan.count + 1 - len(found))
            if len(found) > plan.count:
                break
        if searches.is_cut(found, plan):
            ties = self._found(plan.resource_type, searches.tie_query(plan, view, found[plan.count - 1]), 0)
            found = searches.with_ties(found, ties)
        return searches.in_order(found, plan)

    def count(self, plan: Plan, view: View, *, most: int | None = None) -> int:
        """Return how many resources match inside the View, `most` at most.  One round trip a stretch."""
        if not self._catalogue.exists(plan.resource_type):
            return 0
        plan, found = driven(self._catalogue, plan, view), 0
        for stretch in counted(plan):
            found += self._count(stretch, view, None if most is None else most - found)
            if most is not None and found >= most:
                break
        return found

    def _count(self, plan: Plan, view: View, most: int | None) -> int:
        hint = self._catalogue.hint(plan.resource_type, plan.index)
        with database_errors():
            return count(
                self._catalogue.current(plan.resource_type), searches.matching(plan, view), hint, most
            )

    def ids(self, plan: Plan, view: View, limit: int) -> Sequence[str]:
        """Return the ids of what matches inside the View, `limit` at most, in no order.  One round trip."""
        return pointers.ids(self._catalogue, plan, view, limit)

    def pointed(self, plan: Plan, view: View, wanted: Pointers, limit: int) -> Pointed:
        """Return what the resources that match inside the View point to; see `store.pointers`."""
        return pointers.pointed(self._catalogue, plan, view, wanted, limit)

    def coded(self, plan: Plan, view: View, code: str, limit: int) -> Sequence[Coded]:
        """Return what matches inside the View with its codes; see `store.coded`."""
        return coded(self._catalogue, plan, view, code, limit)

    def explain(self, plan: Plan, view: View) -> Sequence[Walk]:
        """Return what the database does for the page of a plan; see `store.explaining`."""
        return explained(self._catalogue, plan, view)

    def types(self) -> Sequence[str]:
        """Return the types of which anything was ever written, in the order of their names."""
        return self._catalogue.existing()

    def entry_values(
        self, resource_type: str | None, parameters: Sequence[str], view: View, limit: int
    ) -> Sequence[str]:
        """Return residual search entries in use; see `store.entry_values`."""
        return entry_values(self._catalogue, resource_type, parameters, view, limit)

    def flowing_from(
        self, owner: str, sources: Sequence[str], types: Sequence[str] | None = None
    ) -> Sequence[Stored]:
        """Return what inherits labels from `sources` in a record; see `store.flows`.  For their flow only."""
        return flowing_from(self._catalogue, self._bodies, owner, sources, types)

    def flow_marks(self, owner: str) -> tuple[bytes, ...]:
        """Return what changes with every write that labels flow through; see `store.flow_marks`."""
        return flow_marks(self._catalogue, owner)

    def owner_of(self, resource_type: str, id: str) -> str | None:
        """Return the person whose record holds the resource.  For access decisions only."""
        try:
            return self._owners.get(resource_type, id)
        except KeyError:
            return self._read_owner(resource_type, id)

    def commit(self, work: UnitOfWork) -> Committed:
        """Write all of `work` durably, or nothing; see `store.commit`."""
        committed = self._commits.run(work)
        for document in work.creates:
            self._owners.put(document.facts.resource_type, document.facts.id, document.facts.owner)
        return committed

    def _current(
        self, resource_type: str, id: str, view: View, projection: Mapping[str, int] = PROJECTION
    ) -> dict[str, Any] | None:
        wanted = _visible({"_id": id}, resource_type, view)
        # An id alone needs no plan; beside facts, the database would weigh the indexes that begin with those.
        hint = "_id_" if len(wanted) > 1 else None
        with database_errors():
            return find_one(self._catalogue.current(resource_type), wanted, projection, hint=hint)

    def _read_owner(self, resource_type: str, id: str) -> str | None:
        with database_errors():
            found = find_one(self._catalogue.current(resource_type), {"_id": id}, {"owner": 1})
        if found is None:
            return None
        owner: str | None = found["owner"]
        self._owners.put(resource_type, id, owner)
        return owner

    def _superseded(
        self, resource_type: str, id: str, view: View, count: int, before: int, since: datetime | None
    ) -> list[dict[str, Any]]:
        if count <= 0 or before <= 1:
            return []
        wanted: Filter = {"_id": {"$gte": superseded_id(id, 0), "$lt": superseded_id(id, before)}}
        if since is not None:
            wanted["updated"] = {"$gte": millis_down(since)}
        with database_errors():
            cursor = _naive(self._catalogue.history(resource_type)).find(
                _visible(wanted, resource_type, view), PROJECTION, hint="_id_", max_time_ms=QUERY_MS
            )
            return list(cursor.sort("_id", -1).limit(count))

    def _found(self, resource_type: str, query: Query, limit: int) -> list[Stored]:
        hint = self._catalogue.hint(resource_type, query.hint)
        with database_errors():
            found = find_page(
                self._catalogue.current(resource_type), query.filter, PROJECTION, query.sort, hint, limit
            )
            return self._bodies.restore(resource_type, found, keep_lost=True)


def _visible(wanted: Filter, resource_type: str, view: View) -> Filter:
    return all_of([wanted, predicate_filter(view.reads(resource_type))])


def _naive(collection: Records) -> Records:
    return collection.with_options(codec_options=NAIVE)
