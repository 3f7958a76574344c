"""The one write path: all or nothing, with audit and outbox, versions that follow each other."""

from __future__ import annotations

import threading
import traceback
from datetime import timedelta

import pytest
from bson.errors import InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    NetworkTimeout,
    OperationFailure,
    ServerSelectionTimeoutError,
)

from fhir_server.model import predicate
from fhir_server.model.document import Access, SearchEntries
from fhir_server.model.outcome import FhirError
from fhir_server.model.unit_of_work import (
    IdempotencyKey,
    Replace,
    ReplayFound,
    UnitOfWork,
    VersionConflict,
)
from fhir_server.model.view import ActorRef, View
from fhir_server.store.open import StoreOptions, open_store
from fhir_server.store.refusals import DatabaseFault, database_errors
from tests.store.conftest import NOON, OPEN


def counts(store) -> dict[str, int]:
    """Return the number of documents of every collection that has any."""
    return {one.name: one.documents for one in store.statistics() if one.documents}


def situation(error: pytest.ExceptionInfo[FhirError]) -> str:
    return error.value.issues[0].situation


def writer(predicate_: predicate.Predicate) -> View:
    return View(
        ActorRef("test", "test"), "TREAT", None, OPEN.by_type, {"Observation": predicate_}, b""
    )  # fmt: skip


def test_everything_of_a_unit_of_work_is_written(store, make, view) -> None:
    work = make.creates(
        make.document(type="Patient"), make.document(), make.document(),
        audit=(make.entry(), make.entry()), notices=(make.notice(),),
    )  # fmt: skip
    assert store.records.commit(work).attempts == 1
    written = {"Observation": 2, "Patient": 1, "audit": 2, "outbox": 1, "meta": 2}
    assert counts(store) == written


def test_nothing_is_written_when_one_version_conflicts(store, make, saved) -> None:
    known = saved()
    before = counts(store)
    work = UnitOfWork(
        OPEN,
        creates=(make.document(), make.document(type="Patient")),
        replaces=(Replace(make.document(known.facts.id, 3), 2),),
        audit=(make.entry(),),
        notices=(make.notice(),),
        idempotency_key=IdempotencyKey("key", b"digest", b"reply"),
    )
    with pytest.raises(VersionConflict) as error:
        store.records.commit(work)
    assert (error.value.resource_type, error.value.id) == ("Observation", known.facts.id)
    assert counts(store) == before


def test_creating_an_id_that_exists_is_a_version_conflict(store, make, saved) -> None:
    known = saved()
    for work in (
        make.creates(make.document(), make.document(known.facts.id)),
        UnitOfWork(OPEN, replaces=(Replace(make.document(known.facts.id), 0),)),
    ):
        with pytest.raises(VersionConflict) as error:
            store.records.commit(work)
        assert error.value.id == known.facts.id


def test_no_error_carries_the_documents_that_it_is_about(store, make, saved) -> None:
    known = saved(content={"note": [{"text": "hush"}]})
    with pytest.raises(VersionConflict) as error:
        store.records.commit(
            make.creates(make.document(known.facts.id, content={"note": [{"text": "hush"}]}))
        )
    assert "hush" not in "".join(traceback.format_exception(error.value))


def test_an_error_that_nothing_foresaw_says_its_code_alone() -> None:
    with pytest.raises(DatabaseFault) as error, database_errors():
        raise OperationFailure("hush", 4711)
    told = "".join(traceback.format_exception(error.value))
    assert "4711" in told and "DatabaseFault" in told and "hush" not in str(error.value)
    assert error.value.__cause__ is None and error.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(ServerSelectionTimeoutError("x"), "database-unavailable", id="no-primary"),
        pytest.param(AutoReconnect("x"), "database-unavailable", id="lost-connection"),
        pytest.param(NetworkTimeout("x"), "timeout", id="no-answer"),
        pytest.param(OperationFailure("x", 50), "timeout", id="max-time"),
        pytest.param(OperationFailure("x", 292), "too-costly", id="sort-memory"),
        pytest.param(OperationFailure("x", 10107), "database-unavailable", id="not-primary"),
        pytest.param(DocumentTooLarge("x"), "too-large", id="too-large"),
        pytest.param(InvalidDocument("x"), "illegal-character", id="not-bson"),
        pytest.param(BulkWriteError({"writeErrors": [{"code": 10334}]}), "too-large", id="too-large-in-bulk"),
    ],
)
def test_errors_of_the_driver_are_refusals_of_the_table(error: Exception, expected: str) -> None:
    with pytest.raises(FhirError) as refused, database_errors():
        raise error
    assert situation(refused) == expected


