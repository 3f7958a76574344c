"""The access log: durable before `flush` returns, numbered without gaps, in commits and outside them."""

from __future__ import annotations

import pytest
from pymongo import MongoClient

from fhir_server.model.outcome import FhirError
from fhir_server.model.unit_of_work import Replace, UnitOfWork, VersionConflict
from fhir_server.store.entries import Numbers
from fhir_server.store.manifests import unpack
from tests.store.conftest import OPEN
from tests.store.test_commit import in_parallel


@pytest.fixture
def log(database_uri, database_name):
    """What somebody else finds in the log, as durable as it gets."""
    with MongoClient(database_uri, readConcernLevel="majority") as client:
        yield lambda: list(client[database_name].audit.find())


def test_a_flushed_entry_is_durable(store, make, log) -> None:
    entry = make.entry(entities=("Observation/1/_history/1",))
    store.audit.flush(store.audit.append(entry))
    (written,) = log()
    assert written["_id"] == entry.id
    assert written["actor"] == {"kind": "open", "identity": "open"}
    assert unpack(written["entities"]) == ("Observation/1/_history/1",)


def test_close_writes_what_waits(store, make, log) -> None:
    for _ in range(50):
        store.audit.append(make.entry())
    store.audit.close()
    assert len(log()) == 50
    with pytest.raises(FhirError):
        store.audit.append(make.entry())


def test_entries_of_many_threads_are_numbered_without_a_gap(store, make, log) -> None:
    def work() -> None:
        for _ in range(5):
            store.audit.flush(store.audit.append(make.entry()))
            store.records.commit(make.creates(make.document(), audit=(make.entry(), make.entry())))
            with pytest.raises(VersionConflict):
                refused = Replace(make.document("absent", 2), 1)
                store.records.commit(UnitOfWork(OPEN, replaces=(refused,), audit=(make.entry(),)))

    in_parallel(work, 8)
    store.audit.close()
    written = log()
    assert len({one["worker"] for one in written}) == 1
    numbers = sorted(one["n"] for one in written)
    # A number that was given back is used by the next entry; the last ones may have found no next entry.
    missing = set(range(1, numbers[-1] + 1)) - set(numbers)
    assert len(numbers) == 8 * 5 * 3
    assert len(missing) <= 8


def test_numbers_that_are_given_back_are_taken_first() -> None:
    numbers = Numbers("w")
    first = numbers.take(3)
    numbers.give_back(first[1:])
    assert (first, numbers.take(3)) == ([1, 2, 3], [2, 3, 4])


def test_an_entry_that_cannot_be_written_fails_its_flush(store, make) -> None:
    entry = make.entry()
    store.audit.flush(store.audit.append(entry))
    again = store.audit.append(entry)
    with pytest.raises(FhirError) as error:
        store.audit.flush(again)
    assert error.value.issues[0].situation == "database-unavailable"


def test_flush_takes_only_tickets(store) -> None:
    with pytest.raises(TypeError):
        store.audit.flush("ticket")
