"""`fhir-server reindex`, on a database whose entries are wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient

from fhir_server.app import CONTEXT, STORE, close_app, create_app
from fhir_server.commands.reindex import reindex
from fhir_server.commands.reindexing.progress import Progress, ProgressRefused
from fhir_server.commands.reindexing.reindex_run import reindex_all
from fhir_server.model.view import View
from tests.http.calls import BASE, bundle, entry, observation, patient, send
from tests.http.conftest import settings_of

Documents = dict[str, Any]


@pytest.fixture
def app(database_uri: str, database_name: str) -> Iterator[Flask]:
    made = create_app(settings_of(database_uri, database_name))
    yield made
    close_app(made)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of a server with 30 Patients and an Observation for each."""
    client = app.test_client()
    made = [entry("PUT", f"Patient/p{n}", patient(f"p{n}", birthDate=f"19{n + 10}-01-01")) for n in range(30)]
    made += [entry("PUT", f"Observation/o{n}", observation(f"Patient/p{n}", f"o{n}")) for n in range(30)]
    assert send(client, "POST", "", bundle("transaction", *made)).status_code == 200
    return client


def stored(uri: str, name: str, collection: str) -> list[Documents]:
    with MongoClient[Documents](uri) as mongo:
        return list(mongo[name][collection].find({}).sort("_id", 1))


def spoil(uri: str, name: str) -> None:
    """Make the entries wrong, as an older server would have written them."""
    with MongoClient[Documents](uri) as mongo:
        for collection in ("Patient", "Observation"):
            changed = {"search.token": ["old=1"], "search.residual": ["old=2"], "visibility": 99}
            mongo[name][collection].update_many({}, {"$set": changed})


def run(uri: str, name: str, *args: str) -> Result:
    environment = {"FHIR_MONGODB_URI": uri, "FHIR_DATABASE": name, "FHIR_BASE_URL": BASE}
    return CliRunner().invoke(reindex, args, env=environment)


def test_entries_become_what_they_were_and_nothing_else_changes(
    client: FlaskClient, database_uri: str, database_name: str
) -> None:
    before = {name: stored(database_uri, database_name, name) for name in ("Patient", "Observation")}
    spoil(database_uri, database_name)
    code = "/Observation?code=http://loinc.org|8310-5&_summary=count"
    assert send(client, "GET", code).get_json()["total"] == 0
    result = run(database_uri, database_name, "--json", "--batch", "7")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["resources"] == {"Observation": 30, "Patient": 30}
    assert {name: stored(database_uri, database_name, name) for name in before} == before
    assert send(client, "GET", code).get_json()["total"] == 30
    assert stored(database_uri, database_name, "Patient_history") == []


def test_a_server_says_that_it_needs_a_reindex_until_all_types_are_done(
    client: FlaskClient, database_uri: str, database_name: str
) -> None:
    with MongoClient[Documents](database_uri) as mongo:
        mongo[database_name]["meta"].update_one({"_id": "entries"}, {"$set": {"number": 1}})
    later = create_app(settings_of(database_uri, database_name))
    try:
        ready = later.test_client()
        assert ready.get("/readyz").get_json() == {"status": "ok", "reindex": "needed"}
        assert run(database_uri, database_name, "Patient").exit_code == 0
        assert ready.get("/readyz").get_json() == {"status": "ok", "reindex": "needed"}
        assert run(database_uri, database_name).exit_code == 0
        assert ready.get("/readyz").get_json() == {"status": "ok"}
    finally:
        close_app(later)


def test_only_the_named_types_are_reindexed(
    client: FlaskClient, database_uri: str, database_name: str
) -> None:
    spoil(database_uri, database_name)
    result = run(database_uri, database_name, "Patient")
    assert result.exit_code == 0
    assert "Patient: 30" in result.output
    assert {one["visibility"] for one in stored(database_uri, database_name, "Observation")} == {99}


def test_a_stopped_run_goes_on_where_it_was(
    app: Flask, client: FlaskClient, database_uri: str, database_name: str, tmp_path: Path
) -> None:
    spoil(database_uri, database_name)
    context, store, file = app.extensions[CONTEXT], app.extensions[STORE], tmp_path / "progress"
    stopped, seen = threading.Event(), list[int]()

    def told(_type: str, count: int) -> None:
        seen.append(count)
        if len(seen) == 2:
            stopped.set()

    done = reindex_all(
        store.records, context.indexer, View.unrestricted("reindex"), ["Observation", "Patient"],
        Progress.open(file, database_name), batch=10, until=datetime(2100, 1, 1, tzinfo=UTC), stopped=stopped, told=told,
    )  # fmt: skip
    assert (done, seen) == (False, [10, 10])
    result = run(database_uri, database_name, "--json", "--resume", str(file))
    assert json.loads(result.stdout)["resources"] == {"Observation": 10, "Patient": 30}
    assert not file.exists()
    assert {one["visibility"] for one in stored(database_uri, database_name, "Observation")} == {0}


def test_what_is_written_meanwhile_is_left_alone(
    app: Flask, client: FlaskClient, database_uri: str, database_name: str
) -> None:
    context, store = app.extensions[CONTEXT], app.extensions[STORE]

    def told(_type: str, _count: int) -> None:
        for n in range(30):
            assert send(client, "PUT", f"/Patient/p{n}", patient(f"p{n}", active=True)).status_code == 200

    before = datetime.now(UTC)
    done = reindex_all(
        store.records, context.indexer, View.unrestricted("reindex"), ["Patient"],
        Progress(database_name), batch=10, until=before, stopped=threading.Event(), told=told,
    )  # fmt: skip
    assert done
    assert send(client, "GET", "/Patient?active=true&_summary=count").get_json()["total"] == 30


@pytest.mark.parametrize(("args", "said"), [
    pytest.param(["Nothing"], "Nothing", id="unknown-type"),
    pytest.param(["--batch", "0"], "batch", id="no-batch"),
])  # fmt: skip
def test_a_wrong_call_is_refused(database_uri: str, database_name: str, args: list[str], said: str) -> None:
    result = run(database_uri, database_name, *args)
    assert result.exit_code == 2
    assert said in result.output


def test_progress_of_another_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "progress"
    Progress.open(file, "one").reached("Patient", None)
    with pytest.raises(ProgressRefused):
        Progress.open(file, "two")
    file.write_text("{}")
    with pytest.raises(ProgressRefused):
        Progress.open(file, "one")
