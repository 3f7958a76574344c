"""Queries inside a View read what the same queries read without one: the View is part of the index bounds."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.model import predicate
from fhir_server.model.document import Document
from fhir_server.model.plan import Index, Order, Plan, SortBy
from fhir_server.model.predicate import (
    AllOf,
    AnyOf,
    Everything,
    LabelsExclude,
    Not,
    Nothing,
    OwnerIs,
    VisibilityIn,
)
from fhir_server.model.view import ActorRef, View
from fhir_server.store import searches
from fhir_server.store.filters import all_of, never, predicate_filter
from tests.store.test_indexes import COMMON, PAGE, RARE, explained, ward

__all__ = ["ward"]

SEEN = AllOf((OwnerIs("p0"), VisibilityIn(frozenset({0, 1, 2, 3}))))
"""Of what the ward holds of a person, four fifths."""


def view_of(reads: predicate.Predicate) -> View:
    return View(ActorRef("test", "test"), "TREAT", "p0", {"Observation": reads}, {}, b"")


PAGES = [
    pytest.param(Plan("Observation", (COMMON,), "p0", Index.OWNER_TOKEN, COMMON, count=PAGE), "owner_token", id="code"),
    pytest.param(
        Plan("Observation", (COMMON, RARE), "p0", Index.OWNER_TOKEN, RARE, count=PAGE), "owner_token",
        id="code-and-category",
    ),
    pytest.param(Plan("Observation", (), "p0", Index.OWNER_DATE, count=PAGE), "owner_date", id="date"),
    pytest.param(
        Plan("Observation", (), "p0", Index.OWNER_UPDATED, None, Order(SortBy.UPDATED), PAGE), "owner_updated",
        id="updated",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "index"), PAGES)
def test_a_page_inside_a_view_fetches_what_it_returns(
    store: Any, ward: list[Document], plan: Plan, index: str
) -> None:
    found = explained(store, plan, view=view_of(SEEN))
    returned = len(store.records.search(plan, view_of(SEEN)).entries)
    assert found["index"] == {index}
    assert "SORT" not in found["stages"]
    assert found["docs"] <= returned + 1
    # What is hidden costs a key or two to step over: nothing of it is fetched.
    assert found["keys"] <= 2 * (returned + 1) + 2


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan("Observation", (), "p0", Index.OWNER_DATE), id="record"),
        pytest.param(Plan("Observation", (COMMON,), "p0", Index.OWNER_TOKEN, COMMON), id="code"),
    ],
)
def test_a_total_inside_a_view_of_visibility_is_counted_in_the_index(
    store: Any, ward: list[Document], plan: Plan
) -> None:
    found = explained(store, plan, count=True, view=view_of(SEEN))
    counted = store.records.count(plan, view_of(SEEN))
    assert counted == len(store.records.search(Plan(**_fields(plan) | {"count": 500}), view_of(SEEN)).entries)
    assert 0 < counted < store.records.count(plan, view_of(OwnerIs("p0")))
    assert found["docs"] == 0
    assert found["keys"] <= 3 * counted


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in Plan.__slots__}


def test_the_person_is_asked_for_once() -> None:
    plan = Plan("Observation", (RARE,), "p0", Index.OWNER_TOKEN, RARE)
    made = searches.matching(plan, view_of(AllOf((SEEN, LabelsExclude(frozenset())))))
    assert made == {
        "owner": {"$eq": "p0"},
        "search.token": {"$eq": "code=s|3"},
        "search.sort.date": made["search.sort.date"],
        "visibility": {"$in": [0, 1, 2, 3]},
    }


def test_a_plan_for_somebody_else_finds_nothing(store: Any, ward: list[Document]) -> None:
    plan = Plan("Observation", (), "p1", Index.OWNER_DATE)
    assert store.records.count(plan, view_of(SEEN)) == 0
    assert store.records.search(plan, view_of(SEEN)).entries == ()


def test_a_directory_is_what_has_no_owner(store: Any, make: Any) -> None:
    for owner in ("p1", None):
        store.records.commit(make.creates(make.document(str(owner), owner=owner)))
    view = view_of(OwnerIs(None))
    page = store.records.search(
        Plan("Observation", (), None, Index.UPDATED, None, Order(SortBy.UPDATED)), view
    )
    assert [one.id for one in page.entries] == ["None"]
    assert store.records.read("Observation", "p1", view) is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(VisibilityIn(frozenset({3})), {"visibility": {"$eq": 3}}, id="one-value"),
        pytest.param(VisibilityIn(frozenset({3, 1})), {"visibility": {"$in": [1, 3]}}, id="values"),
        pytest.param(LabelsExclude(frozenset()), {}, id="no-labels"),
        pytest.param(AllOf(()), {}, id="all-of-nothing"),
        pytest.param(AnyOf(()), never(), id="any-of-nothing"),
        pytest.param(AnyOf((Nothing(), OwnerIs("p"))), {"owner": {"$eq": "p"}}, id="any-with-nothing"),
        pytest.param(AnyOf((Everything(), OwnerIs("p"))), {}, id="any-with-everything"),
        pytest.param(AllOf((Nothing(), OwnerIs("p"))), never(), id="all-with-nothing"),
        pytest.param(AllOf((Everything(), OwnerIs("p"))), {"owner": {"$eq": "p"}}, id="all-with-everything"),
        pytest.param(
            AllOf((OwnerIs("p"), AllOf((VisibilityIn(frozenset({0})), OwnerIs("p"))))),
            {"owner": {"$eq": "p"}, "visibility": {"$eq": 0}}, id="nested",
        ),
        pytest.param(
            AllOf((OwnerIs("p"), OwnerIs("q"))),
            {"owner": {"$eq": "p"}, "$and": [{"owner": {"$eq": "q"}}]}, id="contradiction",
        ),
        pytest.param(Not(Everything()), {"$nor": [{}]}, id="not-everything"),
    ],
)  # fmt: skip
def test_a_predicate_becomes_the_smallest_filter(
    wanted: predicate.Predicate, expected: dict[str, Any]
) -> None:
    assert predicate_filter(wanted) == expected


def test_two_negations_both_hold() -> None:
    parts = [{"$nor": [{"a": 1}]}, {"$nor": [{"b": 1}]}]
    assert all_of(parts) == {"$nor": [{"a": 1}], "$and": [{"$nor": [{"b": 1}]}]}


def test_reading_by_id_inside_a_view_is_one_key(store: Any, ward: list[Document]) -> None:
    seen = next(one for one in ward if one.facts.owner == "p0" and one.facts.visibility == 0)
    hidden = next(one for one in ward if one.facts.owner == "p0" and one.facts.visibility == 4)
    for document, is_there in ((seen, True), (hidden, False)):
        filter = all_of([{"_id": {"$eq": document.facts.id}}, predicate_filter(SEEN)])
        command = {"find": "Observation", "filter": filter, "hint": "_id_", "limit": 1}
        database = store.client[store.database]
        stats = database.command("explain", command, verbosity="executionStats")["executionStats"]
        assert (stats["totalKeysExamined"], stats["totalDocsExamined"]) == (1, 1)
        assert (store.records.read("Observation", document.facts.id, view_of(SEEN)) is not None) is is_there
