"""What the import of a document asks of the database, counted on the wire."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from pymongo import MongoClient, monitoring

from fhir_server.app import close_app, create_app
from tests.http.calls import send
from tests.http.conftest import settings_of
from tests.http.imported import OPERATION, XML, document, told
from tests.store.wire import Wire

LOCKED = 2
"""Updates: the criteria of all conditional creates at once, and the labels that may flow."""
DIRECTORY = ("Organization", "Practitioner")


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
def served(wire: Wire, database: str, database_uri: str) -> Iterator[Flask]:
    del wire  # it has to be there before the server is
    made = create_app(settings_of(database_uri, database))
    yield made
    close_app(made)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


def test_a_document_takes_one_question_for_each_type_that_may_be_there(
    served: Flask, wire: Wire, database: str
) -> None:
    def deliver(data: bytes) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        wire.commands.clear()
        answer = told(send(served.test_client(), "POST", OPERATION, data, XML))
        seen = [(name, str(command[name])) for name, command in wire.commands if command["$db"] == database]
        return answer, seen

    deliver(document("D1", "P1"))
    answer, seen = deliver(document("D2", "P1"))
    created = {name for name, (count, _) in answer["resources"].items() if count}
    asked = Counter(collection for name, collection in seen if name == "find")
    # Outside the commit: the document, the person, the directory.  Within: that there is still no such document.
    assert asked == {"DocumentReference": 2, "Patient": 1, **dict.fromkeys(DIRECTORY, 1)}
    inserted = Counter(collection for name, collection in seen if name == "insert")
    assert {name: inserted[name] for name in created} == dict.fromkeys(created, 1)
    assert Counter(name for name, _ in seen if name not in ("find", "insert")) <= Counter(
        update=LOCKED, commitTransaction=1
    )
    answer, seen = deliver(document("D2", "P1"))
    assert answer["outcome"] == "already-there"
    assert [name for name, collection in seen if collection != "audit"] == ["find"]
