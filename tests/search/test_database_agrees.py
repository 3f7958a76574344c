"""The database finds, page by page, what the plans mean in plain Python."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from fhir_server.model.document import Document, Facts
from fhir_server.model.ids import seq_of
from fhir_server.model.plan import Plan
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from fhir_server.search.planner import plan
from profiles.registry import Registry
from tests.search.evaluate import ids_of
from tests.search.resources import blood_pressure, observation
from tests.search.shelf import NOW, Shelf

if TYPE_CHECKING:
    from fhir_server.store.open import Store

OPEN = View.unrestricted("open")
PEOPLE = ("p1", "p2", "p3")
DATES = ("2023-12-31T23:59:59Z", "2024-01-01", "2024-01", "2024", "2024-02-29T10:30:00+01:00", "2024-06-30")
QUERIES = (
    "code=8310-5", "code=http://loinc.org|8310-5", "code=http://loinc.org|", "code:not=8310-5", "code=nothing",
    "combo-code=8480-6", "combo-code=8480-6,8310-5", "component-code=8480-6", "status=final", "status:not=final",
    "status=final,amended", "category=vital-signs", "encounter=e1", "encounter=Encounter/e2", "performer=p1",
    "performer=Patient/p1", "subject=Group/g1", "subject:missing=true", "subject:missing=false",
    "performer:missing=false", "patient=p1", "subject=p2", "patient=p1,p2", "subject=Patient/p3",
    "date=2024", "date=ne2024", "date=gt2024-01", "date=lt2024", "date=ge2024-01-01", "date=le2024-01-01",
    "date=sa2024-01-01", "date=eb2024-02", "date=ge2024-01&date=lt2024-03", "date=2023,2024-06-30", "date=ap2024",
    "date:missing=true", "value-quantity=37", "value-quantity=gt36||Cel", "value-quantity=le36|http://unitsofmeasure.org|Cel",
    "value-quantity=37||C", "value-quantity=37||Cel", "value-quantity=lt37|http://unitsofmeasure.org|",
    "value-quantity=lt37|urn:other|", "value-quantity=36||.*", "value-quantity=36|urn:other|.*", "value-quantity=36||other",
    "value-quantity=36||urn:other", "value-quantity:missing=true", "value-quantity:missing=false", "value-quantity=gt37||h",
    "value-quantity=ap36||Ce", "code-value-quantity=8310-5$36||C", "code-value-quantity=8310-5$36|urn:other|",
    "code-value-quantity=8310-5$ge36||.*", "combo-value-quantity=sa100||mmHg",
    "value-quantity=ne37", "code-value-quantity=8310-5$gt36", "component-code-value-quantity=8480-6$lt121",
    "combo-value-quantity=sa100", "value-string=warm", "value-string:exact=Warm", "value-string:contains=arm",
    "date=ge2024-02-20", "date=gt2024-02-20&_sort=date", "date=ge2024-02-20&_sort=-date&code=8310-5",
    "date=ge2024-06-30&date=lt2024-07-01&_sort=date", "date=ge2024&status=final&encounter=e1&_sort=date",
    "_id=n1,n2,nothing", "_id:not=n1", "_lastUpdated=2026-11-22", "_lastUpdated=lt2026-11-22", "_tag=t", "_tag=urn:t|t",
    "code=8310-5&status=final&date=ge2024&category=vital-signs", "_sort=date", "_sort=-date&code=8310-5",
    "_sort=_lastUpdated&status=final", "_sort=-_lastUpdated",
)  # fmt: skip


@pytest.fixture
def shelved(store: Store, registry: Registry) -> Shelf:
    shelf = Shelf(registry)
    documents = []
    for number, resource in enumerate(_resources()):
        document = shelf.add(resource)
        facts = Facts("Observation", document.id, document.owner)
        seq = seq_of(NOW, document.id, number)
        documents.append(Document(facts, 1, NOW, seq, resource, document.entries))
    store.records.commit(UnitOfWork(OPEN, creates=tuple(documents)))
    return shelf


def _resources() -> list[dict[str, object]]:
    found: list[dict[str, object]] = [blood_pressure("bp1", 120), blood_pressure("bp2", 121, 125)]
    for number in range(60):
        person = {"reference": f"Patient/{PEOPLE[number % 3]}"}
        made = observation(
            f"n{number}",
            status=("final", "amended", "preliminary")[number % 4 % 3],
            subject=person if number % 5 else None if number % 2 else {"reference": "Group/g1"},
            performer=[person] if number % 5 == 0 or number % 7 == 0 else None,
            encounter={"reference": f"Encounter/e{number % 3}"} if number % 2 else None,
            effectiveDateTime=DATES[number % 7] if number % 7 < len(DATES) else None,
            valueQuantity={**_UNITS[number % 13 % 4], "value": 35 + number % 4} if number % 6 else None,
            valueString=None if number % 6 else ("Warm", "warm", "Luke-warm")[number % 9 // 3],
            meta={"tag": [{"system": "urn:t", "code": "t"}]} if number % 11 == 0 else None,
        )
        found.append(made)
    return found


_UNITS: tuple[dict[str, object], ...] = (
    {"system": "http://unitsofmeasure.org", "code": "Cel", "unit": "C"},
    {"system": "urn:other", "code": ".*"},
    {"unit": "C"},
    {"system": "http://unitsofmeasure.org", "code": "h", "comparator": ">"},
)


def _pages(store: Store, made: Plan) -> list[str]:
    found: list[str] = []
    while True:
        page = store.records.search(made, OPEN)
        found.extend(entry.id for entry in page.entries)
        if page.next is None:
            return found
        made = replace(made, after=page.next)


def test_every_query_finds_in_the_database_what_it_means(store: Store, shelved: Shelf) -> None:
    differences, met = [], 0
    for query in QUERIES:
        for owner in (None, "p1"):
            for across in (None, ()):
                made = plan(
                    shelved.request(f"Observation?{quote(query, safe='=&:,$')}&_count=7"),
                    systems=store.systems, owner=owner, cross_person_types=across,
                )  # fmt: skip
                found = _pages(store, made)
                expected = ids_of(shelved.documents, made)
                met += len(expected)
                if sorted(found) != sorted(expected) or store.records.count(made, OPEN) != len(expected):
                    differences.append(f"{query} of {owner} by {made.index}: {found} for {expected}")
    assert differences == []
    assert met > len(QUERIES) * 20


def test_what_the_plans_mean_does_not_depend_on_the_systems_known(store: Store, shelved: Shelf) -> None:
    for query in QUERIES:
        asked = shelved.request(f"Observation?{quote(query, safe='=&:,$')}")
        by_database = ids_of(shelved.documents, plan(asked, systems=store.systems))
        assert by_database == shelved.search(f"Observation?{quote(query, safe='=&:,$')}")