def test_versions_follow_each_other_through_deletion_and_return(store, make, saved, view) -> None:
    id = saved(content={"status": "final"}).facts.id
    changed = make.document(id, 2, content={"status": "amended"}, updated=NOON + timedelta(seconds=1))
    store.records.commit(UnitOfWork(OPEN, replaces=(Replace(changed, 1),)))
    gone = make.document(id, 3, deleted=True, updated=NOON + timedelta(seconds=2))
    store.records.commit(UnitOfWork(OPEN, deletes=(Replace(gone, 2),)))
    deleted = store.records.read("Observation", id, view)
    assert (deleted.version, deleted.deleted, deleted.body, deleted.sort_date) == (3, True, b"", None)
    back = make.document(id, 4, content={"status": "final"}, updated=NOON + timedelta(seconds=3))
    store.records.commit(UnitOfWork(OPEN, replaces=(Replace(back, 3),)))

    versions = store.records.history("Observation", id, view, count=10)
    assert [(one.version, one.deleted) for one in versions] == [(4, False), (3, True), (2, False), (1, False)]
    for stored in versions:
        assert store.records.vread("Observation", id, stored.version, view) == stored
    assert store.records.vread("Observation", id, 5, view) is None
    assert store.records.vread("Observation", id, 0, view) is None
    assert b'"amended"' in versions[2].body


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"count": 2}, [4, 3], id="newest-first"),
        pytest.param({"count": 2, "before_version": 3}, [2, 1], id="below-a-version"),
        pytest.param({"count": 9, "before_version": 9}, [4, 3, 2, 1], id="below-a-version-to-come"),
        pytest.param({"count": 9, "since": NOON + timedelta(seconds=3)}, [4, 3], id="since"),
        pytest.param({"count": 9, "since": NOON + timedelta(days=1)}, [], id="since-later"),
        pytest.param({"count": 9, "before_version": 1}, [], id="below-the-first"),
        pytest.param({"count": 0}, [], id="no-room"),
    ],
)
def test_history_is_cut_where_it_is_asked_to(store, make, view, options, expected) -> None:
    id = make.id()
    for version in range(1, 5):
        document = make.document(id, version, updated=NOON + timedelta(seconds=version))
        store.records.commit(UnitOfWork(OPEN, replaces=(Replace(document, version - 1),)))
    versions = store.records.history("Observation", id, view, **options)
    assert [one.version for one in versions] == expected


def test_the_labels_of_the_current_version_are_those_of_all(store, make, view) -> None:
    id = make.id()
    for version, labels in ((1, ()), (2, ("PSY",)), (3, ())):
        document = make.document(id, version, access=Access(labels=labels))
        store.records.commit(UnitOfWork(OPEN, replaces=(Replace(document, version - 1),)))
    narrow = View(
        OPEN.actor, "TREAT", None, {"Observation": predicate.LabelsExclude(frozenset({"PSY"}))}, {}, b""
    )  # fmt: skip
    assert [one.version for one in store.records.history("Observation", id, narrow, count=9)] == [3, 2, 1]
    assert store.records.vread("Observation", id, 2, narrow) is not None
    hidden = make.document(id, 4, access=Access(labels=("PSY",)))
    store.records.commit(UnitOfWork(OPEN, replaces=(Replace(hidden, 3),)))
    assert store.records.history("Observation", id, narrow, count=9) == ()
    assert store.records.vread("Observation", id, 1, narrow) is None
    assert store.records.read("Observation", id, narrow) is None


def test_an_after_image_outside_the_view_is_refused(store, make) -> None:
    before = counts(store)
    work = UnitOfWork(writer(predicate.OwnerIs("p1")), creates=(make.document(owner="p2"),))
    with pytest.raises(FhirError) as error:
        store.records.commit(work)
    assert situation(error) == "refused"
    assert counts(store) == before


def test_a_before_image_outside_the_view_is_refused(store, make, saved) -> None:
    known = saved(access=Access(labels=("PSY",)))
    view = writer(predicate.LabelsExclude(frozenset({"PSY"})))
    with pytest.raises(FhirError) as error:
        store.records.commit(UnitOfWork(view, replaces=(Replace(make.document(known.facts.id, 2), 1),)))
    assert situation(error) == "refused"
    assert store.records.read("Observation", known.facts.id, OPEN).version == 1


