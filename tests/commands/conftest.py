"""A server for the commands that talk to one, over the MongoDB of the session."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from tests.running import Running


@pytest.fixture(scope="session")
def server(database_uri: str) -> Iterator[Running]:
    """A server with the demo record, shared by tests that do not disturb each other."""
    from pymongo import MongoClient

    name = f"test_commands_{os.getpid()}_{os.urandom(4).hex()}"
    environment = {"FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": name}
    with Running("--demo", environment=environment) as running:
        running.event("demo")
        running.database = name
        yield running
    with MongoClient[dict[str, object]](database_uri) as client:
        client.drop_database(name)


@pytest.fixture(scope="session")
def loopback_6() -> str:
    """The loopback address of version 6; skips where this machine has none."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no loopback address of IP version 6")
    return "::1"


@pytest.fixture(scope="session")
def loopback_4() -> str:
    """The loopback address of version 4."""
    return "127.0.0.1"
