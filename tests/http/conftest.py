"""Servers over databases of their own: the real WSGI application on the real MongoDB.

`client` speaks to one server that the tests of a module share, each with ids of its own; `make_app` makes
further ones with other settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient

from fhir_server.app import STORE, close_app, create_app
from fhir_server.settings import Settings
from fhir_server.store.open import Store
from tests.http.calls import BASE

MakeApp = Callable[..., Flask]


def settings_of(uri: str, database: str, **chosen: Any) -> Settings:
    """Return the settings of an open server whose types are all searched across persons."""
    fixed = {"mongodb_uri": uri, "database": database, "base_url": BASE, "open": True}
    return Settings(**{"cross_person_types": ("*",), **fixed, **chosen})


@pytest.fixture(scope="module")
def app(database_uri: str) -> Iterator[Flask]:
    database = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    made = create_app(settings_of(database_uri, database))
    yield made
    close_app(made)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def kept(app: Flask) -> Store:
    """The store of the shared server."""
    store: Store = app.extensions[STORE]
    return store


@pytest.fixture
def make_app(database_uri: str, database_name: str) -> Iterator[MakeApp]:
    """Make servers over one database of this test; keyword arguments are settings."""
    made: list[Flask] = []

    def make(**chosen: Any) -> Flask:
        made.append(create_app(settings_of(database_uri, database_name, **chosen)))
        return made[-1]

    yield make
    for app in made:
        close_app(app)
