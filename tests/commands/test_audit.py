"""`fhir-server audit`, and the verifier outside that reads what it exports."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from bson.int64 import Int64
from click.testing import CliRunner, Result
from pymongo import MongoClient

from conformance.verify.__main__ import main
from fhir_server.access.checkpoint_key import open_signing_key, public_pem
from fhir_server.access.merkle import is_consistent, leaf_hash
from fhir_server.cli import main as fhir_server
from fhir_server.store.checkpoint_files import CheckpointFiles
from fhir_server.store.open import Store
from fhir_server.store.sequencer import Sequencer
from tests.running import Running
from tests.store.test_ledger import NOW, entry

WAIT_S = 60


@dataclass
class Place:
    """A database with a sequenced log, its second place and its keys."""

    store: Store
    mongo: Any
    uri: str
    directory: Path

    @property
    def copies(self) -> Path:
        return self.directory / "copies"

    @property
    def public(self) -> Path:
        return self.directory / "public.pem"

    def write(self, worker: str, *numbers: int) -> None:
        self.mongo.audit.insert_many([entry(worker, number) for number in numbers])

    def sequence(self) -> None:
        key = open_signing_key(self.directory / "audit-key.pem")
        self.public.write_text(public_pem(key.public_key()))
        Sequencer(self.store.ledger, key, CheckpointFiles(self.copies), print).run(NOW)

    def run(self, *arguments: str, **more: str) -> Result:
        environment = {
            "FHIR_MONGODB_URI": self.uri, "FHIR_DATABASE": self.store.database,
            "FHIR_DATA_DIR": str(self.directory), "FHIR_AUDIT_EXPORT": str(self.copies), **more,
        }  # fmt: skip
        return CliRunner().invoke(fhir_server, ["audit", *arguments], env=environment)

    def export(self) -> Path:
        file = self.directory / "entries.ndjson"
        result = self.run("export", str(file))
        assert result.exit_code == 0, result.output
        return file

    def outside(self, *more: str) -> int:
        """Return the exit code of the verifier that is not ours."""
        return main(["--key", str(self.public), "--checkpoints", str(self.copies), *more])


@pytest.fixture
def place(store: Store, database_uri: str, database_name: str, tmp_path: Path) -> Iterator[Place]:
    with MongoClient[dict[str, Any]](database_uri) as client:
        made = Place(store, client[database_name], database_uri, tmp_path)
        made.write("a", 1, 2, 3)
        made.sequence()
        made.write("b", 1, 2)
        made.write("a", 4, 6)
        made.sequence()
        yield made


def test_verify_finds_nothing_in_an_untouched_log(place: Place) -> None:
    result = place.run("verify")
    assert result.exit_code == 0, result.output
    assert "7 entries in 2 batches, 0 findings." in result.output
    assert "Missing: 1 number(s) from 5 of worker a" in result.output


def test_verify_names_the_entry_that_was_changed(place: Place) -> None:
    place.mongo.audit.update_one({"_id": "a-2"}, {"$set": {"owner": "p2"}})
    text, tree = place.run("verify"), place.run("verify", "--json")
    assert (text.exit_code, tree.exit_code) == (1, 1)
    assert (
        "entry-altered: The entry a-2 (number 2 of worker a) is not what was put in batch 1." in text.output
    )
    [finding] = json.loads(tree.output)["findings"]
    assert (finding["kind"], finding["entry"], finding["batch"]) == ("entry-altered", "a-2", 1)


def test_verify_takes_keys_and_copies_from_elsewhere(place: Place) -> None:
    elsewhere = place.directory / "elsewhere"
    place.copies.rename(elsewhere)
    options = ("--copies", str(elsewhere), "--key", str(place.public))
    assert place.run("verify", *options).exit_code == 0
    assert place.run("verify", FHIR_AUDIT_EXPORT="").exit_code == 0
    assert "no second place" in place.run("verify", FHIR_AUDIT_EXPORT="").output
    stranger = place.directory / "stranger.pem"
    key = open_signing_key(place.directory / "other-key.pem")
    stranger.write_text(public_pem(key.public_key()))
    assert place.run("verify", "--copies", str(elsewhere), "--key", str(stranger)).exit_code == 1


@pytest.mark.parametrize(("arguments", "more", "reason"), [
    pytest.param(("verify", "--key", "absent.pem"), {}, "cannot be read", id="no-key"),
    pytest.param(("verify", "--copies", "absent"), {}, "no directory", id="no-copies"),
    pytest.param(("verify",), {"FHIR_MONGODB_URI": "nonsense"}, "FHIR_MONGODB_URI", id="no-database"),
    pytest.param(("checkpoints", "--prove", "9"), {}, "no batch 9", id="no-batch"),
    pytest.param(("export", "absent/entries.ndjson"), {}, "absent/entries.ndjson", id="no-file"),
    pytest.param(("key",), {"FHIR_AUDIT_KEY_FILE": "absent.pem"}, "cannot be read", id="no-key-to-print"),
])  # fmt: skip
def test_what_stands_in_the_way_is_said(
    place: Place, arguments: tuple[str, ...], more: dict[str, str], reason: str
) -> None:
    result = place.run(*arguments, **more)
    assert result.exit_code == 2
    assert reason in result.output


def test_the_key_is_printed_for_those_who_verify(place: Place) -> None:
    assert place.run("key").output == place.public.read_text()
    assert json.loads(place.run("key", "--json").output)["public_key"] == place.public.read_text()


def test_checkpoints_can_be_kept_by_somebody_else(place: Place) -> None:
    printed = place.run("checkpoints", "--json").output
    copied = "".join(file.read_text() for file in sorted(place.copies.iterdir()))
    assert list(map(json.loads, printed.splitlines())) == list(map(json.loads, copied.splitlines()))
    assert place.run("checkpoints", "--after", "1").output.count("batch ") == 1


def test_growth_since_a_checkpoint_is_proven(place: Place) -> None:
    from base64 import b64decode

    from fhir_server.access.checkpoints import read_note

    place.write("c", *range(1, 30))
    place.sequence()
    proof = json.loads(place.run("checkpoints", "--prove", "2").output)
    (old, _), (new, _) = (read_note(proof[side]["note"]) for side in ("old", "new"))
    path = [b64decode(step) for step in proof["path"]]
    assert (old.size, new.size) == (7, 36)
    assert is_consistent(old.size, new.size, old.root, new.root, path)


def test_the_verifier_outside_agrees_with_an_untouched_log(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place.export()
    assert file.stat().st_mode & 0o777 == 0o600
    assert place.outside("--entries", str(file)) == 0
    assert "2 checkpoints agree, 7 entries." in capsys.readouterr().out


@pytest.mark.parametrize(("change", "said"), [
    pytest.param({"_id": "a-2", "set": {"at": NOW}}, "entry a-2 (number 2 of worker a) was altered", id="edit"),
    pytest.param({"_id": "b-2", "delete": True}, "entry (number 2 of worker b) is gone", id="deletion"),
    pytest.param({"_id": "b-2", "set": {"n": Int64(3)}}, "is gone", id="another-number"),
    pytest.param({"insert": {"_id": "twin", "worker": "a", "n": Int64(1)}}, "that another one has", id="twin"),
])  # fmt: skip
def test_the_verifier_outside_names_what_was_done(
    place: Place, change: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "set" in change:
        place.mongo.audit.update_one({"_id": change["_id"]}, {"$set": change["set"]})
    elif "insert" in change:
        place.mongo.audit.insert_one(change["insert"])
    else:
        place.mongo.audit.delete_one({"_id": change["_id"]})
    assert place.outside("--entries", str(place.export())) == 1
    assert said in capsys.readouterr().out


def test_the_verifier_outside_finds_a_rewritten_database(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.mongo.audit.delete_one({"_id": "a-1"})
    for collection in ("audit_batches", "audit_workers"):
        place.mongo[collection].delete_many({})
    key = open_signing_key(place.directory / "audit-key.pem")
    Sequencer(place.store.ledger, key, None, print).run(NOW)
    assert place.outside("--entries", str(place.export())) == 1
    assert "do not give the root of checkpoint 1" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["drop", "swap", "forge", "edit"])
def test_the_verifier_outside_follows_the_chain(place: Place, damage: str) -> None:
    [file] = place.copies.iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    if damage == "drop":
        del lines[0]
    elif damage == "swap":
        lines.reverse()
    elif damage == "edit":
        lines[1]["note"] = lines[1]["note"].replace("\n7\n", "\n8\n")
    else:
        lines[1]["note"] = lines[1]["note"][:-8] + "AAAA" + lines[1]["note"][-4:]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert place.outside() == 1


def test_the_verifier_outside_holds_a_proof_against_a_checkpoint(place: Place) -> None:
    proof = place.store.ledger.proof("b-2")
    assert proof is not None
    answer = {
        "parameter": [
            {"name": "index", "valueInteger": proof.index},
            {"name": "leaf", "valueBase64Binary": b64encode(leaf_hash(proof.canonical)).decode()},
            *({"name": "path", "valueBase64Binary": b64encode(step).decode()} for step in proof.path),
            {"name": "checkpoint", "valueString": proof.note},
            {"name": "entry", "valueBase64Binary": b64encode(proof.canonical).decode()},
        ]
    }
    file = place.directory / "proof.json"

    def outcome(index: int, key: str, value: Any) -> int:
        changed = [dict(part) for part in answer["parameter"]]
        changed[index][key] = value
        file.write_text(json.dumps({"parameter": changed}))
        return place.outside("--proof", str(file))

    assert outcome(0, "valueInteger", proof.index) == 0
    assert outcome(0, "valueInteger", proof.index - 1) == 1
    assert outcome(1, "valueBase64Binary", b64encode(bytes(32)).decode()) == 1
    assert outcome(2, "valueBase64Binary", b64encode(bytes(32)).decode()) == 1
    assert outcome(-2, "valueString", proof.note.replace("batch 2", "batch 3")) == 1
    assert outcome(-1, "valueBase64Binary", b64encode(b'{"_id":"s:other"}').decode()) == 1


MALFORMED = {
    "no-object": "[]",
    "a-text": '"index"',
    "no-json": "{",
    "too-deep": "[" * 100_000,
    "nothing-in-it": "{}",
    "no-entry": '{"index": 7, "batch": 3, "worker": "a", "number": 7, "leaf": ""}',
    "no-leaf": '{"index": 7, "batch": 3, "worker": "a", "number": 7, "entry": {}}',
    "leaf-no-base64": '{"index": 7, "batch": 3, "worker": "a", "number": 7, "leaf": "!", "entry": {}}',
    "worker-no-text": '{"worker": ["a"], "number": 7, "entry": {}}',
    "name-twice": '{"worker": "a", "number": 7, "number": 8, "entry": {}}',
}


@pytest.mark.parametrize("name", MALFORMED)
def test_the_verifier_outside_names_a_line_that_it_cannot_read(
    place: Place, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place.export()
    with file.open("a") as handle:
        handle.write(MALFORMED[name] + "\n")
    assert place.outside("--entries", str(file)) == 1
    assert "line 8 of the entries is not of the form" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [
    pytest.param("[]", id="no-object"), pytest.param("{}", id="no-parameters"),
    pytest.param('{"parameter": [{}]}', id="no-name"), pytest.param('{"parameter": [{"name": "leaf"}]}', id="no-value"),
    pytest.param('{"parameter": [{"name": "leaf", "valueBase64Binary": "AA=="}]}', id="half"),
    pytest.param('{"parameter": 1}', id="a-number"), pytest.param("{", id="no-json"),
])  # fmt: skip
def test_the_verifier_outside_refuses_what_is_no_proof(
    place: Place, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place.directory / "proof.json"
    file.write_text(answer)
    assert place.outside("--proof", str(file)) == 1
    assert "the proof is not of the form" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "no json\n", '{"number": 1}\n'])
def test_the_verifier_outside_does_not_agree_with_nothing(
    place: Place, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place.export()
    [copies] = place.copies.iterdir()
    copies.write_text(text)
    assert place.outside("--entries", str(file)) == 1
    assert "nothing was verified" in capsys.readouterr().out


@pytest.mark.parametrize("note", ["null", "7", '""', '"a\\n\\n"'])
def test_the_verifier_outside_refuses_a_note_of_another_form(place: Place, note: str) -> None:
    [copies] = place.copies.iterdir()
    with copies.open("a") as handle:
        handle.write(f'{{"number": 3, "note": {note}}}\n')
    assert place.outside() == 1


def test_a_served_log_is_under_checkpoints_within_seconds(
    database_uri: str, database_name: str, tmp_path: Path
) -> None:
    environment = {
        "FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": database_name,
        "FHIR_DATA_DIR": str(tmp_path / "data"), "FHIR_AUDIT_EXPORT": str(tmp_path / "copies"),
    }  # fmt: skip
    files = CheckpointFiles(tmp_path / "copies")
    with Running(environment=environment) as server:
        for _ in range(3):
            with urlopen(f"{server.url}/Patient") as answer:
                assert answer.status == 200
        deadline = time.monotonic() + WAIT_S
        while files.last() is None and time.monotonic() < deadline:
            threading.Event().wait(0.1)
    assert files.last() is not None
    result = CliRunner().invoke(fhir_server, ["audit", "verify", "--json"], env=environment)
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert report["entries"] + report["pending"] == 3
    assert report["entries"] > 0


def test_an_open_server_without_these_settings_makes_no_key(
    database_uri: str, database_name: str, tmp_path: Path
) -> None:
    environment = {
        "FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": database_name, "FHIR_DATA_DIR": str(tmp_path / "data"),
    }  # fmt: skip
    with Running(environment=environment):
        pass
    assert not (tmp_path / "data").exists()
