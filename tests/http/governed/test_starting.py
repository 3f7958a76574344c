"""A server does not start over a database whose facts it would misread."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from fhir_server.app import close_app, create_app
from fhir_server.cli import main
from fhir_server.settings import Settings, SettingsRefused
from tests.governed import Governed
from tests.http.calls import BASE, patient, send
from tests.http.governed.conftest import MakeGoverned
from tests.http.governed.labelled import MASK, observation

Start = Callable[..., Flask]


@pytest.fixture
def start(database_uri: str, database_name: str, tmp_path: Path) -> Iterator[Start]:
    """Start a server over the one database of a test, and stop it."""
    made: list[Flask] = []

    def one(**chosen: Any) -> Flask:
        fixed = {"mongodb_uri": database_uri, "database": database_name, "base_url": BASE}
        made.append(create_app(Settings(**{**fixed, "data_dir": tmp_path, **chosen})))
        return made[-1]

    yield one
    for app in made:
        close_app(app)


def fill(app: Flask, *labels: dict[str, str]) -> None:
    client = app.test_client()
    assert send(client, "PUT", "/Patient/p1", patient("p1")).status_code == 201
    assert send(client, "POST", "/Observation", observation("p1", *labels)).status_code == 201


def reindexed(uri: str, name: str, *arguments: str, **environment: str) -> Result:
    fixed = {"FHIR_MONGODB_URI": uri, "FHIR_DATABASE": name, "FHIR_BASE_URL": BASE, "FHIR_POLICY": "fr"}
    return CliRunner().invoke(main, ["reindex", *arguments], env={**fixed, **environment})


def test_an_open_server_does_not_disregard_choices_unless_it_is_told_to(
    make_governed: MakeGoverned, start: Start
) -> None:
    governed: Governed = make_governed()
    governed.enrol("p1")
    governed.block("p1")
    with pytest.raises(SettingsRefused, match="FHIR_DISREGARD_CHOICES"):
        start(open=True)
    start(open=True, disregard_choices="on")


def test_a_governed_server_starts_over_what_was_written_openly_once_it_is_classified(
    start: Start, database_uri: str, database_name: str
) -> None:
    fill(start(open=True))
    with pytest.raises(SettingsRefused, match="fhir-server reindex"):
        start(policy="fr")
    some = reindexed(database_uri, database_name, "Observation", "--json")
    assert json.loads(some.stdout)["resources"] == {"Observation": 1}
    with pytest.raises(SettingsRefused, match="fhir-server reindex"):
        start(policy="fr")
    assert reindexed(database_uri, database_name).exit_code == 0
    start(policy="fr")
    start(open=True)
    with pytest.raises(SettingsRefused, match="fhir-server reindex"):
        start(policy="fr")


def test_what_says_a_label_that_nobody_knew_is_never_governed(
    start: Start, database_uri: str, database_name: str
) -> None:
    fill(start(open=True), MASK)
    refused = reindexed(database_uri, database_name)
    assert (refused.exit_code, "1 resources say a label" in refused.stderr) == (2, True)
    with pytest.raises(SettingsRefused, match="fhir-server reindex"):
        start(policy="fr")


def test_a_policy_with_other_classes_does_not_start_before_a_reindex(
    make_governed: MakeGoverned, start: Start, database_uri: str, database_name: str, tmp_path: Path
) -> None:
    make_governed().enrol("p1")
    shipped = Path(__file__).parents[3] / "policy"
    text = (shipped / "fr.toml").read_text("utf-8")
    before = '"http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R" = 1'
    assert before in text, "the test changes a level that the policy has"
    changed = tmp_path / "changed.toml"
    changed.write_text(text.replace(before, before.replace("= 1", "= 2")), "utf-8")
    for file in shipped.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(SettingsRefused, match="fhir-server reindex"):
        start(policy=str(changed))
    assert reindexed(database_uri, database_name, FHIR_POLICY=str(changed)).exit_code == 0
    start(policy=str(changed))
    start(policy=str(changed))
