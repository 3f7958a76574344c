"""The indexes of each collection, as data: these and no others.

An index costs about 23 bytes per token and document, so a type has only what its search parameters can use;
`owner_token` and `owner_date` answer for one person, `token` only for types that are searched across persons;
Patient always has it.
Every index that begins with an array is sparse: a resource without numbers costs nothing in `number`.  An
amount is nearly always one value, so its index does not hold it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from fhir_server.model.plan import Index
from profiles.registry import Registry

Keys = tuple[tuple[str, int], ...]

_NEWEST_FIRST: Final[Keys] = (
    ("search.sort.date", DESCENDING), ("seq", DESCENDING), ("visibility", ASCENDING),
)  # fmt: skip
_LATEST_FIRST: Final[Keys] = (("updated", DESCENDING), ("seq", DESCENDING), ("visibility", ASCENDING))
_OWNER: Final = ("owner", ASCENDING)
_TOKEN: Final = ("search.token", ASCENDING)


def _bounds(field: str, *parts: str) -> Keys:
    return tuple((f"search.{field}.{part}", ASCENDING) for part in parts)


KEYS: Mapping[Index, Keys] = MappingProxyType({
    Index.OWNER_TOKEN: (_OWNER, _TOKEN, *_NEWEST_FIRST),
    Index.OWNER_DATE: (_OWNER, *_NEWEST_FIRST),
    Index.OWNER_UPDATED: (_OWNER, *_LATEST_FIRST),
    Index.UPDATED: _LATEST_FIRST,
    Index.TOKEN: (_TOKEN, *_NEWEST_FIRST),
    Index.STRING: (("search.string", ASCENDING),),
    Index.DATE: _bounds("date", "k", "lo", "hi"),
    Index.NUMBER: _bounds("number", "k", "lo"),
    Index.QUANTITY: _bounds("quantity", "k", "lo"),
    Index.COMPOSITE: _bounds("composite", "k", "lo"),
})  # fmt: skip
"""Index → its keys; `_id_` is MongoDB's own."""

ALWAYS: Final = (Index.OWNER_TOKEN, Index.OWNER_DATE, Index.OWNER_UPDATED, Index.UPDATED)
HISTORY: Final = (Index.OWNER_UPDATED, Index.UPDATED)
SPARSE: Final = frozenset({Index.STRING, Index.DATE, Index.NUMBER, Index.QUANTITY, Index.COMPOSITE})

BY_PARAMETER_TYPE: Mapping[str, Index] = MappingProxyType({
    "string": Index.STRING,
    "date": Index.DATE,
    "number": Index.NUMBER,
    "special": Index.NUMBER,
    "quantity": Index.QUANTITY,
    "composite": Index.COMPOSITE,
})  # fmt: skip
"""Type of a search parameter → the index that a resource type has if it has such a parameter."""

IGNORED_PARAMETERS: Final = frozenset({"_lastUpdated", "_content", "_text", "_query", "_filter"})
"""Parameters of every type that are no entry of `search`: fields of the document, or full text."""

UNIQUE_IDENTIFIER: Final = "unique_identifier"

SOURCE: Final = "source"
"""What labels flow to, found from where they flow; it costs nothing for what inherits none."""

EVERY_TYPE: Final = "*"
PATIENT: Final = "Patient"
"""Found by an identifier before it is known whose record a request is about."""


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """Which indexes each resource type has.

    `cross_person_types` have the token index; `*` stands for every type.  `unique_identifiers` maps a
    resource type to identifier systems of which no two documents may share a value.
    """

    registry: Registry
    cross_person_types: frozenset[str] = frozenset()
    unique_identifiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, resource_type: str) -> tuple[Index, ...]:
        """Return the indexes of the current versions of a type."""
        parameters = self.registry.parameters.get(resource_type, {})
        kinds = {parameter.type for code, parameter in parameters.items() if code not in IGNORED_PARAMETERS}
        chosen = list(ALWAYS)
        if not self.cross_person_types.isdisjoint((resource_type, EVERY_TYPE)) or resource_type == PATIENT:
            chosen.append(Index.TOKEN)
        return (
            *chosen, *dict.fromkeys(index for kind, index in BY_PARAMETER_TYPE.items() if kind in kinds)
        )  # fmt: skip

    def models(self, resource_type: str) -> list[IndexModel]:
        """Return the indexes of a type as the driver takes them."""
        models = index_models(self.of(resource_type))
        models.append(IndexModel([("access.source", ASCENDING)], name=SOURCE, sparse=True))
        if resource_type in self.unique_identifiers:
            key = [("search.unique", ASCENDING)]
            models.append(IndexModel(key, name=UNIQUE_IDENTIFIER, unique=True, sparse=True))
        return models

    def unique(self, resource_type: str, tokens: Iterable[str]) -> tuple[str, ...]:
        """Return those tokens of a resource that no other of its type may have (`search.unique`)."""
        systems = self.unique_identifiers.get(resource_type, ())
        starts = tuple(f"identifier={system}|" for system in systems)
        return tuple(token for token in tokens if token.startswith(starts)) if starts else ()


def index_models(indexes: Iterable[Index]) -> list[IndexModel]:
    """Return the driver's models of some indexes, each under its own name."""
    return [IndexModel(list(KEYS[index]), name=index.value, sparse=index in SPARSE) for index in indexes]
