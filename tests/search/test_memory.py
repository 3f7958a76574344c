"""Searches that were understood are remembered, as many as there is room for."""

from __future__ import annotations

import pytest

from fhir_server.search.catalogue import Catalogue
from fhir_server.search.memory import Key, Memory, Understood
from fhir_server.search.parameter import Setting
from fhir_server.search.request import parse
from profiles.registry import Registry
from tests.search.shelf import BASE_URL, NOW


@pytest.fixture(scope="module")
def catalogue(registry: Registry) -> Catalogue:
    return Catalogue(registry, Setting(BASE_URL))


def key(name: str) -> Key:
    return (b"view", None, name, None, (), False)


def read(catalogue: Catalogue) -> Understood:
    return Understood(parse(catalogue, "Patient", [], now=NOW), b"digest", catalogue=catalogue)


def known(memory: Memory, catalogue: Catalogue, names: str) -> str:
    return "".join(name for name in names if memory.get(key(name), catalogue) is not None)


def test_what_was_asked_least_recently_is_forgotten_first(catalogue: Catalogue) -> None:
    memory = Memory(capacity=2)
    for name in "ab":
        memory.put(key(name), read(catalogue))
    assert memory.get(key("a"), catalogue) is not None
    memory.put(key("c"), read(catalogue))
    assert known(memory, catalogue, "abc") == "ac"


def test_what_is_remembered_anew_takes_no_more_room(catalogue: Catalogue) -> None:
    memory, later = Memory(capacity=2), read(catalogue)
    for name in "ab":
        memory.put(key(name), read(catalogue))
    memory.put(key("a"), later)
    assert known(memory, catalogue, "ab") == "ab"
    assert memory.get(key("a"), catalogue) is later


def test_what_was_read_by_other_definitions_is_not_known(registry: Registry, catalogue: Catalogue) -> None:
    memory = Memory()
    memory.put(key("a"), read(catalogue))
    assert memory.get(key("a"), Catalogue(registry, Setting(BASE_URL))) is None
