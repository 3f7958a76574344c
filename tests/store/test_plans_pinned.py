"""The hot queries of a server and what they cost: index, keys and documents examined, for each of them.

A crowd of persons with records of the same size: what one record costs must not grow with the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.model.document import Document, Facts
from fhir_server.model.explained import Walk
from fhir_server.model.ids import seq_of
from fhir_server.model.predicate import AllOf, OwnerIs, VisibilityIn
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import ActorRef, View
from fhir_server.search.index import Indexer
from fhir_server.search.planner import plan
from fhir_server.search.request import parse
from fhir_server.store.open import Store, StoreOptions, open_store
from profiles.registry import Registry
from tests.search.resources import LOINC, observation

OPEN = View.unrestricted("open")
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PERSONS, EACH = 12, 60


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting takes as long as it takes: which driver is chosen does not hang on how busy the machine is."""
    monkeypatch.setattr("fhir_server.store.drivers.COUNT_MS", 60_000)


@pytest.fixture(scope="module")
def store(database_uri: str) -> Iterator[Store]:
    """One store for all rows: nothing is written after the crowd."""
    name = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    opened = open_store(database_uri, name, StoreOptions(cross_person_types=frozenset({"*"})))
    yield opened
    opened.close()
    with MongoClient[dict[str, Any]](database_uri) as client:
        client.drop_database(name)


@pytest.fixture(scope="module")
def indexer(registry: Registry) -> Indexer:
    return Indexer(registry, base_url="https://example.org/fhir")


@pytest.fixture(scope="module")
def crowd(store: Store, indexer: Indexer) -> None:
    documents = []
    for number in range(PERSONS * EACH):
        person, nth = f"p{number % PERSONS}", number // PERSONS
        day = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=nth)
        resource = observation(
            f"o{number}",
            subject={"reference": f"Patient/{person}"},
            encounter={"reference": f"Encounter/{person}-{nth // 5}"},
            code={"coding": [{"system": LOINC, "code": "rare" if number % 90 == 0 else f"c{nth % 3}"}]},
            effectiveDateTime=f"{day:%Y-%m-%d}",
            valueQuantity={"value": nth, "system": "http://unitsofmeasure.org", "code": "mg"},
            note=None,
        )
        entries = indexer.entries(resource, owner=person)
        facts = Facts("Observation", resource["id"], person)
        updated = NOW + timedelta(seconds=number)
        documents.append(Document(facts, 1, updated, seq_of(updated, facts.id), resource, entries))
    store.records.commit(UnitOfWork(OPEN, creates=tuple(documents)))


def _explained(store: Store, indexer: Indexer, query: str, view: View) -> Sequence[Walk]:
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&")]
    asked = parse(indexer.catalogue, "Observation", pairs, now=NOW, strict=True)
    bound = plan(asked, systems=store.systems, owner=view.owner_for("Observation"))
    return store.records.explain(bound, view)


def _governed(person: str) -> View:
    reads = AllOf((OwnerIs(person), VisibilityIn(frozenset(range(16)))))
    return View(ActorRef("test", "test"), "TREAT", person, {"Observation": reads}, {}, b"v")


HOT: list[tuple[str, str, int, int]] = [
    ("patient=p1&_count=10", "owner_date", 11, 11),
    ("patient=p1&code=http://loinc.org|c1&_count=10", "owner_token", 11, 11),
    ("patient=p1&code=c1&_count=10", "owner_token", 11, 11),
    ("patient=p1&category=vital-signs&_sort=-date&_count=10", "owner_token", 11, 11),
    ("patient=p1&category=vital-signs&_sort=date&_count=10", "owner_token", 11, 11),
    ("patient=p1&encounter=Encounter/p1-3&code=http://loinc.org|c1", "owner_token", 5, 5),
    ("patient=p1&date=ge2024-01-11&date=lt2024-01-21", "owner_date owner_token", 20, 20),
    ("patient=p1&code=http://loinc.org|c1&date=ge2024-01-11&date=lt2024-01-20", "owner_token", 8, 6),
    ("patient=p1&_sort=-_lastUpdated&_count=10", "owner_updated", 11, 11),
    ("patient=p1&_sort=code&_count=10", "owner_date", 60, 60),
    ("patient=p1&_sort=-value-quantity&code=http://loinc.org|c1", "owner_token", 20, 20),
    ("_id=o5", "_id_", 1, 1),
    ("code=http://loinc.org|rare", "token", 8, 8),
    ("category=vital-signs&code=http://loinc.org|rare", "token", 8, 8),
    ("code=http://loinc.org|rare&_sort=-_lastUpdated", "token", 8, 8),
    ("code=http://loinc.org|c1&_sort=-date&_count=10", "token", 11, 11),
    ("_sort=-_lastUpdated&_count=10", "updated", 11, 11),
    ("code=http://loinc.org|rare&_sort=value-quantity", "token", 8, 8),
]
"""Query, indexes, and the most keys and documents that its page may examine."""

