"""Sizes of collections, for load reports and the index budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_server.store.connection import DurableDatabase


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    """Sizes in bytes: of the BSON documents, of their storage after compression, of each index by name."""

    name: str
    documents: int
    bson_bytes: int
    storage_bytes: int
    index_bytes: Mapping[str, int]

    @property
    def total_index_bytes(self) -> int:
        """All indexes together."""
        return sum(self.index_bytes.values())


def collection_statistics(database: DurableDatabase) -> list[CollectionStatistics]:
    """Return the statistics of every collection, by name."""
    found = []
    for name in sorted(database.list_collection_names()):
        stats = database.command("collStats", name)
        found.append(
            CollectionStatistics(
                name=name,
                documents=stats["count"],
                bson_bytes=stats["size"],
                storage_bytes=stats["storageSize"],
                index_bytes=dict(stats["indexSizes"]),
            )
        )
    return found
