"""Verifying the access log: whatever was done to it before the last checkpoint is found and named."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import bson
import pytest
from bson.binary import Binary
from bson.int64 import Int64
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fhir_server.access.batches import WINDOW
from fhir_server.access.checkpoints import open_note, sign_checkpoint
from fhir_server.store.audit_check import Check, Finding, Period
from fhir_server.store.canonical_entry import canonical_bytes
from fhir_server.store.checkpoint_files import CheckpointFiles
from tests.store.test_ledger import KEY, NOW, OLD, Log, entry, log

__all__ = ["log"]

LATER = NOW + timedelta(hours=1)
SEQUENCED_S = 5
FORGED = "forged-"


def filled(log: Log, batches: int = 4, each: int = 6) -> None:
    """Write entries of two workers, whose last batch is well before LATER."""
    sequencer = log.sequencer()
    for batch in range(batches):
        at = NOW + timedelta(minutes=10 * batch)
        for worker in "ab":
            log.write(worker, *range(batch * each + 1, (batch + 1) * each + 1), at=at)
        sequencer.run(at + timedelta(seconds=SEQUENCED_S))


def found(log: Log, **more: Any) -> list[Finding]:
    return log.check(LATER, **more).findings


def named(log: Log) -> set[tuple[str, str | None, int | None]]:
    return {(finding.kind, finding.worker, finding.number) for finding in found(log)}


def test_a_log_that_nobody_touched_has_no_findings(log: Log) -> None:
    filled(log)
    report = log.check(LATER)
    assert (report.batches, report.entries, report.findings, report.pending) == (4, 48, [], 0)
    assert report.last is not None
    assert report.last.size == 48


def places(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return the path of everything within a document, and what stands there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(path, value)] if path else []
    for key, part in inner:
        found += places(part, f"{path}.{key}" if path else str(key))
    return found


OTHERS = ("", "x", 0, 1, Int64(1), 1.5, True, None, b"", b"x", Binary(b"x", 5), [], {}, ["x"], {"x": "y"},
          NOW, bson.ObjectId("0" * 24), bson.Decimal128("1"), bson.Regex("x"), bson.Timestamp(1, 1))  # fmt: skip


def edit(log: Log, victim: dict[str, Any], chance: random.Random) -> None:
    """Change one field, at any depth, to another value or type; or add or remove one."""
    path, old = chance.choice([place for place in places(victim) if place[0] != "_id"])
    kind = chance.choice(["set", "unset", "add"])
    if kind == "unset" and not path.rpartition(".")[2].isdigit():
        change: dict[str, Any] = {"$unset": {path: ""}}
    elif kind == "add":
        change = {"$set": {"added": chance.choice(OTHERS)}}
    else:
        other = chance.choice(
            [value for value in OTHERS if bson.encode({"": value}) != bson.encode({"": old})]
        )
        change = {"$set": {path: other}}
    log.mongo.audit.update_one({"_id": victim["_id"]}, change)


def delete(log: Log, victim: dict[str, Any], chance: random.Random) -> None:
    log.mongo.audit.delete_one({"_id": victim["_id"]})


def replace(log: Log, victim: dict[str, Any], chance: random.Random) -> None:
    """The same content under another id."""
    log.mongo.audit.delete_one({"_id": victim["_id"]})
    log.mongo.audit.insert_one({**victim, "_id": FORGED + victim["_id"]})


def swap(log: Log, victim: dict[str, Any], chance: random.Random) -> None:
    """The content of the neighbour, under the own id and number."""
    other = log.mongo.audit.find_one({"_id": {"$ne": victim["_id"]}})
    log.mongo.audit.replace_one(
        {"_id": victim["_id"]}, {**other, "_id": victim["_id"], "worker": victim["worker"], "n": victim["n"]}
    )


TAMPERINGS = (edit, edit, edit, delete, replace, swap)


@pytest.mark.parametrize("seed", range(6))
def test_tampering_of_any_kind_with_any_field_is_found_and_named(log: Log, seed: int) -> None:
    chance = random.Random(seed)
    filled(log)
    originals = list(log.mongo.audit.find())
    for _ in range(25):
        victims = chance.sample(originals, chance.choice([1, 1, 2, 3]))
        for victim in victims:
            chance.choice(TAMPERINGS)(log, victim, chance)
        now = {one["_id"]: one for one in log.mongo.audit.find()}
        expected = {
            (victim["worker"], victim["n"])
            for victim in victims
            if bson.encode(now.get(victim["_id"], {})) != bson.encode(victim)
        }
        findings = [one for one in found(log) if one.batch is not None]
        assert {(one.worker, one.number) for one in findings} == expected
        ids = [victim["_id"] for victim in victims]
        ids += [FORGED + id for id in ids]
        assert {one.entry for one in found(log)} <= {None, *ids}
        log.mongo.audit.delete_many({"_id": {"$in": ids}})
        log.mongo.audit.insert_many(victims)
        assert found(log) == []


def test_the_order_of_fields_is_not_content(log: Log) -> None:
    filled(log)
    one = log.mongo.audit.find_one()
    log.mongo.audit.replace_one({"_id": one["_id"]}, dict(reversed(one.items())))
    assert found(log) == []


def test_two_entries_that_changed_places_are_both_named(log: Log) -> None:
    filled(log)
    for number, temporary in ((2, -2), (3, 2), (-2, 3)):
        log.mongo.audit.update_one({"worker": "a", "n": number}, {"$set": {"n": Int64(temporary)}})
    assert named(log) == {("entry-altered", "a", 2), ("entry-altered", "a", 3)}


@pytest.mark.parametrize("change", [
    pytest.param({"worker": "stranger"}, id="of-a-new-worker"),
    pytest.param({"n": Int64(1_000)}, id="after-the-last-number"),
    pytest.param({"n": Int64(-1)}, id="before-the-first-number"),
    pytest.param({"n": Int64(3)}, id="of-a-number-that-is-taken"),
    pytest.param({"n": 1_000}, id="of-a-number-of-another-type"),
    pytest.param({"n": 2.5}, id="between-two-numbers"),
    pytest.param({"worker": 7}, id="of-no-worker"),
    pytest.param({"worker": ["a"], "n": Int64(1_000)}, id="of-a-list-of-workers"),
    pytest.param({"at": "yesterday", "n": Int64(1_000)}, id="without-an-instant"),
])  # fmt: skip
def test_an_entry_that_was_put_in_later_is_found(log: Log, change: dict[str, Any]) -> None:
    filled(log)
    log.mongo.audit.insert_one({**entry("a", 1, OLD), "_id": "forged", **change})
    findings = found(log)
    assert {(finding.kind, finding.entry) for finding in findings} == {("entry-inserted", "forged")}


def test_an_old_entry_that_the_sequencer_took_later_is_found(log: Log) -> None:
    sequencer = log.sequencer()
    log.write("a", 1, at=NOW)
    sequencer.run(NOW)
    sequencer.run(NOW + WINDOW * 4)
    log.write("a", 2, at=NOW + WINDOW * 2)
    log.write("a", 3, at=NOW + WINDOW * 4)
    sequencer.run(NOW + WINDOW * 4 + timedelta(seconds=5))
    assert {(finding.kind, finding.entry) for finding in found(log)} == {("entry-late", "a-2")}


def test_an_entry_from_the_future_is_found(log: Log) -> None:
    log.write("a", 1, at=NOW + WINDOW * 2)
    log.sequencer().run(NOW)
    assert {(finding.kind, finding.entry) for finding in found(log)} == {("entry-late", "a-1")}


def test_entries_after_the_last_checkpoint_are_pending(log: Log) -> None:
    filled(log)
    log.write("a", 25, 26, at=LATER)
    report = log.check(LATER + timedelta(hours=1))
    assert (report.findings, report.pending, report.oldest_pending) == ([], 2, LATER)


BATCH_CHANGES = {
    "leaves": lambda batch: {"leaves": batch["leaves"][:-1] + bytes([batch["leaves"][-1] ^ 1])},
    "swapped-leaves": lambda batch: {"leaves": batch["leaves"][32:64] + batch["leaves"][:32] + batch["leaves"][64:]},
    "fewer-leaves": lambda batch: {"leaves": batch["leaves"][:-32]},
    "frontier": lambda batch: {"frontier": bytes(len(batch["frontier"]))},
    "size": lambda batch: {"size": Int64(batch["size"] + 1)},
    "time": lambda batch: {"time": batch["time"] + timedelta(seconds=1)},
    "since": lambda batch: {"since": batch["since"] - timedelta(seconds=1)},
    "gaps": lambda batch: {"gaps": [["a", Int64(3), Int64(3)]]},
    "note": lambda batch: {"note": batch["note"].replace("batch ", "batch 1")},
    "signature": lambda batch: {"note": batch["note"][:-10] + "AAAAAA==\n"},
    "note-type": lambda batch: {"note": 7},
    "no-spans": lambda batch: {"spans": None},
}  # fmt: skip


@pytest.mark.parametrize("what", BATCH_CHANGES)
def test_a_batch_that_was_changed_is_named(log: Log, what: str) -> None:
    filled(log)
    batch = log.mongo.audit_batches.find_one({"_id": 2})
    log.mongo.audit_batches.update_one({"_id": 2}, {"$set": BATCH_CHANGES[what](batch)})
    findings = [finding for finding in found(log) if finding.kind != "entry-unproven"]
    assert findings
    named = {finding.batch for finding in findings}
    # Where what is kept of the tree is lost, the next batch cannot be told to be right either.
    assert 2 in named
    assert named <= {2, 3}


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_batch_that_is_gone_is_named(log: Log, number: int) -> None:
    filled(log)
    log.mongo.audit_batches.delete_one({"_id": number})
    assert ("batch-missing", number) in {(finding.kind, finding.batch) for finding in found(log)}


def test_a_tail_that_is_gone_shows_without_a_second_place(log: Log) -> None:
    filled(log)
    log.mongo.audit_batches.delete_one({"_id": 4})
    log.mongo.audit.delete_many({"n": {"$gt": 18}})
    findings = Check(log.store.ledger, [KEY.public_key()], None, LATER).run().findings
    assert {(finding.kind, finding.worker) for finding in findings} == {
        ("batch-missing", "a"), ("batch-missing", "b"),
    }  # fmt: skip


def test_a_database_rewritten_by_a_holder_of_the_key_differs_from_its_copy(log: Log) -> None:
    filled(log)
    log.mongo.audit.delete_one({"worker": "b", "n": 24})
    for collection in ("audit_batches", "audit_workers"):
        log.mongo[collection].delete_many({})
    rewriter = log.sequencer(files=None)
    rewriter.run(LATER)
    findings = found(log)
    assert {finding.batch for finding in findings if finding.kind == "copy-differs"} == {1}
    assert {finding.batch for finding in findings if finding.kind == "batch-missing"} == {2, 3, 4}
    alone = Check(log.store.ledger, [KEY.public_key()], None, LATER).run()
    assert alone.findings == [], "only the second place can tell"


def test_another_key_is_no_signature(log: Log) -> None:
    filled(log, batches=1)
    stranger = Ed25519PrivateKey.generate()
    batch = log.store.ledger.batch(1)
    assert batch is not None
    forged = sign_checkpoint(open_note(batch.note, [KEY.public_key()]), stranger)
    log.mongo.audit_batches.update_one({"_id": 1}, {"$set": {"note": forged}})
    assert {finding.kind for finding in found(log)} == {"signature", "copy-differs"}


def test_a_checkpoint_that_the_second_place_lost_is_named(log: Log) -> None:
    filled(log)
    [file] = log.directory.iterdir()
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:1] + lines[2:]))
    assert {(finding.kind, finding.batch) for finding in found(log)} == {("copy-missing", 2)}
    assert [copy.number for copy in CheckpointFiles(log.directory).read()] == [1, 3, 4]


def test_entries_outside_the_period_are_not_looked_at(log: Log) -> None:
    filled(log)
    for number in (1, 24):
        log.mongo.audit.update_one({"worker": "a", "n": number}, {"$set": {"owner": "other"}})
    middle = NOW + timedelta(minutes=15)
    first, last = (found(log, period=period) for period in (Period(before=middle), Period(since=middle)))
    assert [finding.number for finding in first] == [1]
    assert [finding.number for finding in last] == [24]


def test_what_is_hidden_in_bytes_that_cannot_be_read_changes_the_canonical_form() -> None:
    plain = bson.encode({"_id": "x", "text": "ab"})
    broken = plain.replace(b"ab\x00", b"\xff\xfe\x00")
    twice = bson.encode({"text": "cd", "tex_": "ab"}).replace(b"tex_", b"text")
    written = [canonical_bytes(one) for one in (plain, broken, twice)]
    assert written[0] == b'{"_id":"s:x","text":"s:ab"}'
    assert written[1].startswith(b'"o:')
    assert written[2].startswith(b'"o:')


@pytest.mark.parametrize(("value", "text"), [
    pytest.param("a\"é", '"s:a\\"é"', id="string"),
    pytest.param(7, '"i:7"', id="int32"),
    pytest.param(Int64(7), '"l:7"', id="int64"),
    pytest.param(1.5, '"d:3ff8000000000000"', id="double"),
    pytest.param(NOW, '"t:1795348800000"', id="instant"),
    pytest.param(b"\x00\xff", '"b:00:AP8="', id="binary"),
    pytest.param(Binary(b"\x01", 5), '"b:05:AQ=="', id="binary-of-a-subtype"),
    pytest.param(True, "true", id="true"),
    pytest.param(None, "null", id="null"),
    pytest.param({"b": 1, "a": [Int64(1), "i:1"]}, '{"a":["l:1","s:i:1"],"b":"i:1"}', id="nested"),
    pytest.param(bson.ObjectId("0" * 24), '"o:' + bson.encode({"": bson.ObjectId("0" * 24)}).hex() + '"', id="other"),
])  # fmt: skip
def test_the_canonical_form_says_every_type(value: Any, text: str) -> None:
    assert canonical_bytes(bson.encode({"v": value})).decode() == '{"v":' + text + "}"
