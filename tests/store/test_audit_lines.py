"""The access log on the shorter way: grouped, durable, and written once whatever breaks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.model.outcome import FhirError
from fhir_server.store.audit import MongoAuditSink
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.connection import DurableDatabase, connect
from fhir_server.store.entries import Numbers
from fhir_server.store.indexes import IndexPlan
from fhir_server.store.lines import Lines
from fhir_server.store.transactions import Transactions
from tests.store.broken_line import BrokenLine
from tests.store.test_lines import database_that_says, reply


@contextmanager
def log_over(path: str, uri: str, name: str, registry: Any) -> Iterator[MongoAuditSink]:
    """Give a log whose entries go to the socket `path`, and by the driver to the database of `uri`."""
    client = connect(uri)
    lines = Lines(path, name)
    catalogue = Catalogue(DurableDatabase(client, name, lines), IndexPlan(registry, frozenset(), {}))
    catalogue.open()
    sink = MongoAuditSink(catalogue, Numbers(), Transactions(client))
    try:
        yield sink
    finally:
        sink.close()
        lines.close()
        client.close()


def test_an_entry_whose_answer_was_lost_is_there_once(
    tmp_path: Path, database_uri: str, database_name: str, registry: Any, make: Any
) -> None:
    line = BrokenLine(database_uri, tmp_path)
    try:
        with log_over(str(line.path), database_uri, database_name, registry) as log:
            line.word, line.breaks = b"insert", 1
            entries = [make.entry() for _ in range(3)]
            for ticket in [log.append(entry) for entry in entries]:
                log.flush(ticket)
            assert line.breaks == 0, "the command was sent"
    finally:
        line.close()
    with MongoClient[dict[str, Any]](database_uri, readConcernLevel="majority") as client:
        written = client.get_database(database_name)["audit"].find()
        assert sorted(one["_id"] for one in written) == sorted(entry.id for entry in entries)


def test_what_waits_while_one_writes_is_written_together_and_durably(
    tmp_path: Path, database_uri: str, database_name: str, registry: Any, make: Any
) -> None:
    asked: list[dict[str, Any]] = []
    begun, go = threading.Event(), threading.Event()

    def scripted(number: int, command: dict[str, Any]) -> bytes:
        asked.append(command)
        begun.set()
        assert go.wait(60)
        return reply(number, {"ok": 1.0, "n": len(command["documents"])})

    with (
        database_that_says(tmp_path / "s", scripted) as there,
        log_over(there, database_uri, database_name, registry) as log,
    ):
        threads = [threading.Thread(target=log.flush, args=(log.append(make.entry()),))]
        threads[0].start()
        assert begun.wait(60)
        waiting = [log.append(make.entry()) for _ in range(4)]
        threads += [threading.Thread(target=log.flush, args=(ticket,)) for ticket in waiting]
        for thread in threads[1:]:
            thread.start()
        go.set()
        for thread in threads:
            thread.join()
    assert [len(command["documents"]) for command in asked] == [1, 4]
    assert [command["writeConcern"] for command in asked] == [{"w": "majority", "j": True}] * 2


def test_entries_too_many_for_one_command_are_all_written(
    database_uri: str, database_name: str, store: Any, make: Any
) -> None:
    entries = [replace(make.entry(), request=f"GET Observation?code={'1' * 20_000}") for _ in range(1_000)]
    tickets = [store.audit.append(entry) for entry in entries]
    for ticket in tickets:
        store.audit.flush(ticket)
    with MongoClient[dict[str, Any]](database_uri, readConcernLevel="majority") as client:
        written = client.get_database(database_name)["audit"].find({}, {"_id": 1})
        assert sorted(one["_id"] for one in written) == sorted(entry.id for entry in entries)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"writeErrors": [{"index": 0, "code": 11000, "errmsg": ""}]}, id="not-written"),
        pytest.param({"writeConcernError": {"code": 64, "errmsg": ""}}, id="not-durable"),
    ],
)
def test_an_entry_that_is_not_durable_fails_every_flush(
    tmp_path: Path, database_uri: str, database_name: str, registry: Any, make: Any, told: dict[str, Any]
) -> None:
    def scripted(number: int, command: dict[str, Any]) -> bytes:
        return reply(number, {"ok": 1.0, "n": 0, **told})

    with (
        database_that_says(tmp_path / "s", scripted) as there,
        log_over(there, database_uri, database_name, registry) as log,
    ):
        for ticket in [log.append(make.entry()) for _ in range(2)]:
            with pytest.raises(FhirError):
                log.flush(ticket)


def test_what_nobody_flushes_is_written_by_itself(
    database_uri: str, database_name: str, store: Any, make: Any
) -> None:
    with MongoClient[dict[str, Any]](database_uri) as client:
        audit = client.get_database(database_name)["audit"]
        deadline = monotonic() + 60
        for number in range(1, 4):
            store.audit.append(make.entry())
            while audit.count_documents({}) < number or not store.audit._sleeps:
                assert monotonic() < deadline
                threading.Event().wait(0.01)
