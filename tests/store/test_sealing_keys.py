"""Keys of persons: destroyed, rotated, shared by several processes, in both kinds of vault."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fhir_server.model.document import Document, SearchEntries
from fhir_server.model.history import HistoryPlan
from fhir_server.model.outcome import FhirError
from fhir_server.model.plan import Order, Plan, SortBy, SortKey, SortKind
from fhir_server.model.unit_of_work import Replace, UnitOfWork
from fhir_server.store.open import Store
from fhir_server.store.sealing.erasing import STRAGGLERS, Erasing
from fhir_server.store.sealing.keyring import Keyring
from fhir_server.store.sealing.master import add_master_key
from fhir_server.store.sealing.resealing import Resealing
from fhir_server.store.sealing.rewrapping import rewrap_all, uses
from tests.store.conftest import OPEN, Make
from tests.store.sealed import LARGE, SealedDatabase, sealed_database, write_master


@pytest.fixture(params=["directory", "mongodb"])
def sealed(
    database_uri: str, database_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[SealedDatabase]:
    with sealed_database(database_uri, database_name, request.param, tmp_path) as made:
        yield made


@pytest.fixture
def store(sealed: SealedDatabase) -> Iterator[Store]:
    with sealed.open() as opened:
        yield opened


@pytest.fixture
def saved(store: Store, make: Make) -> Callable[..., Document]:
    def create(*args: Any, **more: Any) -> Document:
        document = make.document(*args, **more)
        store.records.commit(make.creates(document))
        return document

    return create


def keyring(store: Store) -> Keyring:
    assert store.sealing is not None
    return store.sealing.keyring


def erasing(store: Store) -> Erasing:
    return Erasing(store.catalogue, store.blobs, keyring(store))


def passes(store: Store, stopped: threading.Event | None = None) -> Resealing:
    assert store.sealing is not None
    return Resealing(
        store.catalogue, store.blobs, store.sealing, stopped or threading.Event(), lambda _name, _count: None
    )


def value_of(store: Store, document: Document) -> str | None:
    stored = store.records.read("Observation", document.facts.id, OPEN)
    return None if stored is None else str(json.loads(stored.body)["valueString"])


def rows_of(sealed: SealedDatabase, owner: str) -> int:
    with sealed.raw() as database:
        return sum(
            database[name].count_documents({"owner": owner})
            for name in database.list_collection_names()
            if name != "audit"
        )


class TestDestroy:
    def test_nothing_of_the_person_is_read_any_more(
        self, store: Store, make: Make, saved: Callable[..., Document]
    ) -> None:
        first = saved(content={"valueString": "one", "note": [{"text": LARGE}]})
        second = make.document(first.facts.id, 2, content={"valueString": "two"})
        store.records.commit(UnitOfWork(OPEN, replaces=(Replace(second, 1),)))
        gone = saved()
        deletion = make.document(gone.facts.id, 2, deleted=True)
        store.records.commit(UnitOfWork(OPEN, deletes=(Replace(deletion, 1),)))
        other = saved(owner="p2", content={"valueString": "other"})
        keyring(store).destroy("p1")
        id = first.facts.id
        assert store.records.read("Observation", id, OPEN) is None
        assert store.records.read("Observation", gone.facts.id, OPEN) is None
        assert store.records.vread("Observation", id, 1, OPEN) is None
        assert store.records.read_many("Observation", [id], OPEN) == {}
        assert list(store.records.history("Observation", id, OPEN, count=9)) == []
        page = store.records.history_page(HistoryPlan("Observation", count=9), OPEN)
        assert [version.stored.owner for version in page.entries] == ["p2"]
        found = store.records.search(Plan("Observation", count=9), OPEN)
        assert [stored.id for stored in found.entries] == [other.facts.id]

    def test_what_is_lost_does_not_end_a_search_early(
        self, store: Store, saved: Callable[..., Document]
    ) -> None:
        owners = ["p1", "p2", "p1", "p1", "p2", "p1", "p2"]
        for owner in owners:
            saved(owner=owner)
        keyring(store).destroy("p1")
        plan: Plan | None = Plan("Observation", count=2)
        seen = []
        while plan is not None:
            page = store.records.search(plan, OPEN)
            seen += [stored.owner for stored in page.entries]
            plan = Plan("Observation", count=2, after=page.next) if page.next is not None else None
        assert seen == ["p2", "p2", "p2"]

    @pytest.mark.parametrize(
        "order",
        [
            pytest.param(Order(), id="by-date"),
            pytest.param(Order(SortBy.DATE, False, (SortKey(SortKind.ID),)), id="computed"),
        ],
    )
    @pytest.mark.parametrize("backward", [False, True])
    def test_a_page_that_tells_places_has_that_of_what_is_lost(
        self, store: Store, saved: Callable[..., Document], order: Order, backward: bool
    ) -> None:
        for owner in ("p2", "p1", "p2", "p1", "p1"):
            saved(owner=owner)
        keyring(store).destroy("p1")
        plan = Plan("Observation", order=order, count=2, placed=True)
        page = store.records.search(plan, OPEN)
        placed = list(zip(page.places, page.entries, strict=True))
        while page.next is not None:
            page = store.records.search(replace(plan, after=page.next), OPEN)
            placed += zip(page.places, page.entries, strict=True)
        if backward:
            assert page.previous is not None
            before = store.records.search(replace(plan, after=page.previous), OPEN)
            assert list(zip(before.places, before.entries, strict=True)) == placed[2:4]
        assert [(place.id, place.seq) for place, _ in placed] == [(one.id, one.seq) for _, one in placed]
        assert sorted(one.deleted for _, one in placed) == [False, False, True, True, True]

    def test_other_processes_forget_the_key_in_time(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
    ) -> None:
        document = saved(content={"valueString": "one"})
        with sealed.open() as other:
            assert value_of(other, document) == "one"
            keyring(store).destroy("p1")
            assert value_of(other, document) is None

    def test_nothing_is_written_into_the_record_any_more(
        self, store: Store, make: Make, saved: Callable[..., Document]
    ) -> None:
        saved()
        keyring(store).destroy("p1")
        for attempt in (make.document(), make.document(content={"note": [{"text": LARGE}]})):
            with pytest.raises(FhirError) as refused:
                store.records.commit(make.creates(attempt))
            assert refused.value.status == 403
        with pytest.raises(KeyError):
            keyring(store).data_key("p1")

    def test_erasing_deletes_index_entries_history_and_blobs(
        self, sealed: SealedDatabase, store: Store, make: Make, saved: Callable[..., Document]
    ) -> None:
        search = SearchEntries(token=("code=secret",))
        first = saved(search=search, content={"note": [{"text": LARGE}]})
        second = make.document(first.facts.id, 2, search=search)
        store.records.commit(UnitOfWork(OPEN, replaces=(Replace(second, 1),)))
        saved(owner="p2")
        keyring(store).destroy("p1")
        assert erasing(store).erase("p1") == 2
        assert rows_of(sealed, "p1") == 0
        assert rows_of(sealed, "p2") == 1
        with sealed.raw() as database:
            assert database["blobs.chunks"].count_documents({}) == 0

    def test_the_living_are_not_erased(self, store: Store, saved: Callable[..., Document]) -> None:
        document = saved(content={"valueString": "one"})
        with pytest.raises(KeyError):
            erasing(store).erase("p1")
        assert value_of(store, document) == "one"

    def test_the_sweep_takes_what_was_in_flight_and_then_rests(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
    ) -> None:
        document = saved()
        with sealed.raw() as database:
            straggler = database["Observation"].find_one({"_id": document.facts.id})
        now = datetime.now(UTC)
        keyring(store).destroy("p1")
        erasing(store).erase("p1")
        with sealed.raw() as database:
            database["Observation"].insert_one(straggler)
        assert erasing(store).sweep(now) == 0
        late = now + STRAGGLERS + timedelta(minutes=1)
        assert erasing(store).sweep(late) == 1
        assert rows_of(sealed, "p1") == 0

    def test_destroying_twice_is_no_error(self, store: Store, saved: Callable[..., Document]) -> None:
        saved()
        keyring(store).destroy("p1")
        keyring(store).destroy("p1")
        record = keyring(store).vault.read("p1")
        assert record is not None
        assert record.keys == ()


class TestRotation:
    def test_a_new_master_key_wraps_everything_and_the_old_one_can_go(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
    ) -> None:
        documents = [saved(owner=f"p{number}", content={"valueString": "x"}) for number in range(5)]
        name = add_master_key(sealed.master_file)
        with sealed.open() as other:
            assert rewrap_all(keyring(other), threading.Event(), lambda _count: None)
            assert uses(keyring(other)) == {name: 5}
        newest = sealed.master_file.read_text("ascii").splitlines()[-1]
        write_master(sealed.master_file, newest)
        with sealed.open() as fresh:
            assert [value_of(fresh, document) for document in documents] == ["x"] * 5
        assert [value_of(store, document) for document in documents] == ["x"] * 5

    def test_a_run_that_was_stopped_goes_on(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
    ) -> None:
        for number in range(4):
            saved(owner=f"p{number}")
        name = add_master_key(sealed.master_file)
        stopped = threading.Event()
        assert not rewrap_all(keyring(store), stopped, lambda _count: stopped.set())
        assert uses(keyring(store))[name] == 1
        assert rewrap_all(keyring(store), threading.Event(), lambda _count: None)
        assert uses(keyring(store)) == {name: 4}

    def test_running_servers_wrap_with_the_new_master_key(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
    ) -> None:
        saved()
        with sealed.open() as other:
            name = add_master_key(sealed.master_file)
            rewrap_all(keyring(other), threading.Event(), lambda _count: None)
        saved(owner="p9")
        assert uses(keyring(store)) == {name: 2}

    def test_a_new_key_of_a_person_seals_everything_anew(
        self, sealed: SealedDatabase, store: Store, make: Make, saved: Callable[..., Document]
    ) -> None:
        first = saved(content={"valueString": "one", "note": [{"text": LARGE}]})
        second = make.document(first.facts.id, 2, content={"valueString": "two"})
        store.records.commit(UnitOfWork(OPEN, replaces=(Replace(second, 1),)))
        number = keyring(store).renew("p1")
        assert value_of(store, first) == "two"
        assert passes(store).seal_anew("p1")
        with sealed.raw() as database:
            rows = [
                database[name].find_one() for name in ("Observation", "Observation_history", "blobs.chunks")
            ]
        assert {row["seal"]["key"] for row in rows} == {number}
        old = store.records.vread("Observation", first.facts.id, 1, OPEN)
        assert old is not None
        assert json.loads(old.body) == first.resource
        record = keyring(store).vault.read("p1")
        assert record is not None
        assert [key.number for key in record.keys] == [number]


class TestVault:
    def test_two_processes_that_begin_a_record_have_one_key(self, sealed: SealedDatabase) -> None:
        with sealed.open() as one, sealed.open() as two:
            found: list[bytes] = []

            def begin(store: Store) -> None:
                found.append(keyring(store).data_key("p1"))

            threads = [threading.Thread(target=begin, args=(store,)) for store in (one, two, one, two)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(found) == 4
        assert len(set(found)) == 1

    def test_a_change_against_an_older_version_is_not_kept(self, store: Store) -> None:
        from dataclasses import replace

        ring = keyring(store)
        ring.data_key("p1")
        record = ring.vault.read("p1")
        assert record is not None
        assert ring.vault.replace(replace(record, version=2))
        assert not ring.vault.replace(replace(record, version=2))

    def test_keys_that_were_forgotten_are_read_again(self, sealed: SealedDatabase, store: Store) -> None:
        vault = keyring(store).vault
        small = Keyring(vault, sealed.master_file, clock=FixedNow(), capacity=2)
        first = [small.data_key(f"p{number}") for number in range(5)]
        assert [small.data_key(f"p{number}") for number in range(5)] == first

    def test_a_key_that_was_moved_to_another_person_is_refused(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
    ) -> None:
        from dataclasses import replace

        saved()
        document = saved(owner="p2", content={"valueString": "x"})
        vault = keyring(store).vault
        mine, other = vault.read("p1"), vault.read("p2")
        assert mine is not None
        assert other is not None
        assert vault.replace(replace(other, version=2, keys=mine.keys))
        with sealed.open() as fresh, pytest.raises(FhirError) as refused:
            value_of(fresh, document)
        assert refused.value.issues[0].situation == "seal-broken"

    def test_a_vault_that_does_not_know_the_key_is_refused(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
    ) -> None:
        from dataclasses import replace

        document = saved()
        vault = keyring(store).vault
        record = vault.read("p1")
        assert record is not None
        assert vault.replace(replace(record, version=2, keys=(replace(record.keys[0], number=7),)))
        with sealed.open() as fresh, pytest.raises(FhirError) as refused:
            value_of(fresh, document)
        assert refused.value.issues[0].situation == "seal-broken"


@pytest.mark.parametrize("sealed", ["directory"], indirect=True)
def test_without_its_vault_nothing_is_read(
    sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
) -> None:
    document = saved()
    shutil.rmtree(sealed.vault)
    threading.Event().wait(keyring(store).vault.settles_s)
    with pytest.raises(FhirError) as refused:
        value_of(store, document)
    assert refused.value.status == 503


class TestFromBeforeSealing:
    def test_what_is_from_before_is_read_then_sealed_then_required(
        self, sealed: SealedDatabase, make: Make
    ) -> None:
        first = make.document(content={"valueString": "one", "note": [{"text": LARGE}]})
        second = make.document(first.facts.id, 2, content={"valueString": "two", "note": [{"text": LARGE}]})
        directory = make.document(type="Organization", owner=None)
        with sealed.open(sealed=False, native_types=frozenset({"*"})) as plain:
            plain.records.commit(make.creates(first, directory))
            plain.records.commit(UnitOfWork(OPEN, replaces=(Replace(second, 1),)))
        with sealed.open() as store:
            assert value_of(store, first) == "two"
            assert set(passes(store).unsealed()) == {"Observation", "Observation_history", "blobs"}
            assert passes(store).seal_all()
            assert passes(store).unsealed() == {}
            assert value_of(store, first) == "two"
            old = store.records.vread("Observation", first.facts.id, 1, OPEN)
            assert old is not None
            assert json.loads(old.body) == first.resource
        with sealed.raw() as database:
            row = database["Observation"].find_one()
            assert "resource" not in row
            database["Observation"].update_one({}, {"$set": {"body": "{}", "seal": None}})
        with sealed.open() as strict, pytest.raises(FhirError) as refused:
            value_of(strict, first)
        assert refused.value.issues[0].situation == "seal-broken"

    def test_a_pass_that_was_stopped_goes_on(self, sealed: SealedDatabase, make: Make) -> None:
        documents = [make.document(content={"valueString": "x"}) for _ in range(3)]
        with sealed.open(sealed=False) as plain:
            plain.records.commit(make.creates(*documents))
        with sealed.open() as store:
            stopped = threading.Event()
            stopped.set()
            assert not passes(store, stopped).seal_all()
            assert passes(store).unsealed() == {"Observation": 3}
            assert passes(store).seal_all()
            assert [value_of(store, document) for document in documents] == ["x"] * 3


class FixedNow:
    """A clock for what needs one."""

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC)
