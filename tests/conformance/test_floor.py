"""The floor on a real MongoDB: the same documents, the same indexes, and durable writes of the same shape."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import DESCENDING, MongoClient, monitoring

from conformance.load.embedded import embedded_uri, is_mongod
from conformance.load.exchange import Exchange, tape
from conformance.load.floor.app import Floor
from conformance.load.floor.control import floor
from conformance.load.floor.database import connected, copy, drop, mongod_of, storage
from conformance.load.floor.documents import clones, new_id
from conformance.load.floor.settings import FloorSettings
from conformance.load.generate import generate
from conformance.load.probe import probe
from conformance.load.seed import Planted, Seed
from conformance.load.target import LoadRefused
from conformance.load.workload import workload_table
from conformance.load.wsgi_server import ProcessModel
from fhir_server.store.embedded import Embedded

Document = dict[str, Any]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOKENS = [("owner", 1), ("search.token", 1), ("search.sort.date", -1), ("seq", -1), ("visibility", 1)]

DATES = [("owner", 1), ("search.sort.date", -1), ("seq", -1), ("visibility", 1)]


def entries(resource: dict[str, Any], names: dict[str, str]) -> Document:
    """What a server keeps of a generated resource for the searches of the mixes."""
    if resource["resourceType"] != "Observation":
        return {"token": [], "sort": {"date": NOON}}
    codings = [("code", resource["code"]), *(("category", each) for each in resource["category"])]
    tokens = [f"{name}={c['system']}|{c['code']}" for name, concept in codings for c in concept["coding"]]
    tokens.append(f"encounter={names[resource['encounter']['reference']]}")
    return {"token": tokens, "sort": {"date": datetime.fromisoformat(resource["effectiveDateTime"])}}


def document(number: int, owner: str, code: str) -> Document:
    resource = {"resourceType": "Observation", "id": f"obs-{number}", "valueInteger": number}
    return {
        "_id": f"obs-{number}",
        "version": 1,
        "updated": NOON,
        "seq": number,
        "deleted": False,
        "owner": owner,
        "visibility": 0,
        "search": {
            "token": [f"code=http://loinc.org|{code}"],
            "sort": {"date": NOON + timedelta(days=number)},
        },
        "body": json.dumps(resource),
    }


@pytest.fixture
def client(database_uri: str) -> Iterator[MongoClient[Document]]:
    with MongoClient[Document](database_uri) as opened:
        yield opened


@pytest.fixture
def source(client: MongoClient[Document], database_name: str) -> str:
    """A database as a server leaves it: 30 Observations of one code, 5 of another, their patient."""
    found = client[database_name]
    found["Observation"].insert_many(document(n, "pat", "1-1" if n < 30 else "2-2") for n in range(35))
    found["Observation"].create_index(TOKENS, name="owner_token")
    found["Observation"].create_index(
        [("updated", DESCENDING)], name="partial", partialFilterExpression={"deleted": False}
    )
    found["Patient"].insert_one(
        {**document(0, "pat", "x"), "_id": "pat", "body": '{"resourceType":"Patient"}'}
    )
    found["audit"].insert_one({"action": "read"})
    return database_name


@pytest.fixture
def copied(database_uri: str, source: str) -> Iterator[str]:
    name = f"{source}_floor"
    copy(database_uri, source, name)
    yield name
    drop(database_uri, name)


@pytest.fixture
def watched(database_uri: str, copied: str) -> Iterator[tuple[Floor, list[tuple[str, Any]]]]:
    """The view over the copy, and the commands that it sends."""
    commands: list[tuple[str, Any]] = []

    class Watch(monitoring.CommandListener):
        def started(self, event: monitoring.CommandStartedEvent) -> None:
            commands.append((event.command_name, event.command))

        def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

        def failed(self, event: monitoring.CommandFailedEvent) -> None: ...

    places = [("Patient", "pat"), *(("Observation", f"obs-{n}") for n in range(10))]
    settings = FloorSettings(database_uri, copied, creates=places[1:], transactions=[places])
    view = Floor(MongoClient(database_uri, event_listeners=[Watch()]), settings)
    commands.clear()
    yield view, commands
    view.close()


def ask(view: Floor, method: str, path: str, query: str = "", item: int | None = None) -> tuple[str, Any]:
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/fhir" + path,
        "QUERY_STRING": query,
        "wsgi.input": io.BytesIO(b"{}"),
        **({"HTTP_LOAD_ITEM": str(item)} if item is not None else {}),
    }
    said: list[str] = []
    body = b"".join(view(environ, lambda status, headers: said.append(status)))
    return said[0], json.loads(body)


def test_copy_has_the_same_documents_and_indexes(
    client: MongoClient[Document], source: str, copied: str
) -> None:
    assert sorted(client[copied].list_collection_names()) == ["Observation", "Patient"]
    for name in ("Observation", "Patient"):
        before, after = client[source][name], client[copied][name]
        assert list(after.find().sort("_id")) == list(before.find().sort("_id"))
        assert after.index_information() == before.index_information()


def test_database_without_resources_is_refused(database_uri: str, database_name: str) -> None:
    with pytest.raises(LoadRefused, match="holds no resources"):
        copy(database_uri, database_name, f"{database_name}_floor")


def test_unreachable_database_is_refused_without_its_uri() -> None:
    uri = "mongodb://someone:secret@127.0.0.1:1/"

    with pytest.raises(LoadRefused) as refusal, connected(uri, selection_ms=50) as client:
        client.admin.command("ping")

    assert "secret" not in str(refusal.value)


def test_read_is_one_command_by_id(watched: tuple[Floor, list[tuple[str, Any]]]) -> None:
    view, commands = watched

    assert ask(view, "GET", "/Observation/obs-3") == (
        "200 OK",
        {"resourceType": "Observation", "id": "obs-3", "valueInteger": 3},
    )
    assert [(name, command["filter"]) for name, command in commands] == [("find", {"_id": "obs-3"})]
    assert ask(view, "GET", "/Observation/none")[0] == "404 Not Found"


def test_page_has_the_newest_20_through_the_index_of_tokens(
    watched: tuple[Floor, list[tuple[str, Any]]],
) -> None:
    view, commands = watched
    query = "patient=pat&code=http%3A%2F%2Floinc.org%7C1-1&_sort=-date&_count=20"

    status, bundle = ask(view, "GET", "/Observation", query)

    assert status == "200 OK"
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == [f"obs-{n}" for n in range(29, 9, -1)]
    name, command = commands[-1]
    assert (name, command["hint"], command["limit"]) == ("find", "owner_token", 21)


@pytest.mark.parametrize(
    ("query", "found", "index"),
    [
        pytest.param("patient=pat&_count=3", ["obs-34", "obs-33", "obs-32"], "owner_date", id="all"),
        pytest.param(
            "patient=pat&date=ge2026-01-03&date=lt2026-01-05&_count=20", ["obs-3", "obs-2"],
            "owner_date", id="dates",
        ),
        pytest.param(
            "patient=pat&code=http%3A%2F%2Floinc.org%7C1-1&date=ge2026-01-29&_count=20",
            ["obs-29", "obs-28"], "owner_token", id="code-and-date",
        ),
    ],
)  # fmt: skip
def test_searches_of_the_mix_are_one_command_each(
    watched: tuple[Floor, list[tuple[str, Any]]],
    client: MongoClient[Document],
    copied: str,
    query: str,
    found: list[str],
    index: str,
) -> None:
    client[copied]["Observation"].create_index(DATES, name="owner_date")
    view, commands = watched
    _, bundle = ask(view, "GET", "/Observation", query)
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == found
    name, command = commands[-1]
    assert (name, command["hint"]) == ("find", index)


def test_a_total_is_counted_by_the_index(watched: tuple[Floor, list[tuple[str, Any]]]) -> None:
    view, commands = watched
    query = "patient=pat&code=http%3A%2F%2Floinc.org%7C1-1&_summary=count"
    _, bundle = ask(view, "GET", "/Observation", query)
    name, command = commands[-1]
    assert (name, command["hint"]) == ("count", "owner_token")
    assert bundle["total"] == 30


def test_create_writes_one_durable_document_of_the_same_shape(
    watched: tuple[Floor, list[tuple[str, Any]]], client: MongoClient[Document], copied: str
) -> None:
    view, commands = watched

    status, _ = ask(view, "POST", "/Observation", item=4)

    ((name, command),) = commands
    assert (status, name) == ("201 Created", "insert")
    assert command["writeConcern"] == {"w": "majority", "j": True}
    (made,) = client[copied]["Observation"].find({"updated": {"$gt": NOON}})
    sample = client[copied]["Observation"].find_one({"_id": "obs-4"})
    assert sample is not None
    assert list(made) == list(sample)
    assert {key for key in made if made[key] != sample[key]} == {"_id", "updated", "seq"}


def test_transaction_moves_the_record_to_a_new_person_in_one_commit(
    watched: tuple[Floor, list[tuple[str, Any]]], client: MongoClient[Document], copied: str
) -> None:
    view, commands = watched

    status, answer = ask(view, "POST", "", item=0)

    assert status == "200 OK"
    assert len(answer["entry"]) == 11
    assert [name for name, _ in commands] == ["insert", "insert", "commitTransaction"]
    assert commands[-1][1]["writeConcern"] == {"w": "majority", "j": True}
    made = list(client[copied]["Observation"].find({"updated": {"$gt": NOON}}))
    (person,) = client[copied]["Patient"].find({"updated": {"$gt": NOON}})
    assert len({found["_id"] for found in made}) == 10
    assert {found["owner"] for found in (*made, person)} == {person["_id"]}


def test_clone_keeps_an_owner_outside_the_samples_and_none() -> None:
    made = clones(
        [("Observation", document(1, "pat", "1-1")), ("Organization", {"_id": "org", "owner": None})]
    )

    assert made["Observation"][0]["owner"] == "pat"
    assert made["Organization"][0]["owner"] is None


def test_ids_are_uuids_of_version_7_that_grow() -> None:
    import uuid

    made = [uuid.UUID(new_id()) for _ in range(50)]

    assert {(found.version, found.variant) for found in made} == {(7, uuid.RFC_4122)}
    assert len(set(made)) == 50
    assert [found.int >> 80 for found in made] == sorted(found.int >> 80 for found in made)


def test_mongod_is_named_with_its_process(database_uri: str) -> None:
    found = mongod_of(database_uri)

    assert found.version.count(".") >= 2
    assert is_mongod(found.pid)


def test_embedded_database_is_found_by_its_data_directory(embedded: Embedded, tmp_path: Path) -> None:
    assert mongod_of(embedded_uri(tmp_path / "data")).pid == embedded.pid


def test_storage_counts_documents_and_index_bytes(database_uri: str, source: str) -> None:
    found = {entry.collection: entry for entry in storage(database_uri, source)}

    assert set(found) == {"Observation", "Patient"}
    assert found["Observation"].documents == 35
    assert set(found["Observation"].indexes) == {"_id_", "owner_token", "partial"}
    assert found["Observation"].index_bytes == sum(found["Observation"].indexes.values()) > 0


def test_running_floor_serves_every_paired_workload_and_leaves_nothing(
    database_uri: str, client: MongoClient[Document], database_name: str, tmp_path: Path
) -> None:
    (bundle,) = generate(1)
    places = tuple((entry["resource"]["resourceType"], f"r-{n}") for n, entry in enumerate(bundle.entries))
    for (name, resource_id), entry in zip(places, bundle.entries, strict=True):
        resource = entry["resource"]
        stored = {**document(1, "r-0", ""), "_id": resource_id, "body": json.dumps(resource)}
        names = {e["fullUrl"]: f"{kind}/{id}" for e, (kind, id) in zip(bundle.entries, places, strict=True)}
        stored["search"] = entries(resource, names)
        client[database_name][name].insert_one(stored)
    for name in ("Observation", "Encounter"):
        client[database_name][name].create_index(TOKENS)
        client[database_name][name].create_index(DATES)
    seed = Seed((Planted(bundle, places),), ())

    with floor(database_uri, database_name, seed, ProcessModel(1, 2), tmp_path) as (target, process):
        for workload in workload_table().values():
            if workload.paired:
                exchanges = workload.exchanges(seed)
                assert tape(exchanges, target)
                for exchange in exchanges[: workload.kinds]:
                    probe(target, exchange)
        pid = process.pid

    assert not Path(f"/proc/{pid}").exists()
    assert [name for name in client.list_database_names() if name.startswith(f"{database_name}_")] == []


def test_exchange_without_a_path_is_the_base_itself() -> None:
    from conformance.load.exchange import render
    from conformance.load.target import Target

    sent = render(Exchange("POST", "", b"{}", item=3), Target("t", "127.0.0.1", 8080, "/fhir"))

    assert sent.data.startswith(b"POST /fhir HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n")
    assert b"\r\nLoad-Item: 3\r\n" in sent.data
    assert sent.data.endswith(b"\r\nContent-Length: 2\r\nLoad-Item: 3\r\n\r\n{}")
