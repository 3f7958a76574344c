"""A server of its own for requests that nobody should send."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.running import Running


@pytest.fixture(scope="session")
def server(database_uri: str) -> Iterator[Running]:
    """A server with the demo record, which these tests may change as they like."""
    from pymongo import MongoClient

    name = f"test_fuzz_{os.getpid()}_{os.urandom(4).hex()}"
    environment = {"FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": name}
    with Running("--demo", environment=environment) as running:
        running.event("demo")
        yield running
    with MongoClient[dict[str, object]](database_uri) as client:
        client.drop_database(name)