TOGETHER: list[tuple[str, str, int, int]] = [
    ("code=http://loinc.org|c1&value-quantity=gt58", "composite", 0, 0),
    ("code=http://loinc.org|c1&value-quantity=gt55", "composite", 12, 24),
    ("code=c1&value-quantity=gt55|http://unitsofmeasure.org|mg", "composite", 24, 36),
    ("code=http://loinc.org|c1&value-quantity=gt55&_sort=-date&_count=5", "composite", 12, 24),
    ("code=http://loinc.org|c1&value-quantity=lt0", "composite", 0, 0),
    ("code-value-quantity=http://loinc.org|c1$gt58", "composite", 0, 0),
    ("combo-code-value-quantity=http://loinc.org|c1$gt58", "composite", 0, 0),
    ("value-quantity=gt58|http://unitsofmeasure.org|mg&category=vital-signs", "quantity", 24, 36),
]
"""A code and a value across persons, each common, both together rare or never: what it may cost, as in `HOT`.

A document counts for each alternative of the condition (own unit, base unit) that leads to it, and once behind.
"""

SLACK = 2
"""Keys that the database may read beside those of the page: where a range ends."""


@pytest.mark.parametrize(("query", "index", "keys", "documents"), HOT, ids=[row[0] for row in HOT])
def test_a_hot_query_walks_its_index_and_no_further(
    store: Store, indexer: Indexer, crowd: None, query: str, index: str, keys: int, documents: int
) -> None:
    walks = _explained(store, indexer, query, OPEN)
    found = sum(walk.returned for walk in walks)
    assert {name for walk in walks for name in walk.indexes} == set(index.split())
    assert sum(walk.keys for walk in walks) <= keys + SLACK
    assert sum(walk.documents for walk in walks) <= documents
    assert found > 0
    assert documents <= 20 * found
    # What is sorted in memory is what a selective driver leaves of it.
    if "code" not in query and "_id" not in query:
        assert not any("SORT" in walk.stages for walk in walks)


@pytest.mark.parametrize(("query", "index", "keys", "documents"), TOGETHER, ids=[row[0] for row in TOGETHER])
def test_code_and_value_cost_what_they_find_together(
    store: Store, indexer: Indexer, crowd: None, query: str, index: str, keys: int, documents: int
) -> None:
    walks = _explained(store, indexer, query, OPEN)
    assert {name for walk in walks for name in walk.indexes} == {index}
    assert sum(walk.documents for walk in walks) <= documents
    # Of each unit and each kind of amount the index is read to where its range ends.
    assert sum(walk.keys for walk in walks) <= keys + 8 * SLACK


@pytest.mark.parametrize("query", [row[0] for row in HOT if row[0].startswith("patient=")])
def test_inside_a_view_a_record_costs_the_same(
    store: Store, indexer: Indexer, crowd: None, query: str
) -> None:
    open_, governed = (_explained(store, indexer, query, view) for view in (OPEN, _governed("p1")))
    assert [(walk.indexes, walk.documents, walk.returned) for walk in governed] == [
        (walk.indexes, walk.documents, walk.returned) for walk in open_
    ]


def test_inside_a_view_no_driver_is_weighed(store: Store, indexer: Indexer, crowd: None) -> None:
    asked = parse(indexer.catalogue, "Observation", [("category", "vital-signs"), ("code", "rare")], now=NOW)
    bound = plan(asked, systems=store.systems)
    assert bound.candidates
    inside: Any = store.records.explain(bound, _governed("p1"))
    assert sum(walk.returned for walk in inside) <= sum(walk.documents for walk in inside)
    assert not plan(asked, systems=store.systems, owner="p1").candidates
