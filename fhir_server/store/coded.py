"""What documents are coded with, newest first: keys alone, for grouping without reading bodies."""

from __future__ import annotations

from typing import Any, Final

from fhir_server.model.plan import Coded, Plan
from fhir_server.model.view import View
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.reads import NAIVE, QUERY_MS
from fhir_server.store.refusals import database_errors
from fhir_server.store.searches import matching
from fhir_server.store.values import read_sort_date

_NEWEST_FIRST: Final = {"date": -1, "seq": -1, "_id": -1}


def coded(catalogue: Catalogue, plan: Plan, view: View, code: str, limit: int) -> list[Coded]:
    """Return what matches with its codes of one token parameter, newest first, `limit` at most.

    One round trip.
    """
    if not catalogue.exists(plan.resource_type):
        return []
    hint = catalogue.hint(plan.resource_type, plan.index)
    options: dict[str, Any] = {} if hint is None else {"hint": hint}
    pipeline: list[dict[str, Any]] = [
        {"$match": matching(plan, view)},
        {
            "$project": {
                "seq": 1,
                "date": "$search.sort.date",
                "codes": _of("token", f"{code}="),
                "texts": _of("residual", f"{code}:text="),
            }
        },
        {"$sort": _NEWEST_FIRST},
        {"$limit": limit},
    ]
    with database_errors():
        collection = catalogue.current(plan.resource_type).with_options(codec_options=NAIVE)
        rows = list(collection.aggregate(pipeline, maxTimeMS=QUERY_MS, **options))
    return [
        Coded(row["_id"], read_sort_date(row["date"]), int(row["seq"]), tuple(row["codes"] or row["texts"]))
        for row in rows
    ]


def _of(field: str, beginning: str) -> dict[str, Any]:
    begins = {"$eq": [{"$indexOfBytes": ["$$one", {"$literal": beginning}, 0, len(beginning)]}, 0]}
    return {"$filter": {"input": {"$ifNull": [f"$search.{field}", []]}, "as": "one", "cond": begins}}
