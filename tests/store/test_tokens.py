"""Tokens that are not good any more, across processes and within one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fhir_server.store.open import Store
from fhir_server.store.tokens import REFRESH_S, MongoTokens

UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


class Seconds:
    """A clock that counts seconds, moved by hand."""

    def __init__(self) -> None:
        self.value = 100.0

    def __call__(self) -> float:
        return self.value


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def here(store: Store, seconds: Seconds) -> MongoTokens:
    return MongoTokens(store.catalogue, seconds)


@pytest.fixture
def elsewhere(store: Store, seconds: Seconds) -> MongoTokens:
    return MongoTokens(store.catalogue, seconds)


def test_a_revocation_holds_at_once_where_it_is_made(here: MongoTokens) -> None:
    assert not here.is_revoked("t1")
    here.revoke("t1", UNTIL)
    assert here.is_revoked("t1")
    assert not here.is_revoked("t2")


def test_a_revocation_reaches_others_within_a_second(
    here: MongoTokens, elsewhere: MongoTokens, seconds: Seconds
) -> None:
    assert REFRESH_S < 1
    assert not elsewhere.is_revoked("t1")
    here.revoke("t1", UNTIL)
    seconds.value += REFRESH_S / 2
    assert not elsewhere.is_revoked("t1")
    seconds.value += REFRESH_S / 2
    assert elsewhere.is_revoked("t1")


def test_revoking_twice_keeps_the_later_end(here: MongoTokens, store: Store) -> None:
    here.revoke("t1", UNTIL)
    here.revoke("t1", UNTIL - timedelta(days=1))
    [kept] = store.catalogue.service("tokens").find({})
    assert kept["until"].replace(tzinfo=UTC) == UNTIL


def test_a_single_use_is_one_for_all(here: MongoTokens, elsewhere: MongoTokens) -> None:
    assert here.spend("t1", UNTIL)
    assert not elsewhere.spend("t1", UNTIL)
    assert elsewhere.spend("t2", UNTIL)


def test_a_used_token_is_not_a_revoked_one(here: MongoTokens, elsewhere: MongoTokens) -> None:
    here.spend("t1", UNTIL)
    assert not elsewhere.is_revoked("t1")


def test_entries_are_forgotten_after_their_end(store: Store) -> None:
    indexes = store.catalogue.service("tokens").index_information()
    assert indexes["expiry"]["expireAfterSeconds"] == 0
    assert indexes["expiry"]["key"] == [("until", 1)]
