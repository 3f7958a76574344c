"""What can be wrong with a database, each in one precise sentence that holds no secret."""

from __future__ import annotations

import subprocess
import time

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from fhir_server.store.connection import StoreRefused, connect, not_permitted, unsuitable
from fhir_server.store.mongod import find_mongod

SECRET = "hush-4711"


def refusal(uri: str) -> str:
    with pytest.raises(StoreRefused) as error:
        connect(uri, selection_ms=300)
    assert SECRET not in str(error.value)
    assert error.value.__cause__ is None
    return str(error.value)


@pytest.fixture(scope="module")
def standalone(tmp_path_factory):
    """A mongod without a replica set, behind a unix socket."""
    folder = tmp_path_factory.mktemp("standalone")
    socket = folder / "mongodb-27017.sock"
    process = subprocess.Popen(
        [str(find_mongod()), "--dbpath", str(folder), "--bind_ip", str(socket), "--unixSocketPrefix", str(folder),
         "--wiredTigerCacheSizeGB", "0.25", "--logpath", str(folder / "log"), "--quiet"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    host = str(socket).replace("/", "%2F")
    deadline = time.monotonic() + 60
    with MongoClient(f"mongodb://{host}/?directConnection=true", serverSelectionTimeoutMS=60_000) as client:
        while time.monotonic() < deadline:
            try:
                client.admin.command("ping")
                break
            except PyMongoError:
                continue
    yield host
    process.kill()
    process.wait()


def test_a_standalone_is_refused_with_the_way_out(standalone: str) -> None:
    for query in ("", "?replicaSet=rs0", "?directConnection=true"):
        assert "--replSet" in refusal(f"mongodb://{standalone}/{query}")


def test_a_host_that_does_not_answer_is_named_as_such() -> None:
    message = refusal(f"mongodb://user:{SECRET}@127.0.0.1:9/?replicaSet=rs0")
    assert message.startswith("No MongoDB answers at FHIR_MONGODB_URI")


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("", id="empty"),
        pytest.param(f"http://user:{SECRET}@localhost", id="scheme"),
        pytest.param(f"mongodb://user:{SECRET}@@host:port/", id="unescaped"),
        pytest.param(f"mongodb://localhost:70000/?password={SECRET}", id="port"),
        pytest.param("mongodb://localhost/?w=majority&connectTimeoutMS=soon", id="option"),
    ],
)
def test_what_is_no_connection_string_is_refused(uri: str) -> None:
    refusal(uri)


def test_another_name_of_the_replica_set_is_explained(database_uri: str) -> None:
    message = refusal(database_uri.replace("replicaSet=fhir", "replicaSet=other"))
    assert "'fhir'" in message and "replicaSet=" in message


def test_a_wrong_password_is_refused(database_uri: str) -> None:
    message = refusal(database_uri.replace("mongodb://", f"mongodb://nobody:{SECRET}@"))
    assert "password" in message


@pytest.mark.parametrize(
    ("code", "expected"),
    [(13, "readWrite"), (18, "password"), (999, "999")],
)
def test_what_is_not_permitted_is_explained(code: int, expected: str) -> None:
    assert expected in not_permitted(OperationFailure(SECRET, code))


@pytest.mark.parametrize(
    ("hello", "version", "expected"),
    [
        pytest.param({"setName": "rs0"}, [6, 0, 5, 0], None, id="replica-set"),
        pytest.param({"msg": "isdbgrid"}, [8, 0, 0, 0], None, id="router-of-a-sharded-cluster"),
        pytest.param({"setName": "rs0"}, [5, 3, 9, 0], "MongoDB 5.3 is too old", id="too-old"),
        pytest.param({}, [7, 0, 0, 0], "standalone", id="standalone"),
    ],
)
def test_what_a_server_has_to_be(hello, version, expected) -> None:
    reason = unsuitable(hello, version)
    assert reason is None if expected is None else expected in (reason or "")


def test_a_uri_cannot_weaken_the_write_concern(database_uri: str, database_name: str) -> None:
    from fhir_server.store.connection import durable_database

    client = connect(database_uri + "&w=0&journal=false&readConcernLevel=local")
    try:
        database = durable_database(client, database_name)
        assert database.write_concern.document == {"w": "majority", "j": True}
        assert database.read_concern.level == "majority"
    finally:
        client.close()
