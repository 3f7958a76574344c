"""One server with whole records and the official examples, which the tests of searches only read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from profiles.registry import Registry
    from tests.search.oracle.brute_force import BruteForce
    from tests.search.oracle.questions import Questions
    from tests.search.oracle.served import Served

RECORDS = 6


@pytest.fixture(scope="session")
def served(corpus: Path, database_uri: str) -> Iterator[Served]:
    """The application over the smallest records of the corpus and the official examples."""
    from pymongo import MongoClient

    from fhir_server.app import close_app, create_app
    from tests.http.conftest import settings_of
    from tests.search.oracle.material import examples, smallest_records
    from tests.search.oracle.served import Served

    database = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    made = Served(create_app(settings_of(database_uri, database)))
    made.plant([*smallest_records(corpus, RECORDS), *examples(corpus)])
    yield made
    close_app(made.app)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


@pytest.fixture(scope="session")
def force(served: Served, registry: Registry) -> BruteForce:
    """The brute force over what is served."""
    from tests.search.oracle.brute_force import BruteForce
    from tests.search.oracle.parameters import Values
    from tests.search.oracle.served import NOW

    return BruteForce(Values(registry), served.resources, served.context.base_url, NOW)


@pytest.fixture(scope="session")
def questions(served: Served, force: BruteForce) -> Questions:
    """Queries out of what is served, by every parameter that the server knows."""
    from tests.search.oracle.questions import Questions

    catalogue = served.context.indexer.catalogue
    types = {resource["resourceType"] for resource in served.resources}
    return Questions(force, {kind: sorted(catalogue.of(kind).by_code) for kind in sorted(types)})
