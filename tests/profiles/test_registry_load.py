"""Loading: lazily, immutably, several packages over one another, and precise about what is missing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from profiles.build import build_package
from profiles.lazy import LazyMapping
from profiles.load import load_registry
from profiles.package import PackageError
from profiles.registry import Registry
from tests.profiles.small_package import (
    LIVING,
    MANIFEST,
    NAME,
    OWN,
    code_system,
    members,
    parameter,
    value_set,
)


def test_a_value_is_made_when_it_is_asked_for_and_once() -> None:
    made: list[str] = []

    def make(key: str, text: msgspec.Raw) -> object:
        made.append(key)
        return msgspec.json.decode(text)

    lazy = LazyMapping({"a": msgspec.Raw(b"[1]"), "b": msgspec.Raw(b"not json")}, make)
    assert (list(lazy), len(lazy), "b" in lazy, "c" in lazy, made) == (["a", "b"], 2, True, False, [])
    assert lazy["a"] is lazy["a"]
    assert lazy.get("c") is None
    assert made == ["a"]


def test_threads_that_race_get_the_same_value() -> None:
    barrier = threading.Barrier(4)

    def make(key: str, text: msgspec.Raw) -> list[str]:
        barrier.wait(timeout=60)  # all four are making it
        return [key]

    lazy = LazyMapping({"a": msgspec.Raw(b"")}, make)
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(lazy["a"])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(value) for value in found}) == 1


def test_nothing_of_a_registry_can_be_changed(small: Registry) -> None:
    mappings: list[Mapping[str, Any]] = [
        small.structures, small.parameters, small.parameters["Dog"], small.compartments,
        small.compartments["Dog"], small.value_sets, small.code_systems, small.operations,
        small.structures["Dog"].invariants, small.code_systems[LIVING].concepts,
        small.code_systems[LIVING].parents, small.value_sets[OWN + "ValueSet/kinds"].systems,
    ]  # fmt: skip
    for mapping in mappings:
        with pytest.raises(TypeError):
            mapping["new"] = None  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        small.generation = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        small.structures["Dog"].abstract = True  # type: ignore[misc]


def test_the_generation_is_the_callers() -> None:
    assert load_registry(generation=7).generation == 7


def test_a_registry_with_other_parameters_finds_those_by_url(small: Registry) -> None:
    url = small.parameters["Dog"]["kind"].url
    assert replace(small, parameters={}).parameter_by_url(url) is None


def test_a_later_package_counts_where_both_define(make_archive: Any, tmp_path: Path) -> None:
    build_package(make_archive(members()), tmp_path)
    later = [
        ("package/package.json", MANIFEST | {"name": "later"}),
        ("package/p.json", parameter("Cage-size", "size", ["Cage"], "Cage.size")),
        ("package/k.json", parameter("Dog-kind", "kind", ["Dog"], "Dog.kind.other")),
        ("package/s.json", code_system(concept=[{"code": "dog", "display": "Chien"}])),
        ("package/v.json", value_set("all", {"system": LIVING})),
    ]
    build_package(make_archive(later, name="later.tgz"), tmp_path)
    both = load_registry([NAME, "later#1.0.0"], folder=tmp_path)
    assert [package.id for package in both.packages] == ["test.definitions", "later"]
    assert set(both.parameters["Cage"]) == {"_id", "size"}
    assert both.parameters["Dog"]["kind"].expression == "Dog.kind.other"
    assert both.value_sets[OWN + "ValueSet/all"].systems == {LIVING: {"dog": "Chien"}}
    assert "Dog" in both.structures


def test_a_code_that_a_later_package_dropped_stays_in_the_earlier_value_set(
    make_archive: Any, tmp_path: Path
) -> None:
    few = {"system": LIVING, "concept": [{"code": "dog"}, {"code": "plant"}]}
    build_package(make_archive([*members(), ("package/f.json", value_set("few", few))]), tmp_path)
    later = [
        ("package/package.json", MANIFEST | {"name": "later"}),
        ("package/s.json", code_system(concept=[{"code": "dog", "display": "Chien"}])),
    ]
    build_package(make_archive(later, name="later.tgz"), tmp_path)
    both = load_registry([NAME, "later#1.0.0"], folder=tmp_path)
    assert both.value_sets[OWN + "ValueSet/few"].systems == {LIVING: {"dog": "Chien", "plant": ""}}


def test_a_package_that_is_not_built_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"none\.such#1\.0 is not built; run: fhir-server package build"):
        load_registry(["none.such#1.0"], folder=tmp_path)


@pytest.mark.parametrize(
    "name",
    ["structures.json", "search-parameters.json", "package.json", "compartments.json", "value-sets.json"],
)
@pytest.mark.parametrize("content", [b'{"cut', b"3", None], ids=["cut", "other", "missing"])
def test_a_damaged_build_is_named(
    make_archive: Any, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = build_package(make_archive(members()), tmp_path).folder
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(PackageError, match=r"is damaged|cannot be read|is not built"):
        load_registry([NAME], folder=tmp_path)
