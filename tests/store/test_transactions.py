"""Attempts, pauses and lost answers of a transaction."""

from __future__ import annotations

import pytest
from pymongo.errors import OperationFailure

from fhir_server.model.outcome import FhirError
from fhir_server.store.open import StoreOptions, open_store
from fhir_server.store.transactions import ATTEMPTS, LONGEST_PAUSE_S, Transactions, TryAgain
from tests.store.broken_line import BrokenLine


class Failing:
    """A body that fails as often as it is told to, then writes."""

    def __init__(self, collection, times: int, error: Exception) -> None:
        self.collection, self.left, self.error = collection, times, error

    def __call__(self, session) -> None:
        self.collection.insert_one({}, session=session)
        if self.left:
            self.left -= 1
            raise self.error


def transient() -> OperationFailure:
    return OperationFailure("x", 112, {"errorLabels": ["TransientTransactionError"]})


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def transactions(store, pauses) -> Transactions:
    return Transactions(store.client, random=lambda: 0.5, pause=pauses.append)


@pytest.mark.parametrize("error", [transient(), TryAgain()], ids=["driver", "own"])
def test_transient_errors_are_tried_again_and_leave_nothing(store, transactions, pauses, error) -> None:
    collection = store.catalogue.service("jobs")
    collection.database.create_collection("jobs")
    assert transactions.run(Failing(collection, 3, error)) == 4
    assert collection.count_documents({}) == 1
    assert len(pauses) == 3 and pauses == sorted(pauses)


def test_other_errors_end_it(store, transactions) -> None:
    collection = store.catalogue.service("jobs")
    collection.database.create_collection("jobs")
    for error in (ValueError("x"), OperationFailure("x", 112)):
        with pytest.raises(type(error)):
            transactions.run(Failing(collection, 1, error))
    assert collection.count_documents({}) == 0


def test_attempts_are_bounded(store, transactions, pauses) -> None:
    collection = store.catalogue.service("jobs")
    collection.database.create_collection("jobs")
    with pytest.raises(FhirError) as error:
        transactions.run(Failing(collection, ATTEMPTS + 1, transient()))
    assert error.value.issues[0].situation == "overloaded"
    assert len(pauses) == ATTEMPTS and max(pauses) <= LONGEST_PAUSE_S


@pytest.fixture
def line(database_uri, database_name, registry, tmp_path):
    """A store whose line to the database can be broken."""
    broken = BrokenLine(database_uri, tmp_path)
    store = open_store(broken.uri, database_name, StoreOptions(registry=registry))
    yield store, broken
    store.close()
    broken.close()


@pytest.mark.parametrize("word", [b"commitTransaction", b"insert"])
@pytest.mark.parametrize("breaks", [1, 2])
def test_an_answer_that_was_lost_writes_once(line, make, word: bytes, breaks: int) -> None:
    store, broken = line
    store.catalogue.ensure("Observation")
    broken.word, broken.breaks = word, breaks
    store.records.commit(make.creates(make.document(), audit=(make.entry(),)))
    assert broken.breaks == 0
    counted = [store.catalogue.service(name).count_documents({}) for name in ("Observation", "audit")]
    assert counted == [1, 1]


def test_a_read_whose_answer_was_lost_is_asked_again(line, make, view) -> None:
    store, broken = line
    document = make.document()
    store.records.commit(make.creates(document))
    broken.word, broken.breaks = b"find", 1
    assert store.records.read("Observation", document.facts.id, view) is not None
    assert broken.breaks == 0
