"""Which search entries are in use: for questions about everything, answered by looking at everything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fhir_server.model.view import View
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.filters import predicate_filter
from fhir_server.store.reads import QUERY_MS
from fhir_server.store.refusals import database_errors

Stage = dict[str, Any]


def entry_values(
    catalogue: Catalogue, resource_type: str | None, parameters: Sequence[str], view: View, limit: int
) -> list[str]:
    """Return up to `limit` residual entries (`_tag=system|code`) of these parameters, in order, each once.

    `resource_type=None` stands for every type.  One round trip, linear in the documents that the View reads.
    """
    if resource_type is not None:
        types = [resource_type] if catalogue.exists(resource_type) else []
    else:
        types = catalogue.existing()
    if not types:
        return []
    pattern = f"^(?:{'|'.join(re.escape(parameter) for parameter in parameters)})="
    first, *others = types
    pipeline = [
        *_entries(first, pattern, view),
        *({"$unionWith": {"coll": name, "pipeline": _entries(name, pattern, view)}} for name in others),
        {"$group": {"_id": "$search.residual"}},
        {"$sort": {"_id": 1}},
        {"$limit": limit},
    ]
    with database_errors():
        rows = list(catalogue.current(first).aggregate(pipeline, maxTimeMS=QUERY_MS))
    return [row["_id"] for row in rows]


def _entries(resource_type: str, pattern: str, view: View) -> list[Stage]:
    matching = {"search.residual": {"$regex": pattern}}
    return [
        {"$match": {"$and": [predicate_filter(view.reads(resource_type)), matching]}},
        {"$project": {"search.residual": 1}},
        {"$unwind": "$search.residual"},
        {"$match": matching},
    ]
