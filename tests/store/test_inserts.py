"""Inserts within a transaction take the shorter way, and are part of it: all or nothing, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError

from fhir_server.store.connection import DurableDatabase, connect
from fhir_server.store.inserts import FEW, LARGEST, insert_all
from fhir_server.store.lines import Lines
from fhir_server.store.transactions import Transactions
from tests.store.broken_line import BrokenLine

Put = Callable[..., None]


class End(Exception):
    """Ends a transaction."""


class Two:
    """Two collections; what is asked of them by the shorter way passes a line that can break."""

    def __init__(self, line: BrokenLine, database: DurableDatabase) -> None:
        self.line = line
        self._database = database
        self._transactions = Transactions(database.client)
        for name in ("first", "second"):
            database.create_collection(name)

    def commit(self, body: Callable[[Put], None]) -> int:
        """Run a body, called with what puts documents into a collection; return the attempts."""

        def within(session: ClientSession) -> None:
            body(lambda name, documents: insert_all(self._database[name], documents, session))

        return self._transactions.run(within)

    def ids(self, name: str) -> list[Any]:
        """Return what is there, in order."""
        return sorted(one["_id"] for one in self._database[name].find({}, {"_id": 1}))


@pytest.fixture
def two(tmp_path: Path, database_uri: str, database_name: str) -> Iterator[Two]:
    line = BrokenLine(database_uri, tmp_path)
    client = connect(database_uri)
    lines = Lines(str(line.path), database_name)
    yield Two(line, DurableDatabase(client, database_name, lines))
    lines.close()
    client.close()
    line.close()


@pytest.mark.parametrize("breaks", [1, 2])
def test_an_insert_whose_answer_was_lost_is_committed_once(two: Two, breaks: int) -> None:
    def body(put: Put) -> None:
        put("first", [{"_id": 1}])
        put("second", [{"_id": 2}, {"_id": 3}])
        put("first", [{"_id": 4}])

    two.line.word, two.line.breaks = b"insert", breaks
    assert two.commit(body) == 1 + breaks
    assert two.line.breaks == 0, "the command went the shorter way"
    assert (two.ids("first"), two.ids("second")) == ([1, 4], [2, 3])


def test_what_is_aborted_leaves_nothing(two: Two) -> None:
    def body(put: Put) -> None:
        put("first", [{"_id": 1}])
        put("second", [{"_id": 2}])
        raise End

    with pytest.raises(End):
        two.commit(body)
    assert (two.ids("first"), two.ids("second")) == ([], [])


def test_an_id_that_is_there_ends_the_transaction_with_its_place(two: Two) -> None:
    def body(put: Put) -> None:
        put("first", [{"_id": 1}])
        put("second", [{"_id": 2}, {"_id": 3}, {"_id": 2}])

    with pytest.raises(BulkWriteError) as error:
        two.commit(body)
    (failed,) = error.value.details["writeErrors"]
    assert (failed["index"], failed["code"], list(failed["keyPattern"])) == (2, 11000, ["_id"])
    assert (two.ids("first"), two.ids("second")) == ([], [])


@pytest.mark.parametrize(
    ("count", "bytes_each"),
    [
        pytest.param(FEW, 10, id="few"),
        pytest.param(300, 2_000, id="many in one command"),
        pytest.param(1_001, 10, id="more than one command of ours has"),
        pytest.param(20, LARGEST - 100, id="more bytes than one command of ours has"),
        pytest.param(2, 2 * LARGEST, id="large"),
    ],
)
def test_any_number_of_documents_of_any_size_is_inserted(two: Two, count: int, bytes_each: int) -> None:
    documents = [
        RawBSONDocument(bson.encode({"_id": number, "text": "x" * bytes_each})) for number in range(count)
    ]

    def body(put: Put) -> None:
        put("first", [{"_id": -1}])
        put("second", documents)

    two.commit(body)
    assert two.ids("second") == list(range(count))
