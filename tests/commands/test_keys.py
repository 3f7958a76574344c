"""`fhir-server keys`: what it prints, what it changes, how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fhir_server.commands.keys import keys
from fhir_server.settings import SettingsRefused, read_settings
from tests.store.conftest import OPEN, Make
from tests.store.sealed import SealedDatabase, sealed_database


@pytest.fixture
def sealed(database_uri: str, database_name: str, tmp_path: Path) -> Iterator[SealedDatabase]:
    with sealed_database(database_uri, database_name, "directory", tmp_path) as made:
        yield made


def run(sealed: SealedDatabase, *arguments: str, sealing: str = "on", input: str | None = None) -> Result:
    environment = {
        "FHIR_MONGODB_URI": sealed.uri,
        "FHIR_DATABASE": sealed.name,
        "FHIR_SEALING": sealing,
        "FHIR_KEY_VAULT": sealed.vault,
        "FHIR_KEY_MASTER_FILE": str(sealed.master_file),
    }
    return CliRunner().invoke(keys, arguments, env=environment, input=input)


def reported(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_what_is_from_before_is_sealed_and_the_state_says_so(sealed: SealedDatabase) -> None:
    make = Make()
    with sealed.open(sealed=False) as plain:
        plain.records.commit(make.creates(make.document(), make.document(owner="p2")))
    before = reported(run(sealed, "status", "--json"))
    assert (before["unsealed"], before["complete"]) == ({"Observation": 2}, False)
    assert reported(run(sealed, "seal", "--json")) == {"done": True, "sealed": {"Observation": 2}}
    after = reported(run(sealed, "status", "--json"))
    assert (after["unsealed"], after["complete"]) == ({}, True)
    assert sum(after["persons_by_master"].values()) == 2


def test_a_new_master_key_is_made_and_used(sealed: SealedDatabase) -> None:
    make = Make()
    with sealed.open() as store:
        store.records.commit(make.creates(make.document()))
    report = reported(run(sealed, "rotate", "--generate", "--json"))
    assert report["rewrapped"] == 1
    state = reported(run(sealed, "status", "--json"))
    assert state["persons_by_master"] == {report["master"]: 1}
    assert reported(run(sealed, "rotate", "--json"))["rewrapped"] == 0


def test_the_key_of_one_person_is_rotated(sealed: SealedDatabase) -> None:
    make = Make()
    document = make.document()
    with sealed.open() as store:
        store.records.commit(make.creates(document, make.document(owner="p2")))
        assert reported(run(sealed, "rotate", "--person", "p1", "--json"))["sealed"] == {"Observation": 1}
        assert store.records.read("Observation", document.facts.id, OPEN) is not None


def test_a_person_is_destroyed_once_it_is_confirmed(sealed: SealedDatabase) -> None:
    make = Make()
    document = make.document()
    with sealed.open() as store:
        store.records.commit(make.creates(document))
        assert run(sealed, "destroy", "p1", input="n\n").exit_code == 1
        assert store.records.read("Observation", document.facts.id, OPEN) is not None
        assert reported(run(sealed, "destroy", "p1", "--yes", "--json")) == {"destroyed": True, "deleted": 1}
        assert store.records.read("Observation", document.facts.id, OPEN) is None
    state = reported(run(sealed, "status", "--json"))
    assert (state["destroyed"], state["destroyed_not_erased"]) == (1, 0)


@pytest.mark.parametrize("arguments", [
    pytest.param(("destroy", "nobody", "--yes"), id="destroy"),
    pytest.param(("rotate", "--person", "nobody"), id="rotate"),
])  # fmt: skip
def test_a_person_without_keys_is_refused(sealed: SealedDatabase, arguments: tuple[str, ...]) -> None:
    result = run(sealed, *arguments)
    assert result.exit_code == 2
    assert "no keys of a person" in result.stderr


@pytest.mark.parametrize("arguments", ["status", "seal", "rotate"])
def test_without_sealing_there_are_no_keys(sealed: SealedDatabase, arguments: str) -> None:
    result = run(sealed, arguments, sealing="off")
    assert result.exit_code == 2
    assert "FHIR_SEALING is off" in result.stderr


@pytest.mark.parametrize(("given", "fault"), [
    pytest.param({}, "needs FHIR_KEY_VAULT", id="no-vault"),
    pytest.param({"FHIR_KEY_VAULT": "/v"}, "needs FHIR_KEY_MASTER_FILE", id="no-master"),
    pytest.param({"FHIR_NATIVE_TYPES": "*"}, "FHIR_NATIVE_TYPES", id="native-types"),
    pytest.param(
        {"FHIR_DATA_DIR": "/d", "FHIR_KEY_VAULT": "/d/v"}, "lies within FHIR_DATA_DIR", id="one-backup"
    ),
    pytest.param(
        {"FHIR_KEY_VAULT": "/v", "FHIR_KEY_MASTER_FILE": "/v/m"}, "lies within FHIR_KEY_VAULT", id="one-place"
    ),
])  # fmt: skip
def test_settings_that_contradict_sealing_are_refused(given: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsRefused, match=fault):
        read_settings({"FHIR_SEALING": "on", **given})
