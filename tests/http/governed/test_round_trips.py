"""What a governed request asks of the database, counted on the wire."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient, monitoring

from fhir_server.app import close_app
from tests.governed import Governed, Speaker
from tests.http.governed.conftest import governed_server
from tests.store.wire import Wire

LOINC = "http://loinc.org"
REVOCATIONS = "tokens"
"""Read once in a while for all requests of a process."""


@pytest.fixture(scope="module")
def database() -> str:
    return f"test_{os.getpid()}_{os.urandom(4).hex()}"


@pytest.fixture(scope="module")
def wire() -> Wire:
    """Sees the commands of every client that is made from now on."""
    listener = Wire()
    monitoring.register(listener)
    return listener


@pytest.fixture(scope="module")
def governed(
    wire: Wire, database: str, database_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Governed]:
    made = governed_server(database_uri, database, tmp_path_factory.mktemp("governed"))
    made.enrol("trips", "urn:example|trips")
    made.authorise("trips")
    made.plant({
        "resourceType": "Observation", "id": "trip", "status": "final",
        "subject": {"reference": "Patient/trips"}, "code": {"coding": [{"system": LOINC, "code": "1"}]},
    })  # fmt: skip
    yield made
    close_app(made.app)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


@pytest.fixture(scope="module")
def doctor(governed: Governed) -> Speaker:
    """A physician whose first access of the day has been told."""
    known = governed.doctor()
    assert known.get("/Observation/trip").status_code == 200
    return known


def asked(wire: Wire, database: str) -> list[tuple[str, str]]:
    """Return commands and their collections since the last call."""
    seen = [(name, str(command[name])) for name, command in wire.commands if command.get("$db") == database]
    wire.commands.clear()
    return [one for one in seen if one[1] != REVOCATIONS]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(
            "/Observation/trip",
            [("find", "choices"), ("find", "Observation"), ("insert", "audit")],
            id="read",
        ),
        pytest.param(
            f"/Observation?patient=trips&code={LOINC}|1",
            [("find", "choices"), ("find", "Observation"), ("insert", "audit")],
            id="search",
        ),
        pytest.param(
            "/Patient/trips", [("find", "choices"), ("find", "Patient"), ("insert", "audit")], id="the-person"
        ),
    ],
)
def test_a_governed_answer_takes_two_reads_and_one_write(
    wire: Wire, database: str, doctor: Speaker, path: str, expected: list[tuple[str, str]]
) -> None:
    assert doctor.get(path).status_code == 200
    asked(wire, database)
    assert doctor.get(path).status_code == 200
    assert asked(wire, database) == expected


def test_whose_record_holds_a_resource_is_learned_with_the_choices(
    wire: Wire, database: str, governed: Governed, doctor: Speaker
) -> None:
    absent = "/Observation/no-such"
    asked(wire, database)
    assert doctor.get(absent).status_code == 404
    reads = [one for one in asked(wire, database) if one[0] != "insert"]
    assert len(reads) <= 2 and reads[0] == ("aggregate", "Observation")
