"""Drivers across persons: the one with the fewest entries is taken, and what is found stays the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhir_server.model.document import SearchEntries
from fhir_server.model.plan import Driver, Has, Index, Order, Plan, SortBy, StartsWith
from fhir_server.model.view import ActorRef, View
from fhir_server.store.drivers import driven
from tests.store.conftest import Make
from tests.store.wire import Wire

OPEN = View.unrestricted("open")
DAY = datetime(2024, 1, 1, tzinfo=UTC)
COMMON, RARE, NAME = (
    Has("token", ("a=|common",)),
    Has("token", ("b=|rare",)),
    StartsWith("string", ("name=x",)),
)
BY = {COMMON: Driver(Index.TOKEN, COMMON), RARE: Driver(Index.TOKEN, RARE), NAME: Driver(Index.STRING, NAME)}


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting takes as long as it takes: which driver is chosen does not hang on how busy the machine is."""
    monkeypatch.setattr("fhir_server.store.drivers.COUNT_MS", 60_000)


@pytest.fixture
def crowd(store: Any, make: Make) -> None:
    documents = [
        make.document(
            owner=f"p{nth}",
            search=SearchEntries(
                token=("a=|common", "b=|rare") if nth % 20 == 0 else ("a=|common",),
                string=("name=xy",) if nth % 40 == 0 else (),
                sort_date=DAY + timedelta(days=nth),
            ),
        )
        for nth in range(80)
    ]
    store.records.commit(make.creates(*documents))


def _plan(*conditions: Any, order: Order) -> Plan:
    candidates = tuple(BY[one] for one in conditions)
    return Plan("Observation", conditions, None, Index.TOKEN, conditions[0], order, 3, candidates=candidates)


@pytest.mark.parametrize("conditions", [(COMMON, RARE), (COMMON, NAME), (COMMON, RARE, NAME), (RARE, NAME)])
@pytest.mark.parametrize("order", [Order(), Order(descending=False), Order(SortBy.UPDATED)])
def test_what_is_found_and_its_order_do_not_depend_on_the_driver(
    store: Any, crowd: None, conditions: tuple[Any, ...], order: Order
) -> None:
    plan = _plan(*conditions, order=order)
    weighed = driven(store.catalogue, plan, OPEN)
    assert weighed.driver == conditions[-1]
    assert not weighed.candidates
    fixed = replace(plan, candidates=())
    for made in (plan, weighed):
        found, position = [], None
        while True:
            page = store.records.search(replace(made, after=position), OPEN)
            found += [entry.id for entry in page.entries]
            if page.next is None:
                break
            position = page.next
        assert found == [one.id for one in store.records.search(replace(fixed, count=500), OPEN).entries]
        assert store.records.count(made, OPEN) == len(found)


def test_a_driver_with_nothing_ends_the_weighing(store: Any, crowd: None) -> None:
    nothing = Has("token", ("c=|never",))
    plan = replace(_plan(COMMON, RARE, order=Order()), candidates=(Driver(Index.TOKEN, nothing), BY[RARE]))
    assert driven(store.catalogue, plan, OPEN).driver == nothing


def test_nothing_is_counted_for_one_person(store: Any, crowd: None) -> None:
    plan = _plan(COMMON, RARE, order=Order())
    assert driven(store.catalogue, replace(plan, owner="p1"), OPEN).driver == COMMON
    view = View(ActorRef("test", "test"), "TREAT", "p1", {}, {}, b"v")
    assert driven(store.catalogue, plan, view).driver == COMMON


def test_what_the_view_hides_is_not_counted(store: Any, crowd: None) -> None:
    plan = _plan(COMMON, RARE, order=Order())
    nothing = View(ActorRef("test", "test"), "TREAT", None, {}, {}, b"v")
    assert driven(store.catalogue, plan, nothing).driver == COMMON


def test_the_wire_sees_one_count_for_each_candidate(
    database_uri: str, database_name: str, make: Make
) -> None:
    from fhir_server.store.open import StoreOptions, open_store

    wire = Wire()
    options = StoreOptions(cross_person_types=frozenset({"*"}), listeners=(wire,))
    store = open_store(database_uri, database_name, options)
    store.records.commit(make.creates(make.document(search=SearchEntries(token=("a=|common", "b=|rare")))))
    wire.names()
    store.records.search(_plan(COMMON, RARE, order=Order()), OPEN)
    assert wire.names() == ["aggregate", "aggregate", "find"]
    store.close()
