"""What labels flow to: the resources of a record whose labels are inherited from some others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from fhir_server.model.document import Stored
from fhir_server.store.bodies import Bodies
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.documents import FACTS, PROJECTION
from fhir_server.store.reads import NAIVE, QUERY_MS
from fhir_server.store.refusals import database_errors

MOST: Final = 10_001
"""More than labels may flow to at once, so that the caller can tell."""

_READ: Final = {**PROJECTION, **FACTS}
_OF: Final = "of"

Stage = dict[str, Any]


def flowing_from(
    catalogue: Catalogue,
    bodies: Bodies,
    owner: str,
    sources: Sequence[str],
    types: Iterable[str] | None = None,
    limit: int = MOST,
) -> list[Stored]:
    """Return the current versions in a record that inherit from one of `sources`, deletions too, with facts.

    `types=None` stands for every type.  Nothing is filtered by a View: what is found is relabelled and never
    shown.  One round trip, two where the types are not named.
    """
    named = catalogue.existing() if types is None else list(types)
    if not named or not sources:
        return []
    match = {"owner": {"$eq": owner}, "access.source": {"$in": list(sources)}}
    first, *others = named
    pipeline = [
        *_of_type(first, match),
        *({"$unionWith": {"coll": name, "pipeline": _of_type(name, match)}} for name in others),
        {"$limit": limit},
    ]
    found: dict[str, list[dict[str, Any]]] = {}
    with database_errors():
        collection = catalogue.current(first).with_options(codec_options=NAIVE)
        for row in collection.aggregate(pipeline, maxTimeMS=QUERY_MS):
            found.setdefault(row[_OF], []).append(row)
        return [stored for name, rows in found.items() for stored in bodies.restore(name, rows)]


def _of_type(resource_type: str, match: Stage) -> list[Stage]:
    return [{"$match": match}, {"$project": {**_READ, _OF: {"$literal": resource_type}}}]
