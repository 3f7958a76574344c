"""Reads within a transaction are part of it; what no transaction can hold takes place beside it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.client_session import ClientSession

from fhir_server.store.open import Store
from fhir_server.store.reads import find_one
from fhir_server.store.sealing.vault_mongodb import MongoVault
from fhir_server.store.within import within


@pytest.fixture
def session(store: Store) -> Iterator[ClientSession]:
    """A session with a transaction in which something was written, undone at the end."""
    client = store.catalogue.service("meta").database.client
    with client.start_session() as session, session.start_transaction():
        store.catalogue.service("meta").insert_one({"_id": "written-within"}, session=session)
        yield session
        session.abort_transaction()


def test_a_read_within_a_transaction_sees_what_it_wrote_and_no_other_does(
    store: Store, session: ClientSession
) -> None:
    meta = store.catalogue.service("meta")
    with within(session):
        assert find_one(meta, {"_id": "written-within"}, {}) is not None
    assert find_one(meta, {"_id": "written-within"}, {}) is None


def test_collections_are_asked_for_and_made_beside_a_transaction(
    store: Store, session: ClientSession
) -> None:
    with within(session):
        assert not store.catalogue.exists("Basic")
        store.catalogue.ensure("Basic")
        assert "Basic" in store.catalogue.existing()


def test_a_vault_in_another_database_is_read_beside_a_transaction(
    database_uri: str, session: ClientSession
) -> None:
    name = f"vault_{os.getpid()}_{secrets.token_hex(4)}"
    vault = MongoVault(database_uri.replace("/?", f"/{name}?"), create=True, selection_ms=10_000)
    try:
        with within(session):
            assert vault.read("nobody") is None
            assert vault.facts("masters") == frozenset()
            assert vault.epoch() == "0"
    finally:
        vault.close()
        with MongoClient[dict[str, Any]](database_uri) as mongo:
            mongo.drop_database(name)