def test_a_type_that_the_view_may_not_write_is_refused(store, make) -> None:
    with pytest.raises(FhirError) as error:
        store.records.commit(
            UnitOfWork(writer(predicate.Everything()), creates=(make.document(type="Patient"),))
        )
    assert situation(error) == "refused"


def test_a_resource_stays_in_its_record(store, make, saved) -> None:
    known = saved(owner="p1")
    with pytest.raises(FhirError) as error:
        store.records.commit(
            UnitOfWork(OPEN, replaces=(Replace(make.document(known.facts.id, 2, owner="p2"), 1),))
        )
    assert situation(error) == "owner-changed"
    assert store.records.owner_of("Observation", known.facts.id) == "p1"


def test_owner_of_an_unknown_resource_is_none_until_it_exists(store, make) -> None:
    document = make.document(owner="p7")
    assert store.records.owner_of("Observation", document.facts.id) is None
    store.records.commit(make.creates(document))
    assert store.records.owner_of("Observation", document.facts.id) == "p7"


def test_a_used_idempotency_key_gives_the_first_answer(store, make) -> None:
    key = IdempotencyKey("key", b"digest", b"reply" * 1000)
    store.records.commit(make.creates(make.document(), idempotency_key=key))
    assert store.replay.find("key") == key
    assert store.replay.find("other") is None
    before = counts(store)
    with pytest.raises(ReplayFound) as found:
        store.records.commit(
            make.creates(make.document(), idempotency_key=IdempotencyKey("key", b"else", b""))
        )
    assert (found.value.digest, found.value.reply) == (b"digest", b"reply" * 1000)
    assert counts(store) == before


def test_of_parallel_updates_of_one_version_one_wins(store, make, saved) -> None:
    id = saved().facts.id
    outcomes: list[str] = []

    def update() -> None:
        try:
            store.records.commit(UnitOfWork(OPEN, replaces=(Replace(make.document(id, 2), 1),)))
            outcomes.append("won")
        except VersionConflict:
            outcomes.append("lost")

    in_parallel(update, 16)
    assert sorted(outcomes) == ["lost"] * 15 + ["won"]
    assert len(store.records.history("Observation", id, OPEN, count=9)) == 2


def test_parallel_commits_of_one_idempotency_key_write_once(store, make) -> None:
    outcomes: list[str] = []

    def commit() -> None:
        key = IdempotencyKey("key", b"digest", b"reply")
        try:
            store.records.commit(make.creates(make.document(), idempotency_key=key))
            outcomes.append("won")
        except ReplayFound:
            outcomes.append("found")

    in_parallel(commit, 16)
    assert outcomes.count("won") == 1
    assert len(outcomes) == 16
    assert counts(store)["Observation"] == 1


def test_identifiers_that_are_configured_as_unique_are_given_once(
    database_uri, database_name, registry, make
) -> None:
    options = StoreOptions(registry=registry, unique_identifiers={"Patient": ("urn:ins",)})
    store = open_store(database_uri, database_name, options)
    try:
        first, same, other = (
            make.document(type="Patient", search=SearchEntries(token=(token,)))
            for token in ("identifier=urn:ins|1", "identifier=urn:ins|1", "identifier=urn:mrn|1")
        )
        store.records.commit(make.creates(first, other))
        store.records.commit(
            make.creates(make.document(type="Patient", search=SearchEntries(token=("identifier=urn:mrn|1",))))
        )
        with pytest.raises(FhirError) as error:
            store.records.commit(make.creates(same))
        assert situation(error) == "conflict"
        assert error.value.issues[0].expression == "Patient.identifier"
        with pytest.raises(FhirError) as error:
            changed = make.document(other.facts.id, 2, type="Patient", search=first.search)
            store.records.commit(UnitOfWork(OPEN, replaces=(Replace(changed, 1),)))
        assert situation(error) == "conflict"
    finally:
        store.close()


def test_an_unknown_type_is_refused(store, make) -> None:
    with pytest.raises(FhirError) as error:
        store.records.commit(make.creates(make.document(type="system")))
    assert situation(error) == "unknown-type"


def test_an_empty_unit_of_work_changes_nothing(store) -> None:
    before = counts(store)
    assert store.records.commit(UnitOfWork(OPEN)).attempts == 1
    assert counts(store) == before


def in_parallel(body, number: int) -> None:
    """Run `body` in `number` threads that begin together."""
    barrier = threading.Barrier(number)

    def run() -> None:
        barrier.wait()
        body()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
