"""The sequencer: every entry once under a signed checkpoint, whoever is killed wherever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson.int64 import Int64
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymongo import MongoClient

from fhir_server.access.batches import GAP_WAIT, Batch, Head, Span
from fhir_server.access.checkpoints import NO_CHECKPOINT, open_note
from fhir_server.access.merkle import EMPTY_ROOT, root_of
from fhir_server.model.audit import AuditEntry
from fhir_server.store.audit_check import Check, Report
from fhir_server.store.checkpoint_files import CheckpointFiles
from fhir_server.store.entries import audit_document
from fhir_server.store.ledger import MongoLedger
from fhir_server.store.open import Store
from fhir_server.store.sequencer import Sequencer
from tests.store.conftest import OPEN

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OLD = NOW - timedelta(minutes=1)
KEY = Ed25519PrivateKey.generate()


class Killed(BaseException):
    """What ends a process, as far as Python code can see it."""


@dataclass
class Log:
    """The access log of a test: entries of any worker and number, sequencers, and the check."""

    store: Store
    mongo: Any
    directory: Path
    alarms: list[str] = field(default_factory=list)

    def write(self, worker: str, *numbers: int, at: datetime = OLD) -> None:
        self.mongo.audit.insert_many([entry(worker, number, at) for number in numbers])

    def sequencer(self, ledger: MongoLedger | None = None, **more: Any) -> Sequencer:
        files = more.pop("files", CheckpointFiles(self.directory))
        return Sequencer(ledger or self.store.ledger, KEY, files, self.alarms.append, **more)

    def check(self, now: datetime = NOW, **more: Any) -> Report:
        copies = {copy.number: copy.note for copy in CheckpointFiles(self.directory).read()}
        return Check(self.store.ledger, [KEY.public_key()], copies, now, **more).run()


def entry(worker: str, number: int, at: datetime = OLD) -> dict[str, Any]:
    made = AuditEntry(
        id=f"{worker}-{number}", at=at, request_id=f"r{number}", actor=OPEN.actor, purpose="TREAT",
        interaction="read", status=200, owner="p1", entities=(f"Observation/{number}/_history/1",),
    )  # fmt: skip
    return audit_document(made, worker, number)


@pytest.fixture
def log(store: Store, database_uri: str, database_name: str, tmp_path: Path) -> Iterator[Log]:
    with MongoClient[dict[str, Any]](database_uri) as client:
        yield Log(store, client[database_name], tmp_path / "copies")


def taken(batches: Iterable[Batch]) -> list[tuple[str, int]]:
    return [
        (span.worker, number)
        for batch in batches
        for span in batch.spans
        for number in range(span.first, span.last + 1)
    ]


def all_batches(log: Log) -> list[Batch]:
    found: list[Batch] = []
    while batch := log.store.ledger.batch(len(found) + 1):
        found.append(batch)
    return found


def test_an_idle_log_has_no_batches(log: Log) -> None:
    assert log.sequencer().run(NOW) == 0
    assert log.store.ledger.last() is None
    assert not log.directory.exists()


def test_entries_are_taken_in_the_order_of_workers_and_numbers(log: Log) -> None:
    log.write("b", 2, 1, 3)
    log.write("a", 1)
    assert log.sequencer().run(NOW) == 4
    [batch] = all_batches(log)
    assert batch.spans == (Span("a", 1, 1), Span("b", 1, 3))
    checkpoint = open_note(batch.note, [KEY.public_key()])
    leaves = [logged.leaf for logged in log.store.ledger.within(batch.spans)]
    assert (checkpoint.size, checkpoint.root) == (4, root_of(leaves))
    assert checkpoint.previous == NO_CHECKPOINT
    assert checkpoint.root != EMPTY_ROOT


def test_each_checkpoint_follows_the_one_before(log: Log) -> None:
    sequencer = log.sequencer()
    for number in (1, 2, 3):
        log.write("a", number)
        assert sequencer.run(NOW + timedelta(seconds=5 * number)) == 1
    first, second, third = (open_note(batch.note, [KEY.public_key()]) for batch in all_batches(log))
    assert (second.previous, third.previous) == (first.digest(), second.digest())
    assert [one.size for one in (first, second, third)] == [1, 2, 3]
    assert log.check().findings == []


def test_a_new_sequencer_goes_on_where_another_stopped(log: Log) -> None:
    log.write("a", 1, 2)
    log.sequencer().run(NOW)
    log.write("a", 3)
    assert log.sequencer().run(NOW) == 1
    assert taken(all_batches(log)) == [("a", 1), ("a", 2), ("a", 3)]
    assert log.check().findings == []


def test_a_backlog_is_taken_in_batches_of_bounded_size(log: Log) -> None:
    log.write("a", *range(1, 26))
    assert log.sequencer(largest_batch=10).run(NOW) == 25
    assert [len(batch.hashes()) for batch in all_batches(log)] == [10, 10, 5]
    assert log.check().findings == []


def test_what_follows_a_missing_number_waits_for_a_while(log: Log) -> None:
    log.write("a", 1, at=NOW)
    log.write("a", 3, 4, at=NOW)
    sequencer = log.sequencer()
    assert sequencer.run(NOW) == 1
    log.write("a", 2, at=NOW)
    assert sequencer.run(NOW + GAP_WAIT / 2) == 3
    assert [batch.gaps for batch in all_batches(log)] == [(), ()]


def test_after_a_while_the_missing_number_is_a_gap(log: Log) -> None:
    log.write("a", 1, at=NOW)
    log.write("a", 4, at=NOW)
    sequencer = log.sequencer()
    assert sequencer.run(NOW) == 1
    assert sequencer.run(NOW + GAP_WAIT) == 1
    assert all_batches(log)[1].gaps == (Span("a", 2, 3),)
    report = log.check(NOW + timedelta(hours=1))
    assert report.findings == []
    assert report.missing == [Span("a", 2, 3)]


def test_an_entry_that_fills_a_gap_late_is_taken_late(log: Log) -> None:
    log.write("a", 1, 4)
    sequencer = log.sequencer()
    assert sequencer.run(NOW) == 2
    log.write("a", 3)
    log.write("b", 1)
    assert sequencer.run(NOW) == 2
    log.write("a", 2)
    assert log.sequencer().run(NOW) == 1, "a fresh one knows of the gap too"
    assert taken(all_batches(log)) == [("a", 1), ("a", 4), ("a", 3), ("b", 1), ("a", 2)]
    assert log.store.ledger.heads()["a"] == Head("a", 4)
    report = log.check()
    assert (report.findings, report.missing) == ([], [])


def test_a_number_far_away_is_a_gap_that_costs_nothing(log: Log) -> None:
    log.write("a", 1, 1 << 60)
    assert log.sequencer().run(NOW) == 2
    log.write("a", 2, 3, 5)
    assert log.sequencer().run(NOW) == 3
    assert log.store.ledger.heads()["a"].gaps == (Span("a", 4, 4), Span("a", 6, (1 << 60) - 1))


def test_entries_of_a_running_server_are_taken_whole(log: Log, make: Any) -> None:
    store = log.store
    for _ in range(20):
        store.audit.flush(store.audit.append(make.entry()))
        store.records.commit(make.creates(make.document(), audit=(make.entry(), make.entry())))
    store.audit.close()
    assert log.sequencer().run(NOW) == 60
    report = log.check()
    assert (report.entries, report.findings, report.missing, report.pending) == (60, [], [], 0)


def test_a_clock_that_is_set_back_does_not_set_the_log_back(log: Log) -> None:
    sequencer = log.sequencer()
    log.write("a", 1)
    sequencer.run(NOW)
    log.write("a", 2)
    sequencer.run(NOW - timedelta(hours=1))
    first, second = all_batches(log)
    assert second.time == first.time
    assert log.check().findings == []


@dataclass(frozen=True, slots=True)
class Dying(MongoLedger):
    """A ledger whose caller is killed at its `at`-th call, before or after the call is done."""

    at: int = 0
    after: bool = False
    calls: list[str] = field(default_factory=list)

    def _call(self, name: str, call: Callable[[], Any]) -> Any:
        self.calls.append(name)
        if len(self.calls) == self.at and not self.after:
            raise Killed
        result = call()
        if len(self.calls) == self.at:
            raise Killed
        return result

    def tips(self) -> Any:
        return self._call("tips", lambda: MongoLedger.tips(self))

    def heads(self) -> Any:
        return self._call("heads", lambda: MongoLedger.heads(self))

    def last(self) -> Any:
        return self._call("last", lambda: MongoLedger.last(self))

    def following(self, head: Head, limit: int) -> Any:
        return self._call("following", lambda: MongoLedger.following(self, head, limit))

    def add(self, batch: Batch, heads: Iterable[Head]) -> Any:
        return self._call("add", lambda: MongoLedger.add(self, batch, heads))

    def documents(self, first: int = 1, projection: Any = ()) -> Any:
        return self._call("documents", lambda: MongoLedger.documents(self, first, projection))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_sequencer_that_is_killed_at_any_step_leaves_every_entry_once(log: Log, after: bool) -> None:
    ledger = log.store.ledger
    written: list[tuple[str, int]] = []
    kills = 0
    for step in range(1, 60):
        for worker in "ab":
            log.write(worker, step)
            written.append((worker, step))
        dying = Dying(ledger.catalogue, ledger.transactions, at=step % 9 + 1, after=after)
        sequencer = log.sequencer(dying, largest_batch=2)
        try:
            sequencer.run(NOW)
            sequencer.run(NOW)
        except Killed:
            kills += 1
        if step % 7 == 0:
            log.sequencer().run(NOW)
    log.sequencer().run(NOW)
    assert kills > 30
    assert sorted(taken(all_batches(log))) == sorted(written)
    report = log.check()
    assert (report.entries, report.findings, report.pending) == (len(written), [], 0)
    copies = [copy.number for copy in CheckpointFiles(log.directory).read()]
    assert copies == [batch.number for batch in all_batches(log)]


def test_sequencers_that_run_at_once_take_every_entry_once(log: Log) -> None:
    stopped = threading.Event()
    failures: list[BaseException] = []

    def sequence() -> None:
        sequencer = log.sequencer(files=None, largest_batch=7)
        try:
            while not stopped.is_set():
                sequencer.run(NOW)
            sequencer.run(NOW)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=sequence) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 61):
        log.write("a", number)
        log.write("b", number)
    stopped.set()
    for thread in threads:
        thread.join()
    assert failures == []
    while log.sequencer().run(NOW):
        pass
    expected = [(worker, number) for worker in "ab" for number in range(1, 61)]
    assert sorted(taken(all_batches(log))) == expected
    assert log.check().findings == []


def test_a_line_cut_off_in_the_second_place_is_made_good(log: Log) -> None:
    log.write("a", 1)
    log.sequencer().run(NOW)
    [file] = log.directory.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    log.write("a", 2)
    log.sequencer().run(NOW)
    assert [copy.number for copy in CheckpointFiles(log.directory).read()] == [1, 2]
    assert file.read_bytes().startswith(whole[: len(whole) // 2] + b"\n")
    assert log.check().findings == []


def test_a_second_place_that_cannot_be_written_is_told_and_caught_up(log: Log) -> None:
    log.directory.write_text("in the way")
    sequencer = log.sequencer()
    log.write("a", 1)
    assert sequencer.run(NOW) == 1
    log.write("a", 2)
    assert sequencer.run(NOW) == 1
    assert len(log.alarms) == 1
    assert "cannot be written" in log.alarms[0]
    log.directory.unlink()
    sequencer.run(NOW)
    assert [copy.number for copy in CheckpointFiles(log.directory).read()] == [1, 2]


def test_the_second_place_has_a_file_for_each_day(log: Log) -> None:
    sequencer = log.sequencer()
    for day in range(3):
        log.write("a", day + 1)
        sequencer.run(NOW + timedelta(days=day))
    assert sorted(file.name for file in log.directory.iterdir()) == [
        f"checkpoints-2026-11-{day}.ndjson" for day in (22, 23, 24)
    ]


def test_a_database_that_went_back_is_told(log: Log) -> None:
    for number in (1, 2):
        log.write("a", number)
        log.sequencer().run(NOW)
    log.mongo.audit_batches.delete_one({"_id": 2})
    log.mongo.audit_workers.update_one({"_id": "a"}, {"$set": {"last": Int64(1)}})
    log.sequencer().run(NOW + timedelta(seconds=1))
    assert "rewritten or restored" in log.alarms[0]
    assert "copy-differs" in {finding.kind for finding in log.check().findings}


@pytest.mark.parametrize("change", [
    pytest.param({"note": "no note"}, id="note"),
    pytest.param({"frontier": b"short"}, id="frontier-cut"),
    pytest.param({"frontier": bytes(32)}, id="frontier-changed"),
    pytest.param({"spans": [["a", "1"]]}, id="spans"),
])  # fmt: skip
def test_a_damaged_last_batch_ends_the_work_and_is_told(log: Log, change: dict[str, Any]) -> None:
    log.write("a", 1)
    log.sequencer().run(NOW)
    log.mongo.audit_batches.update_one({"_id": 1}, {"$set": change})
    log.write("a", 2)
    assert log.sequencer().run(NOW) == 0
    assert "damaged" in log.alarms[0]
    assert {finding.batch for finding in log.check().findings} == {1}


@pytest.mark.parametrize("change", [
    pytest.param({"$unset": {"last": 1}}, id="lost"),
    pytest.param({"$set": {"last": "1"}}, id="no-number"),
    pytest.param({"$set": {"gaps": [["a"]]}}, id="no-span"),
])  # fmt: skip
def test_what_was_taken_of_a_worker_if_damaged_ends_the_work_and_is_told(
    log: Log, change: dict[str, Any]
) -> None:
    log.write("a", 1)
    log.sequencer().run(NOW)
    log.mongo.audit_workers.update_one({"_id": "a"}, change)
    log.write("a", 2)
    assert log.sequencer().run(NOW) == 0
    assert "damaged" in log.alarms[0]
    assert log.check().pending == 1
