"""What the documents that match a plan are called, or point to: the inner half of a chain or of `_has`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from fhir_server.model.plan import Plan, Pointed, Pointers
from fhir_server.model.view import View
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.reads import NAIVE, QUERY_MS
from fhir_server.store.refusals import database_errors
from fhir_server.store.searches import matching

PERSON: Final = "@"
"""What the person of a record begins with among the entries; nothing else begins so."""

Expression = dict[str, Any]


def ids(catalogue: Catalogue, plan: Plan, view: View, limit: int) -> Sequence[str]:
    """Return the ids of what matches, `limit` at most, in no order.  One round trip."""
    if not catalogue.exists(plan.resource_type):
        return ()
    plan = replace(plan, reach=None)
    hint = catalogue.hint(plan.resource_type, plan.index)
    with database_errors():
        cursor = (
            catalogue.current(plan.resource_type)
            .with_options(codec_options=NAIVE)
            .find(
                matching(plan, view),
                {"_id": 1},
                limit=limit,
                batch_size=limit,
                max_time_ms=QUERY_MS,
                hint=hint,
            )
        )
        return [found["_id"] for found in cursor]


def pointed(catalogue: Catalogue, plan: Plan, view: View, wanted: Pointers, limit: int) -> Pointed:
    """Return what the documents that match point to, `limit` of it at most, in no order.  One round trip."""
    if not catalogue.exists(plan.resource_type):
        return Pointed()
    plan = replace(plan, reach=None)
    hint = catalogue.hint(plan.resource_type, plan.index)
    options: dict[str, Any] = {} if hint is None else {"hint": hint}
    pipeline: list[Expression] = [
        {"$match": matching(plan, view)},
        {"$project": {"_id": 0, "found": _found(wanted)}},
        {"$unwind": "$found"},
        {"$group": {"_id": "$found"}},
        {"$limit": limit},
    ]
    with database_errors():
        cursor = (
            catalogue.current(plan.resource_type)
            .with_options(codec_options=NAIVE)
            .aggregate(pipeline, batchSize=limit, maxTimeMS=QUERY_MS, **options)
        )
        entries = [each["_id"] for each in cursor]
    persons = tuple(entry.removeprefix(PERSON) for entry in entries if entry.startswith(PERSON))
    texts = tuple(_without_start(entry, wanted) for entry in entries if not entry.startswith(PERSON))
    return Pointed(texts, persons)


def _without_start(entry: str, wanted: Pointers) -> str:
    return next(entry.removeprefix(start) for start in wanted.starts if entry.startswith(start))


def _found(wanted: Pointers) -> Expression:
    begins = [{"$eq": [{"$indexOfCP": ["$$one", {"$literal": start}]}, 0]} for start in wanted.starts]
    held: Expression = {
        "$filter": {"input": _list("$search.token"), "as": "one", "cond": {"$or": begins}}
    }  # fmt: skip
    if wanted.person == "never":
        return held
    marked: Expression = {
        "$gt": [
            {"$size": {"$setIntersection": [_list("$search.residual"), {"$literal": list(wanted.markers)}]}},
            0,
        ]
    }
    counts = marked if wanted.person == "if" else {"$not": [marked]}
    # A document of no person has none to point to.
    owned: Expression = {"$and": [counts, {"$gt": ["$owner", None]}]}
    person: Expression = {"$cond": [owned, [{"$concat": [PERSON, "$owner"]}], []]}
    return {"$concatArrays": [held, person]}


def _list(field: str) -> Expression:
    return {"$ifNull": [field, []]}
