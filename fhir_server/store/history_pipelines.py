"""Histories as aggregation pipelines: streams of several collections, each in index order, merged.

A resource has its current version in one collection and the superseded ones in another, and writers move
versions from the first to the second.  So every current collection is read before its history: a version
that moves meanwhile is seen twice, which the reader can tell, and never missed.

The View is part of each stream: the facts of a superseded version are those of the current one (`facts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING

from fhir_server.model.history import HistoryPlan, Place
from fhir_server.model.view import View
from fhir_server.store.documents import LAST_VERSION, superseded_id
from fhir_server.store.filters import Filter, all_of, predicate_filter
from fhir_server.store.values import millis_down, millis_up

Stage = dict[str, Any]

KEYS: Final = {"version": 1, "updated": 1, "seq": 1}
_PADDING: Final = 10_000_000_000
"""Added to a version, its decimal digits after the first are those of `superseded_id`."""
_ID: Final = {"$substrBytes": ["$_id", 0, {"$indexOfBytes": ["$_id", "#"]}]}
_DIGITS: Final = {"$toString": {"$add": ["$version", 1, _PADDING]}}
_FOLLOWING: Final = {"$concat": [_ID, "#", {"$substrBytes": [_DIGITS, 1, 10]}]}


@dataclass(frozen=True, slots=True)
class Source:
    """One collection of a history."""

    resource_type: str
    superseded: bool

    @property
    def collection(self) -> str:
        """Its name."""
        return f"{self.resource_type}_history" if self.superseded else self.resource_type


def sources(resource_types: Sequence[str]) -> list[Source]:
    """Return the collections of some types, each current one before its history."""
    return [Source(name, superseded) for name in resource_types for superseded in (False, True)]


def keys_pipeline(read: Sequence[Source], plan: HistoryPlan, view: View, limit: int) -> list[Stage]:
    """Return the pipeline of `_id`, `type` and `KEYS` of `limit` versions, to be run on the first source."""
    order = _order(plan)
    parts = [
        [
            *_matching(source, plan, view, _after(source, plan)),
            {"$sort": order},
            {"$limit": limit},
            _keys(source),
        ]
        for source in read
    ]
    merge: list[Stage] = [{"$sort": order}, {"$limit": limit}] if len(parts) > 1 else []
    return [*_joined(read, parts), *merge]


def tie_pipeline(read: Sequence[Source], plan: HistoryPlan, view: View, place: Place) -> list[Stage]:
    """Return the pipeline of the versions with the update time and `seq` of a place, behind `plan.after`."""
    same = {"updated": {"$eq": place.updated}, "seq": {"$eq": place.seq}}
    parts = [
        [*_matching(source, plan, view, all_of([same, _after(source, plan)])), _keys(source)]
        for source in read
    ]
    return _joined(read, parts)


def count_pipeline(read: Sequence[Source], plan: HistoryPlan, view: View) -> list[Stage]:
    """Return the pipeline whose one result, if there is any, has the number of versions as `n`."""
    parts = [[*_matching(source, plan, view, {}), {"$project": {"_id": 1}}] for source in read]
    return [*_joined(read, parts), {"$count": "n"}]


def _joined(read: Sequence[Source], parts: list[list[Stage]]) -> list[Stage]:
    others = [
        {"$unionWith": {"coll": source.collection, "pipeline": part}}
        for source, part in zip(read[1:], parts[1:], strict=True)
    ]
    return [*parts[0], *others]


def _matching(source: Source, plan: HistoryPlan, view: View, more: Filter) -> list[Stage]:
    wanted = all_of(
        [_scope(source, plan), _times(plan), predicate_filter(view.reads(source.resource_type)), more]
    )
    stages: list[Stage] = [{"$match": wanted}]
    if source.superseded:
        stages += _still_current(source, plan)
    return stages


def _scope(source: Source, plan: HistoryPlan) -> Filter:
    if plan.id is None:
        return {}
    if source.superseded:
        return {"_id": {"$gte": superseded_id(plan.id, 0), "$lte": superseded_id(plan.id, LAST_VERSION)}}
    return {"_id": {"$eq": plan.id}}


def _times(plan: HistoryPlan) -> Filter:
    parts: list[Filter] = []
    if plan.since is not None:
        parts.append({"updated": {"$gte": millis_up(plan.since)}})
    if plan.at is not None:
        parts.append({"updated": {"$lt": millis_up(plan.at.end)}})
        parts.append({"$or": [{"deleted": {"$eq": False}}, {"updated": {"$gte": millis_up(plan.at.start)}}]})
    return all_of(parts)


def _still_current(source: Source, plan: HistoryPlan) -> list[Stage]:
    """A superseded version was current until the next one: that has to be after the period's start."""
    if plan.at is None:
        return []
    after = {"$gt": millis_down(plan.at.start)}
    return [
        {"$set": {"of": _ID, "following": _FOLLOWING}},
        {"$lookup": _updated_of(source.collection, "following", "then")},
        {"$lookup": _updated_of(source.resource_type, "of", "now")},
        {"$match": {"$or": [{"then.updated": after}, {"then": {"$size": 0}, "now.updated": after}]}},
    ]


def _updated_of(collection: str, field: str, name: str) -> Stage:
    return {
        "from": collection, "localField": field, "foreignField": "_id", "as": name,
        "pipeline": [{"$project": {"updated": 1}}],
    }  # fmt: skip


def _after(source: Source, plan: HistoryPlan) -> Filter:
    place = plan.after
    if place is None:
        return {}
    beyond = "$lt" if plan.descending else "$gt"
    alternatives: list[Filter] = [{"updated": {beyond: place.updated}}, {"seq": {beyond: place.seq}}]
    here: Filter = {"seq": {"$eq": place.seq}}
    if source.resource_type == place.resource_type:
        alternatives.append({**here, **_name_beyond(source, place, beyond)})
    elif (source.resource_type < place.resource_type) == plan.descending:
        alternatives.append(here)
    # The first bound is tight on the index; the rest says which versions of that instant are still to come.
    return {"updated": {beyond + "e": place.updated}, "$or": alternatives}


def _name_beyond(source: Source, place: Place, beyond: str) -> Filter:
    if source.superseded:
        return {"_id": {beyond: superseded_id(place.id, place.version)}}
    return {
        "$or": [{"_id": {beyond: place.id}}, {"_id": {"$eq": place.id}, "version": {beyond: place.version}}]
    }


def _order(plan: HistoryPlan) -> dict[str, int]:
    direction = DESCENDING if plan.descending else ASCENDING
    return {"updated": direction, "seq": direction}


def _keys(source: Source) -> Stage:
    return {"$project": {**KEYS, "type": {"$literal": source.resource_type}}}
