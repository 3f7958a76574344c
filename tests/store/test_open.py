"""Opening a store: what every command on the wire says, what each request costs, what workers share."""

from __future__ import annotations

import pytest

from fhir_server.model.document import SearchEntries
from fhir_server.model.outcome import FhirError
from fhir_server.model.plan import Has, Index, Plan
from fhir_server.model.unit_of_work import IdempotencyKey, Replace, UnitOfWork
from fhir_server.store.connection import StoreRefused
from fhir_server.store.open import StoreOptions, open_store
from tests.store.conftest import OPEN
from tests.store.test_conditions import guarded
from tests.store.wire import Wire

WRITES = {"insert", "update", "delete", "findAndModify", "create", "createIndexes"}
TOKEN = SearchEntries(token=("code=s|a",))
BY_TOKEN = Plan(
    "Observation", (Has("token", ("code=s|a",)),), "p1", Index.OWNER_TOKEN, Has("token", ("code=s|a",))
)


@pytest.fixture
def watched(database_uri, database_name, registry):
    """A store whose commands can be seen."""
    wire = Wire()
    options = StoreOptions(registry=registry, cross_person_types=frozenset({"*"}), listeners=(wire,))
    store = open_store(database_uri, database_name, options)
    yield store, wire
    store.close()


def test_every_write_waits_for_a_majority_and_the_journal(watched, make) -> None:
    store, wire = watched
    document = make.document(search=TOKEN)
    store.records.commit(
        make.creates(document, audit=(make.entry(),), idempotency_key=IdempotencyKey("k", b"d", b"r"))
    )
    changed = Replace(make.document(document.facts.id, 2), 1)
    store.records.commit(UnitOfWork(OPEN, replaces=(changed,), notices=(make.notice(),)))
    store.records.commit(guarded(make, "identifier=s|1"))
    store.audit.flush(store.audit.append(make.entry()))
    store.blobs.drop(store.blobs.put(b"content", "p1"))
    store.secret("cursor")
    outside = [body for name, body in wire.commands if name in WRITES and body.get("autocommit") is not False]
    inside = {name for name, body in wire.commands if body.get("autocommit") is False}
    commits = [body for name, body in wire.commands if name == "commitTransaction"]
    assert outside and len(commits) == 3
    assert {"insert", "update"} <= inside
    for body in (*outside, *commits):
        assert body["writeConcern"]["w"] == "majority" and body["writeConcern"]["j"] is True, body
    for body in (body for _, body in wire.commands if body.get("startTransaction")):
        assert body["readConcern"]["level"] == "snapshot"


def test_every_read_is_of_what_a_majority_has(watched, make) -> None:
    store, wire = watched
    document = make.document(search=TOKEN)
    store.records.commit(make.creates(document))
    wire.commands.clear()
    store.records.read("Observation", document.facts.id, OPEN)
    store.records.read_many("Observation", [document.facts.id], OPEN)
    store.records.history("Observation", document.facts.id, OPEN, count=5)
    store.records.search(BY_TOKEN, OPEN)
    store.records.count(BY_TOKEN, OPEN)
    store.systems.of("Observation", "code")
    store.replay.find("key")
    assert {body["readConcern"]["level"] for _, body in wire.commands} == {"majority"}


TRANSACTION = ["insert", "insert", "insert", "commitTransaction"]


