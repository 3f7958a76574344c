"""Governed servers, each over a database of its own: `governed` is shared by the tests of a module."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.access.choices import Authorisation, PersonChoices, with_authorisation
from fhir_server.access.policy import Policy
from fhir_server.app import close_app, create_app
from fhir_server.settings import Settings
from tests.conftest import FixedClock
from tests.governed import DOCTOR, OTHER_DOCTOR, Governed
from tests.http.calls import BASE

MakeGoverned = Callable[..., Governed]


def governed_server(uri: str, database: str, directory: Path, clock: Any = None, **chosen: Any) -> Governed:
    """Return a governed server; `chosen` are settings."""
    fixed = {
        "mongodb_uri": uri,
        "database": database,
        "base_url": BASE,
        "policy": "fr",
        "data_dir": directory,
    }
    settings = Settings(**{**fixed, **chosen})
    return Governed(create_app(settings, clock=clock), settings)


@pytest.fixture(scope="module")
def governed(database_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governed]:
    database = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    made = governed_server(database_uri, database, tmp_path_factory.mktemp("governed"))
    yield made
    close_app(made.app)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


@pytest.fixture
def make_governed(
    database_uri: str, database_name: str, tmp_path: Path, clock: FixedClock
) -> Iterator[MakeGoverned]:
    """Make governed servers over one database of this test, by its clock; keyword arguments are settings."""
    made: list[Governed] = []

    def make(**chosen: Any) -> Governed:
        made.append(governed_server(database_uri, database_name, tmp_path, clock, **chosen))
        return made[-1]

    yield make
    for one in made:
        close_app(one.app)


@pytest.fixture
def person(governed: Governed, request: pytest.FixtureRequest) -> str:
    """A person of this test alone, who authorised two physicians."""
    id = "".join(c for c in request.node.name if c.isalnum() or c == "-")[-50:].strip("-")
    governed.enrol(id)
    now, policy = governed.context.clock.now(), governed.policy
    for party in (DOCTOR, OTHER_DOCTOR):
        team = Authorisation(party, "care-team")
        governed.choose(id, partial(_authorised, policy, team, now))
    return id


def _authorised(policy: Policy, team: Authorisation, at: datetime, choices: PersonChoices) -> PersonChoices:
    return with_authorisation(policy, choices, team, at)
