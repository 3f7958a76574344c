"""A shelf of indexed resources that answers query strings, for tests of indexing and querying together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from fhir_server.model.plan import Plan
from fhir_server.search.index import Indexer
from fhir_server.search.owner import Owners
from fhir_server.search.planner import plan
from fhir_server.search.request import SearchRequest, parse
from profiles.registry import Registry
from tests.search.evaluate import ShelfSystems, Shelved, ids_of

BASE_URL = "https://example.org/fhir"
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class Shelf:
    """Indexes resources as a server at `BASE_URL` would, and answers by plan and brute force."""

    def __init__(self, registry: Registry, resources: Iterable[dict[str, Any]] = ()) -> None:
        self.indexer = Indexer(registry, base_url=BASE_URL)
        self.owners = Owners(registry, BASE_URL)
        self.documents: list[Shelved] = []
        for resource in resources:
            self.add(resource)

    def add(self, resource: dict[str, Any], updated: datetime = NOW) -> Shelved:
        """Shelve one resource; it needs an id."""
        owner = self.owners.owner_of(resource)
        entries = self.indexer.entries(resource, owner=owner)
        document = Shelved(resource["resourceType"], resource["id"], owner, entries, updated)
        self.documents.append(document)
        return document

    def request(self, query: str, *, strict: bool = True) -> SearchRequest:
        """Parse `Type?query`, percent-encoded as in a URL."""
        resource_type, _, text = query.partition("?")
        pairs = parse_qsl(text, keep_blank_values=True)
        return parse(self.indexer.catalogue, resource_type, pairs, now=NOW, strict=strict)

    def plan(self, query: str, *, owner: str | None = None) -> Plan:
        """Return the plan of `Type?query`."""
        return plan(self.request(query), systems=ShelfSystems(self.documents), owner=owner)

    def search(self, query: str, *, owner: str | None = None) -> set[str]:
        """Return the ids that `Type?query` finds."""
        return ids_of(self.documents, self.plan(query, owner=owner))
