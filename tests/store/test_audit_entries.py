"""The compact form of an entry: everything comes back, little is stored, and who is told is told once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from bson import decode, encode
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from fhir_server.model.actor import Actor
from fhir_server.model.audit import AuditEntry, Notice
from fhir_server.model.outcome import FhirError
from fhir_server.store.entries import audit_document, audit_entry
from fhir_server.store.manifests import pack, unpack
from fhir_server.store.open import open_store
from fhir_server.store.told import Told
from tests.store.conftest import NOON
from tests.store.test_commit import in_parallel

ACTOR = Actor(
    "professional", "urn:oid:1.2|899700000001", "Dr Test", profession="doctor", specialty="SM54",
    situation="hospital", structure="urn:oid:1.3|750000001", structure_name="Hospital",
    parents=("urn:oid:1.3|7", "urn:oid:1.3|8"), client="Software 3", reason="unconscious", session="jti-1",
    secret=True,
)  # fmt: skip
ENTRY = AuditEntry(
    id="entry-1", at=datetime(2026, 11, 22, 9, 30, 15, 123000, UTC), request_id="request-1",
    actor=ACTOR.ref, purpose="BTG", interaction="search-type", status=200, owner="p1",
    entities=("Observation/a/_history/1",), agent=ACTOR, rule="team", mode="break-glass",
    situation="refused", labels=("withheld-from-representatives",), request="GET Observation?code=x",
)  # fmt: skip

ids = st.uuids().map(str) | st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True)
versioned = st.builds(
    "{}/{}/_history/{}".format,
    st.sampled_from(["Observation", "Patient", "DocumentReference"]), ids, st.integers(1, 2**62),
)  # fmt: skip
unversioned = st.builds("{}/{}".format, st.sampled_from(["Patient", "Binary"]), ids)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(deadline=None)
@given(st.lists(versioned | unversioned | texts, max_size=60))
def test_a_manifest_gives_back_what_was_packed(entities: list[str]) -> None:
    assert unpack(pack(entities)) == tuple(entities)


@settings(deadline=None)
@given(st.lists(versioned, min_size=1, max_size=20), st.data())
def test_a_manifest_that_was_cut_off_is_refused(entities: list[str], data: st.DataObject) -> None:
    packed = pack(entities)
    cut = packed[: data.draw(st.integers(1, len(packed) - 1))]
    with suppress(ValueError):
        found = unpack(cut)  # it was cut between two runs
        assert found == tuple(entities)[: len(found)]


def test_a_listed_version_takes_17_bytes() -> None:
    page = [f"Observation/{uuid4()}/_history/1" for _ in range(20)]
    assert len(pack(page)) == 20 * 17 + len("Observation") + 2


@pytest.mark.parametrize("entry", [
    pytest.param(ENTRY, id="everything"),
    pytest.param(AuditEntry("e", NOON, "r", ACTOR.ref, "TREAT", "read", 404), id="nearly-nothing"),
    pytest.param(replace(ENTRY, request=None, query="ab" * 32), id="digest-without-criteria"),
    pytest.param(replace(ENTRY, entities=(), labels=(), situation=None), id="nothing-shown"),
])  # fmt: skip
def test_an_entry_comes_back_from_its_document(entry: AuditEntry) -> None:
    document = decode(encode(audit_document(entry, "worker", 7)))
    assert audit_entry(document) == entry
    assert (document["worker"], document["n"]) == ("worker", 7)


def test_notices_are_no_part_of_the_entry() -> None:
    told = replace(ENTRY, notices=(Notice("n", NOON, "access", "p1"),))
    assert audit_document(told, "w", 1) == audit_document(ENTRY, "w", 1)


def told(id: str) -> Notice:
    return Notice(id, NOON, "access", "p1", recipients=("person",), actor=ACTOR.ref, once=True)


@pytest.fixture
def outbox(database_uri, database_name):
    with MongoClient(database_uri, readConcernLevel="majority") as client:
        yield lambda: sorted(one["_id"] for one in client[database_name].outbox.find())


def test_a_notice_is_durable_with_its_entry(store, make, outbox) -> None:
    entry = replace(make.entry(), notices=(told("today"),))
    store.audit.flush(store.audit.append(entry))
    assert outbox() == ["today"]


def test_the_same_access_is_told_once_whoever_writes_it(
    store, make, outbox, database_uri, database_name
) -> None:
    other = open_store(database_uri, database_name)
    entries = [replace(make.entry(), notices=(told(f"day-{number % 3}"),)) for number in range(60)]
    sinks = (store.audit, other.audit)

    def work() -> None:
        while entries:
            try:
                entry = entries.pop()
            except IndexError:
                return
            sink = sinks[len(entries) % 2]
            sink.flush(sink.append(entry))

    try:
        in_parallel(work, 6)
    finally:
        other.close()
    assert outbox() == ["day-0", "day-1", "day-2"]
    assert store.client[store.database].audit.count_documents({}) == 60


def test_a_commit_tells_once_and_does_not_fail_for_it(store, make, outbox) -> None:
    for _ in range(2):
        entry = replace(make.entry(), notices=(told("session"),))
        store.records.commit(make.creates(make.document(), audit=(entry,)))
    assert outbox() == ["session"]


def test_neither_entry_nor_notice_is_there_where_one_cannot_be_written(store, make, outbox) -> None:
    first = make.entry()
    store.audit.flush(store.audit.append(first))
    again = store.audit.append(replace(first, notices=(told("never"),)))
    with pytest.raises(FhirError):
        store.audit.flush(again)
    assert outbox() == []


def test_the_least_recently_told_is_forgotten_first() -> None:
    memory = Told(capacity=2)
    memory.remember([told("a"), told("b")])
    assert memory.untold([told("a")]) == []
    memory.remember([told("c")])
    assert [one.id for one in memory.untold([told("a"), told("b"), told("c")])] == ["b"]


def test_what_is_not_told_once_is_told_each_time() -> None:
    memory = Told()
    deposit = Notice("x", NOON, "deposit", "p1")
    memory.remember([deposit])
    assert memory.untold([deposit]) == [deposit]
