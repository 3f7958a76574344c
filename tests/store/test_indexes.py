"""Which indexes each type has, what they weigh, and that the hot queries read no more than they return."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson.codec_options import CodecOptions, DatetimeConversion

from fhir_server.model import exact_json
from fhir_server.model.document import Amount, Document, Facts, Range, SearchEntries
from fhir_server.model.ids import RandomIds, seq_of
from fhir_server.model.plan import (
    And,
    Condition,
    DateWithin,
    Has,
    IdIn,
    Index,
    Negation,
    Order,
    Plan,
    SortBy,
    StartsWith,
)
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from fhir_server.search.index import Indexer
from fhir_server.store import searches
from fhir_server.store.documents import PROJECTION
from fhir_server.store.indexes import IndexPlan
from fhir_server.store.open import StoreOptions, open_store
from fhir_server.store.stretches import stretches
from tests.search.evaluate import ids_of
from tests.search.resources import observation
from tests.search.shelf import Shelf
from tests.store.conftest import NOON, OPEN

ALWAYS = {"owner_token", "owner_date", "owner_updated", "updated"}


@pytest.mark.parametrize(
    ("resource_type", "more"),
    [
        pytest.param("Observation", {"string", "date", "quantity", "composite"}, id="Observation"),
        pytest.param("Patient", {"string", "date", "token"}, id="Patient"),
        pytest.param("Basic", {"date"}, id="Basic"),
        pytest.param("Binary", set(), id="Binary"),
        pytest.param("RiskAssessment", {"date", "number"}, id="RiskAssessment"),
    ],
)
def test_a_type_has_the_indexes_that_its_parameters_can_use(
    registry, resource_type: str, more: set[str]
) -> None:
    plan = IndexPlan(registry)
    assert {index.value for index in plan.of(resource_type)} == ALWAYS | more
    across = IndexPlan(registry, frozenset({resource_type}))
    assert {index.value for index in across.of(resource_type)} == ALWAYS | more | {"token"}
    assert Index.TOKEN in IndexPlan(registry, frozenset({"*"})).of("Basic")
    assert Index.TOKEN not in across.of("Account")


def test_the_database_has_these_indexes_and_no_others(store, saved) -> None:
    saved()
    found = store.catalogue.current("Observation").index_information()
    expected = {index.value for index in IndexPlan(_registry(store), frozenset({"*"})).of("Observation")}
    assert set(found) == expected | {"_id_", "source"}
    past = store.catalogue.history("Observation").index_information()
    assert set(past) == {"_id_", "owner_updated", "updated"}
    assert past["owner_updated"]["key"] == [("owner", 1), ("updated", -1), ("seq", -1), ("visibility", 1)]
    assert "unique_identifier" not in found


def _registry(store: Any) -> Any:
    return store.catalogue.plan.registry


@pytest.fixture
def ward(store, make) -> list[Document]:
    """300 Observations of 3 persons, an hour apart, every third with the rare code, half of them vital signs."""
    documents = []
    for number in range(300):
        at = NOON + timedelta(hours=number)
        tokens = ("category=s|vital" if number % 2 else "category=s|lab", f"code=s|{number % 10}")
        entries = SearchEntries(
            token=tokens,
            residual=("status=|final",),
            string=(f"value-string=text {number}",),
            date=(Range("date:d", at, at + timedelta(seconds=1)),),
            quantity=(Amount("value-quantity|mg", str(number), str(number)),),
            sort_date=at,
        )
        documents.append(
            make.document(owner=f"p{number % 3}", updated=at, visibility=number % 5, search=entries)
        )
    store.records.commit(UnitOfWork(OPEN, creates=tuple(documents)))
    return documents


def explained(store: Any, plan: Plan, *, count: bool = False, view: View = OPEN) -> dict[str, Any]:
    """Return index, keys and documents examined, and stages, of the query that the store makes of a plan."""
    query = searches.page_query(plan, view)
    hint = {"hint": query.hint.value} if query.hint else {}
    command: dict[str, Any] = {"find": plan.resource_type, "filter": query.filter, **hint}
    if not count:
        command |= {"sort": dict(query.sort), "limit": plan.count + 1, "projection": PROJECTION}
    else:
        command = {"count": plan.resource_type, "query": searches.matching(plan, view), **hint}
    codec = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
    database = store.client[store.database]
    found = database.command("explain", command, verbosity="executionStats", codec_options=codec)
    stats = found["executionStats"]
    stages, indexes = [], []
    waiting = [stats["executionStages"]]
    while waiting:
        stage = waiting.pop()
        stages.append(stage["stage"])
        indexes += [stage["indexName"]] if "indexName" in stage else []
        waiting += [stage["inputStage"]] if "inputStage" in stage else stage.get("inputStages", [])
    return {
        "index": set(indexes), "keys": stats["totalKeysExamined"], "docs": stats["totalDocsExamined"], "stages": stages
    }  # fmt: skip


COMMON, RARE = Has("token", ("category=s|vital",)), Has("token", ("code=s|3",))
EITHER = Has("token", ("code=s|3", "code=s|5"))
PAGE = 9
HOT: list[Any] = [
    pytest.param(Plan("Observation", (RARE,), "p0", Index.OWNER_TOKEN, RARE, count=PAGE), "owner_token", 10, 10, id="owner-token"),
    pytest.param(Plan("Observation", (COMMON, RARE), "p0", Index.OWNER_TOKEN, RARE, count=PAGE), "owner_token", 10, 10, id="owner-two-tokens-driver-pinned"),
    pytest.param(
        Plan("Observation", (COMMON, EITHER), "p0", Index.OWNER_TOKEN, EITHER, count=PAGE),
        "owner_token", 12, 10, id="owner-two-tokens-driver-of-several-values",
    ),
    pytest.param(Plan("Observation", (COMMON, Negation(RARE)), "p0", Index.OWNER_TOKEN, COMMON, count=PAGE), "owner_token", 14, 14, id="owner-token-and-not"),
    pytest.param(Plan("Observation", (StartsWith("token", ("category=s|",)), RARE), "p0", Index.OWNER_TOKEN, RARE, count=PAGE), "owner_token", 10, 10, id="owner-token-and-system"),
    pytest.param(Plan("Observation", (And((COMMON, COMMON)), RARE), "p0", Index.OWNER_TOKEN, RARE, count=PAGE), "owner_token", 10, 10, id="owner-token-and-nested"),
    pytest.param(Plan("Observation", (), "p0", Index.OWNER_DATE, count=PAGE), "owner_date", 10, 10, id="owner"),
    pytest.param(
        Plan("Observation", (DateWithin("date", low_from=NOON, high_to=NOON + timedelta(days=2)),), "p0", Index.OWNER_DATE,
             count=PAGE, sort_from=NOON, sort_before=NOON + timedelta(days=2)), "owner_date", 10, 10, id="owner-date",
    ),
    pytest.param(Plan("Observation", (), "p0", Index.OWNER_UPDATED, None, Order(SortBy.UPDATED), PAGE), "owner_updated", 10, 10, id="owner-updated"),
    pytest.param(Plan("Observation", (), None, Index.UPDATED, None, Order(SortBy.UPDATED), PAGE), "updated", 10, 10, id="updated"),
    pytest.param(Plan("Observation", (RARE,), None, Index.TOKEN, RARE, count=PAGE), "token", 10, 10, id="token"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "index", "keys", "docs"), HOT)
def test_a_hot_page_reads_what_it_returns(store, ward, plan: Plan, index: str, keys: int, docs: int) -> None:
    found = explained(store, plan)
    assert found["index"] == {index}
    assert "SORT" not in found["stages"]
    assert (found["keys"], found["docs"]) <= (keys, docs)


LIFE = 2_000
BEGIN = datetime(2018, 1, 1, tzinfo=UTC)


@pytest.fixture
def life(store, registry, clock) -> Shelf:
    """The record of one person: 2,000 daily Observations of two codes, three of them periods of years."""
    shelf = Shelf(registry)
    documents = []
    for number in range(LIFE):
        at = BEGIN + timedelta(days=number)
        period = {"start": f"{at:%Y-%m-%d}", "end": "2023-03-04"} if number in (10, 700, 1400) else None
        resource = observation(
            f"n{number:04d}",
            code={"coding": [{"system": "http://loinc.org", "code": f"c{number % 2}"}]},
            effectiveDateTime=None if period else f"{at:%Y-%m-%dT08:00:00Z}",
            effectivePeriod=period,
        )
        document = shelf.add(resource)
        facts = Facts("Observation", document.id, document.owner)
        documents.append(
            Document(facts, 1, NOON, seq_of(NOON, document.id, number), resource, document.entries)
        )
    for at_ in range(0, LIFE, 500):
        store.records.commit(UnitOfWork(OPEN, creates=tuple(documents[at_ : at_ + 500])))
    return shelf


BY_DATE = {
    "date=2019-03": 31,
    "date=2023-03": 31,
    "date=ge2020-03-01&date=lt2020-03-11": 12,
    "date=ge2020-03-01&date=le2020-03-10&code=c1": 5,
    "date=ge2023-06": 20,
    "date=gt2023-06-01&code=c0": 10,
    "date=le2018-01-05": 5,
    "date=ap2018-01-01": 1,
}
"""Query → how many Observations it finds at least."""


def test_dates_of_a_person_are_found_without_walking_the_record(store, life: Shelf) -> None:
    walks = []
    for query, at_least in BY_DATE.items():
        for order in ("", "&_sort=date"):
            made = life.plan(f"Observation?patient=p1&{query}{order}&_count=400")
            found = [entry.id for entry in store.records.search(made, OPEN).entries]
            assert sorted(found) == sorted(ids_of(life.documents, made))
            assert at_least <= len(found) < 400
            steps = [explained(store, stretch) for stretch in stretches(made)]
            examined = max(sum(step["docs"] for step in steps), sum(step["keys"] for step in steps))
            if examined > 20 * len(found) or any("SORT" in step["stages"] for step in steps):
                walks.append(f"{query}{order}: {examined} examined for {len(found)}: {steps}")
    assert walks == []


def test_a_next_page_begins_where_the_last_one_ended(store, ward) -> None:
    plan = Plan("Observation", (), "p0", Index.OWNER_DATE, count=PAGE)
    for _ in range(5):
        page = store.records.search(plan, OPEN)
        plan = Plan("Observation", (), "p0", Index.OWNER_DATE, count=PAGE, after=page.next)
    found = explained(store, plan)
    assert found["keys"] <= PAGE + 2 and found["docs"] <= PAGE + 2


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan("Observation", (), "p0", Index.OWNER_DATE), id="owner"),
        pytest.param(Plan("Observation", (RARE,), "p0", Index.OWNER_TOKEN, RARE), id="owner-token"),
        pytest.param(Plan("Observation", (RARE,), None, Index.TOKEN, RARE), id="token"),
    ],
)
def test_a_total_is_counted_in_the_index(store, ward, plan: Plan) -> None:
    found = explained(store, plan, count=True)
    assert found["docs"] == 0
    assert found["keys"] <= store.records.count(plan, OPEN) + 1


def test_a_read_is_one_key(store, ward) -> None:
    id = ward[7].facts.id
    found = explained(store, Plan("Observation", (IdIn((id,)),), None, Index.ID, IdIn((id,))))
    assert (found["index"], found["keys"], found["docs"]) == ({"_id_"}, 1, 1)


@pytest.mark.parametrize(
    ("condition", "index", "most"),
    [
        pytest.param(
            DateWithin("date", low_from=NOON, high_to=NOON + timedelta(hours=5)), Index.DATE, 12, id="date-eq"
        ),
        pytest.param(
            DateWithin("date", high_after=NOON + timedelta(hours=290)), Index.DATE, 40, id="date-gt"
        ),
        pytest.param(DateWithin("date", low_before=NOON + timedelta(hours=5)), Index.DATE, 12, id="date-lt"),
        pytest.param(StartsWith("string", ("value-string=text 29",)), Index.STRING, 15, id="string"),
    ],
)
def test_a_range_across_persons_reads_its_own_part_of_the_index(
    store, ward, condition: Condition, index: Index, most: int
) -> None:
    found = explained(store, Plan("Observation", (condition,), None, index, condition, count=50))
    assert found["index"] == {index.value}
    assert 0 < found["keys"] <= most


@pytest.mark.parametrize(
    "bounds",
    [
        pytest.param({"low_from": "10", "low_before": "12"}, id="eq"),
        pytest.param({"high_after": "290"}, id="gt"),
        pytest.param({"low_before": "9"}, id="lt"),
        pytest.param({"high_to": "9"}, id="eb"),
    ],
)
def test_a_quantity_reads_its_own_part_of_the_index(store, ward, bounds: dict[str, str]) -> None:
    from fhir_server.model.plan import AmountWithin

    wanted = AmountWithin("quantity", "value-quantity|mg", **bounds)
    found = explained(store, Plan("Observation", (wanted,), None, Index.QUANTITY, wanted, count=50))
    assert found["index"] == {"quantity"}
    assert 0 < found["keys"] <= 14


BUDGETS = [
    pytest.param(frozenset(), 550, id="without-token"),
    pytest.param(frozenset({"Observation"}), 800, id="with-token"),
]


@pytest.fixture(scope="module")
def synthea(corpus: Path, registry) -> list[Document]:
    """The Observations of every Synthea patient, as a transaction would store them."""
    indexer = Indexer(registry, base_url="http://localhost/fhir")
    ids, documents = RandomIds(), []
    for file in sorted((corpus / "synthea").glob("*.json.gz")):
        text = _with_references(gzip.decompress(file.read_bytes()).decode())
        resources = [entry["resource"] for entry in exact_json.decode(text.encode())["entry"]]
        owner = next(one["id"] for one in resources if one["resourceType"] == "Patient")
        for ordinal, resource in enumerate(one for one in resources if one["resourceType"] == "Observation"):
            id = ids.new(NOON)
            facts = Facts("Observation", id, owner, 17)
            entries = indexer.entries(resource, owner=owner)
            documents.append(Document(facts, 1, NOON, seq_of(NOON, id, ordinal), resource, entries))
    return documents


def _with_references(transaction: str) -> str:
    """Return the text with `Type/id` for the names that its entries have for each other."""
    types = {
        entry["fullUrl"]: entry["resource"]["resourceType"] for entry in json.loads(transaction)["entry"]
    }

    def reference(found: re.Match[str]) -> str:
        return f"{types[found[0]]}/{found[1]}" if found[0] in types else found[0]

    return re.sub("urn:uuid:([0-9a-f-]{36})", reference, transaction)


@pytest.mark.corpus
@pytest.mark.parametrize(("across", "budget"), BUDGETS)
def test_the_indexes_of_an_observation_stay_within_their_budget(
    database_uri, database_name, registry, synthea, across: frozenset[str], budget: float
) -> None:
    options = StoreOptions(registry=registry, cross_person_types=across)
    store = open_store(database_uri, database_name, options)
    try:
        for at in range(0, len(synthea), 300):
            store.records.commit(UnitOfWork(OPEN, creates=tuple(synthea[at : at + 300])))
        # As they have grown: the tree of an index that was just built in one go is a third smaller.
        store.client.admin.command("fsync")
        (size,) = [one for one in store.statistics() if one.name == "Observation"]
        assert size.total_index_bytes / size.documents <= budget, dict(size.index_bytes)
        keys = store.client[database_name].command("validate", "Observation")["keysPerIndex"]
        assert keys == _expected_keys(synthea, across)
        # An amount in a UCUM unit has two keys: as it was written, and in base units.
        assert sum(keys.values()) / len(synthea) <= (16 if across else 13)
    finally:
        store.close()


def _expected_keys(documents: list[Document], across: frozenset[str]) -> dict[str, int]:
    entries = [document.search for document in documents]
    once = dict.fromkeys(("_id_", "owner_date", "owner_updated", "updated"), len(documents))
    tokens = sum(max(1, len(one.token)) for one in entries)
    return {
        **once,
        "source": 0,
        "owner_token": tokens,
        **({"token": tokens} if across else {}),
        "string": sum(len(one.string) for one in entries),
        "date": sum(len(one.date) for one in entries),
        "quantity": sum(len({(each.key, each.low) for each in one.quantity}) for one in entries),
        "composite": sum(len({(each.key, each.low) for each in one.composite}) for one in entries),
    }