def test_each_request_takes_as_many_round_trips_as_documented(watched, make) -> None:
    store, wire = watched
    first, second = make.document(search=TOKEN), make.document(search=TOKEN)
    store.records.commit(make.creates(first, second))
    id = first.facts.id
    wire.names()

    full = make.creates(make.document(search=TOKEN), audit=(make.entry(),), notices=(make.notice(),))
    store.records.commit(full)
    assert wire.names() == TRANSACTION
    many = make.creates(
        *(make.document() for _ in range(300)), audit=(make.entry(),), notices=(make.notice(),)
    )
    store.records.commit(many)
    assert wire.names() == TRANSACTION
    changes = (Replace(make.document(one.facts.id, 2), 1) for one in (first, second))
    store.records.commit(UnitOfWork(OPEN, replaces=tuple(changes)))
    assert wire.names() == ["find", "insert", "update", "commitTransaction"]

    store.records.read("Observation", id, OPEN)
    assert wire.names() == ["find"]
    store.records.vread("Observation", id, 2, OPEN)
    assert wire.names() == ["find"]
    store.records.vread("Observation", id, 1, OPEN)
    assert wire.names() == ["find", "find"]
    store.records.read_many("Observation", [id, second.facts.id], OPEN)
    assert wire.names() == ["find"]
    store.records.search(BY_TOKEN, OPEN)
    assert wire.names() == ["find"]
    store.records.count(BY_TOKEN, OPEN)
    assert wire.names() == ["count"]
    store.records.owner_of("Observation", id)
    assert wire.names() == []


def test_secrets_are_made_once_and_shared(store, database_uri, database_name, registry) -> None:
    other = open_store(database_uri, database_name, StoreOptions(registry=registry))
    try:
        assert store.secret("cursor") == other.secret("cursor") == store.secret("cursor")
        assert len(store.secret("cursor")) == 64
        assert store.secret("else") != store.secret("cursor")
    finally:
        other.close()


def test_a_database_of_another_schema_is_refused(store, database_uri, database_name, registry) -> None:
    store.catalogue.service("meta").update_one({"_id": "schema"}, {"$set": {"number": 99}})
    with pytest.raises(StoreRefused, match="schema 99"):
        open_store(database_uri, database_name, StoreOptions(registry=registry))


def test_a_new_database_has_the_entries_of_today(store, database_uri, database_name, registry) -> None:
    assert not store.entries.behind()
    other = open_store(database_uri, database_name, StoreOptions(registry=registry))
    try:
        assert not other.entries.behind()
    finally:
        other.close()


@pytest.mark.parametrize("noted", [pytest.param(1, id="older"), pytest.param(None, id="not-said")])
def test_a_database_whose_entries_are_older_says_so_until_they_are_renewed(
    store, database_uri, database_name, registry, noted: int | None
) -> None:
    meta = store.catalogue.service("meta")
    meta.delete_one({"_id": "entries"})
    if noted is not None:
        meta.insert_one({"_id": "entries", "number": noted})
    other = open_store(database_uri, database_name, StoreOptions(registry=registry))
    try:
        assert other.entries.behind()
        other.entries.reached()
        assert not other.entries.behind()
        assert not store.entries.behind()
    finally:
        other.close()


def test_ping_answers(store) -> None:
    store.ping()


@pytest.mark.parametrize("value", [pytest.param("a\ud800b", id="lone-surrogate")])
def test_a_value_that_bson_cannot_hold_is_refused(store, make, value: str) -> None:
    store.records.commit(make.creates(make.document()))
    wanted = Has("token", (f"code=|{value}",))
    with pytest.raises(FhirError) as error:
        store.records.search(Plan("Observation", (wanted,), "p1", Index.OWNER_TOKEN, wanted), OPEN)
    assert error.value.issues[0].situation == "illegal-character"


@pytest.mark.parametrize("value", ["$ne", "a\x00b", '{"$gt": ""}', "\U0010ffff"])
def test_no_value_becomes_an_operator(store, make, value: str) -> None:
    tokens = ("code=|other", f"code=|{value}")
    documents = [make.document(search=SearchEntries(token=(token,))) for token in tokens]
    store.records.commit(make.creates(*documents))
    wanted = Has("token", (f"code=|{value}",))
    page = store.records.search(Plan("Observation", (wanted,), "p1", Index.OWNER_TOKEN, wanted), OPEN)
    assert [entry.id for entry in page.entries] == [documents[1].facts.id]
    assert store.records.read("Observation", value, OPEN) is None
    assert store.records.owner_of("Observation", value) is None
