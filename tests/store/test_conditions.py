"""Conditional creates under contention: exactly one of those that ask for the same thing creates it."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from fhir_server.model.document import SearchEntries
from fhir_server.model.plan import Has, Index, Plan
from fhir_server.model.unit_of_work import Condition, ConditionMatched, Replace, UnitOfWork
from fhir_server.store.conditions import Stripes
from fhir_server.store.open import StoreOptions, open_store
from tests.store.conftest import OPEN
from tests.store.test_commit import counts, in_parallel

TOKEN = "identifier=urn:lab|1"


def condition(creates: str, token: str = TOKEN) -> Condition:
    wanted = Has("token", (token,))
    plan = Plan("Observation", (wanted,), None, Index.TOKEN, wanted)
    return Condition("Observation", f"key of {token}", plan, OPEN, creates)


def guarded(make, *tokens: str) -> UnitOfWork:
    documents = [make.document(search=SearchEntries(token=(token,))) for token in tokens]
    conditions = [condition(document.facts.id, token) for document, token in zip(documents, tokens)]
    return make.creates(*documents, conditions=tuple(conditions), audit=(make.entry(),))


def test_a_condition_that_matches_nothing_lets_the_create_happen(store, make) -> None:
    store.records.commit(guarded(make, TOKEN, "identifier=urn:lab|2"))
    assert counts(store)["Observation"] == 2


def test_a_condition_that_matches_names_what_it_found_and_writes_nothing(store, make) -> None:
    first = guarded(make, TOKEN)
    store.records.commit(first)
    before = counts(store)
    again = guarded(make, "identifier=urn:lab|2", TOKEN)
    with pytest.raises(ConditionMatched) as matched:
        store.records.commit(again)
    assert matched.value.ids == (first.creates[0].facts.id,)
    assert matched.value.condition == again.conditions[1]
    assert counts(store) == before


def test_a_condition_that_is_ambiguous_names_two(store, make) -> None:
    for _ in range(3):
        store.records.commit(make.creates(make.document(search=SearchEntries(token=(TOKEN,)))))
    with pytest.raises(ConditionMatched) as matched:
        store.records.commit(guarded(make, TOKEN))
    assert len(matched.value.ids) == 2


def test_what_was_deleted_can_be_created_again(store, make) -> None:
    for _ in range(2):
        work = guarded(make, TOKEN)
        store.records.commit(work)
        id = work.creates[0].facts.id
        gone = make.document(id, 2, deleted=True)
        store.records.commit(UnitOfWork(OPEN, deletes=(Replace(gone, 1),)))
    assert counts(store)["Observation"] == 2


def test_of_64_threads_with_one_condition_one_creates(store, make) -> None:
    outcomes: Counter[str] = Counter()
    found: set[tuple[str, ...]] = set()

    def create() -> None:
        try:
            store.records.commit(guarded(make, TOKEN))
            outcomes["created"] += 1
        except ConditionMatched as matched:
            outcomes["matched"] += 1
            found.add(matched.ids)

    in_parallel(create, 64)
    assert outcomes == {"created": 1, "matched": 63}
    assert len(found) == 1
    assert counts(store)["Observation"] == counts(store)["audit"] == 1


def test_holders_of_one_key_take_turns() -> None:
    stripes, entered = Stripes(4), threading.Event()

    def enter() -> None:
        with stripes.hold(["b", "a"]):
            entered.set()

    waiting = threading.Thread(target=enter)
    with stripes.hold(["a"]):
        waiting.start()
        assert not entered.wait(0.1)
    waiting.join()
    assert entered.is_set()


def test_holders_of_several_keys_never_wait_for_each_other() -> None:
    stripes, entered = Stripes(), Counter[tuple[str, ...]]()

    def work() -> None:
        for keys in (("a", "b", "c"), ("c", "b", "a", "a")):
            with stripes.hold(keys):
                entered[keys] += 1

    in_parallel(work, 16)
    assert sum(entered.values()) == 32


def test_of_several_processes_with_one_condition_one_creates(
    store, database_uri, database_name, registry, make
) -> None:
    """Two stores share no locks of a process; only the database can keep them apart."""
    options = StoreOptions(registry=registry, cross_person_types=frozenset({"*"}))
    stores = [open_store(database_uri, database_name, options) for _ in range(8)]
    try:
        for token in (f"identifier=urn:lab|{number}" for number in range(10)):
            outcomes: Counter[str] = Counter()
            waiting = list(stores)

            def create(token=token, waiting=waiting, outcomes=outcomes) -> None:
                try:
                    waiting.pop().records.commit(guarded(make, token))
                    outcomes["created"] += 1
                except ConditionMatched:
                    outcomes["matched"] += 1

            in_parallel(create, len(stores))
            assert outcomes == {"created": 1, "matched": len(stores) - 1}
    finally:
        for each in stores:
            each.close()
