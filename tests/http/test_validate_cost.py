"""What validation asks of the database, counted on the wire, and that nothing is compiled twice.

Spec: https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient, monitoring

from fhir_server.app import CONTEXT, close_app, create_app
from tests.conftest import FixedClock
from tests.http.calls import issues, patient, send
from tests.http.conftest import settings_of
from tests.http.definitions import R4
from tests.store.wire import Wire

AUDIT = frozenset({"audit", "audit_workers"})
"""Written behind the answer, at some time."""
IPS = "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips"


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
def time() -> FixedClock:
    return FixedClock()


@pytest.fixture(scope="module")
def served(wire: Wire, database: str, database_uri: str, time: FixedClock) -> Iterator[Flask]:
    del wire  # it has to be there before the server is
    made = create_app(settings_of(database_uri, database, packages=("hl7.fhir.uv.ips#2.0.0",)), clock=time)
    yield made
    close_app(made)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


def asked(wire: Wire, database: str) -> list[tuple[str, str]]:
    """Return commands and their collections since the last call."""
    seen = [(name, str(command[name])) for name, command in wire.commands if command.get("$db") == database]
    wire.commands.clear()
    return [one for one in seen if one[1] not in AUDIT]


def validate(client: FlaskClient) -> None:
    assert send(client, "POST", f"/Patient/$validate?profile={R4}Patient", patient()).status_code == 200


def test_a_look_for_changes_is_one_question_a_second_at_most(
    served: Flask, wire: Wire, database: str, time: FixedClock
) -> None:
    client = served.test_client()
    validate(client)
    asked(wire, database)
    validate(client)
    validate(client)
    assert asked(wire, database) == []
    time.advance(seconds=1)
    validate(client)
    validate(client)
    assert asked(wire, database) == [("find", "locks")]


def test_a_write_without_profiles_never_looks(
    served: Flask, wire: Wire, database: str, time: FixedClock
) -> None:
    client = served.test_client()
    send(client, "POST", "/Patient", patient())
    time.advance(seconds=5)
    asked(wire, database)
    send(client, "POST", "/Patient", patient())
    assert ("find", "locks") not in asked(wire, database)


@pytest.mark.corpus
def test_a_document_is_validated_with_what_was_compiled_before(
    served: Flask, corpus: Path, wire: Wire, database: str
) -> None:
    client = served.test_client()
    found = sorted((corpus / "eu" / "ips-2.0.0-json").rglob("*undle-*inimal*.json"))
    document = found[0].read_bytes()
    address = f"/Bundle/$validate?profile={IPS}"
    first = send(client, "POST", address, document)
    assert [one for one in issues(first) if one["severity"] == "error"] == []
    profiles = served.extensions[CONTEXT].definitions.current().validator._profiles
    compiled = (len(profiles._checks), len(profiles._branches))
    asked(wire, database)
    assert send(client, "POST", address, document).data == first.data
    assert (len(profiles._checks), len(profiles._branches)) == compiled != (0, 0)
    assert asked(wire, database) == []
