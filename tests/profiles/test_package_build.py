"""What `build_package` makes of an archive, read back through `load_registry`."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from profiles.build import build_package
from profiles.definitions import (
    Binding,
    ElementDefinition,
    Invariant,
    OperationDefinition,
    OperationParameter,
    TypeRef,
)
from profiles.load import list_packages
from profiles.package import PackageError, PackageName
from profiles.registry import Registry
from tests.profiles.small_package import (
    FOREIGN,
    LIVING,
    MANIFEST,
    OWN,
    code_system,
    members,
    parameter,
    structure,
)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_elements_keep_their_facts(small: Registry) -> None:
    root, owner, kind, puppy, colour = small.structures["Dog"].elements
    assert root == ElementDefinition("Dog", 0, None, ())
    assert owner == ElementDefinition(
        "Dog.owner", 1, None, (TypeRef("Reference", ("Dog", OWN + "Profile")),), summary=True
    )
    assert kind == ElementDefinition(
        "Dog.kind", 0, 1, (TypeRef("code"),), modifier=True, constraints=("dog-1",),
        binding=Binding("required", OWN + "ValueSet/kinds", OWN + "ValueSet/all"),
    )  # fmt: skip
    assert puppy == ElementDefinition("Dog.puppy", 0, None, (), content="Dog")
    assert colour.binding is None  # a binding that names no value set


def test_structures_keep_invariants_and_patterns(small: Registry) -> None:
    dog = small.structures["Dog"]
    assert dog.invariants == {"dog-1": Invariant("dog-1", "error", "name.exists()", "dog-1")}
    assert (dog.kind, dog.base, dog.abstract, dog.pattern) == ("resource", "DomainResource", False, None)
    assert small.structures["string"].pattern == "[a-z]+"
    assert small.structures["string"].elements[1].types == (TypeRef("string"),)


def test_profiles_are_no_types(small: Registry) -> None:
    assert set(small.structures) == {"Resource", "DomainResource", "string", "Dog", "Cage"}
    assert small.resource_types == {"Dog", "Cage"}


def test_parameters_are_inherited(small: Registry) -> None:
    assert set(small.parameters) == {"Dog", "Cage"}
    assert set(small.parameters["Dog"]) == {"_id", "_text", "kind"}
    assert set(small.parameters["Cage"]) == {"_id"}
    kind = small.parameters["Dog"]["kind"]
    assert (kind.url, kind.comparators, kind.multiple_or, kind.multiple_and) == (
        OWN + "SearchParameter/Dog-kind", ("eq",), False, True,
    )  # fmt: skip
    assert small.parameter_by_url(kind.url) is kind
    assert small.parameter_by_url(OWN + "SearchParameter/unknown") is None


def test_what_is_left_out_has_a_reason(make_archive: Any, tmp_path: Path) -> None:
    report = build_package(make_archive(members()), tmp_path)
    assert dict(report.left_out) == {
        OWN + "SearchParameter/example-one": "example",
        OWN + "SearchParameter/Dog-chip": "over an extension",
        OWN + "SearchParameter/Dog-nothing": "has no expression",
        OWN + "SearchParameter/nobody": "names no resource type",
        OWN + "CodeSystem/partial": "the package does not hold all of its codes",
        OWN + "CodeSystem/licensed": "its copyright statement asks for a licence",
    }
    assert dict(report.passed_over) == {}
    assert report.counts["search parameters"] == 3


def test_the_own_resource_is_in_its_compartment(small: Registry) -> None:
    assert small.compartments == {"Dog": {"Dog": ("{def}", "kind")}}


def test_operations_keep_their_parameters(small: Registry) -> None:
    how = OperationParameter("how", "in", 1, 1, "string")
    loud = OperationParameter("loud", "in", 0, None, parts=(how,))
    assert small.operations == {
        OWN + "bark": OperationDefinition(OWN + "bark", "bark", False, True, True, False, ("Dog",), (loud,))
    }


def test_value_sets_may_list_foreign_codes(small: Registry) -> None:
    assert small.value_sets[OWN + "ValueSet/kinds"].systems == {FOREIGN: {"x": "X"}}
    assert small.value_sets[OWN + "ValueSet/all"].systems == {LIVING: small.code_systems[LIVING].concepts}
    assert small.value_sets[OWN + "ValueSet/others"].systems == {FOREIGN: {"y": ""}}
    assert set(small.value_sets) == {OWN + "ValueSet/" + name for name in ("kinds", "all", "others")}


def test_a_code_system_keeps_displays_and_every_parent(small: Registry) -> None:
    living = small.code_systems[LIVING]
    assert living.concepts == {
        "animal": "Animal", "dog": "Dog", "poodle": "Poodle", "cat": "", "plant": "Plant", "pet": "Pet",
    }  # fmt: skip
    assert living.parents == {"dog": ("animal", "pet"), "poodle": ("dog",), "cat": ("animal", "pet")}


def test_no_prose_is_carried(make_archive: Any, tmp_path: Path) -> None:
    report = build_package(make_archive(members()), tmp_path)
    assert not [name for name, data in bytes_of(report.folder).items() if b"words" in data]


def test_building_again_gives_the_same_bytes_in_any_order(make_archive: Any, tmp_path: Path) -> None:
    first = build_package(make_archive(members()), tmp_path / "first")
    shuffled = members()
    random.Random(1).shuffle(shuffled)
    second = build_package(make_archive(shuffled), tmp_path / "second")
    one, two = bytes_of(first.folder), bytes_of(second.folder)
    assert one.pop("package.json") != two.pop("package.json")  # the digest of another archive
    assert one == two
    again = build_package(make_archive(members()), tmp_path / "first")
    assert bytes_of(again.folder) == one | {"package.json": (first.folder / "package.json").read_bytes()}


def test_an_older_build_is_replaced_whole(make_archive: Any, tmp_path: Path) -> None:
    stale = tmp_path / "test.definitions-1.0.0" / "stale.json"
    stale.parent.mkdir()
    stale.write_text("{}")
    build_package(make_archive(members()), tmp_path / ".")
    assert not stale.exists()
    assert [package.id for package in list_packages(tmp_path)] == ["test.definitions"]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["test.definitions-1.0.0"]


def test_a_failed_build_leaves_the_older_one(make_archive: Any, tmp_path: Path) -> None:
    folder = build_package(make_archive(members()), tmp_path).folder
    before = bytes_of(folder)
    broken = structure("Cat", "resource", "Dog")
    del broken["snapshot"]
    with pytest.raises(PackageError):
        build_package(make_archive([*members(), ("package/cat.json", broken)]), tmp_path)
    assert bytes_of(folder) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"version": "2.0.0"}, "holds test.definitions#2.0.0, not", id="version"),
        pytest.param({"name": "other"}, "holds other#1.0.0, not", id="id"),
        pytest.param({"fhirVersions": ["5.0.0"]}, "is for FHIR 5.0.0, not for R4", id="fhir-version"),
        pytest.param({"fhirVersions": []}, r"is for FHIR \(not said\)", id="no-fhir-version"),
    ],
)
def test_another_package_is_refused(
    make_archive: Any, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = make_archive([("package/package.json", MANIFEST | change)])
    with pytest.raises(PackageError, match=message):
        build_package(path, tmp_path, PackageName("test.definitions", "1.0.0"))


@pytest.mark.parametrize("name", ["../outside", "a/b", "A", ""])
def test_a_manifest_cannot_choose_a_folder_outside(make_archive: Any, tmp_path: Path, name: str) -> None:
    path = make_archive([("package/package.json", MANIFEST | {"name": name})])
    with pytest.raises(PackageError, match="names no package"):
        build_package(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_without_manifest_is_no_package(make_archive: Any, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="it is no FHIR package"):
        build_package(make_archive(members()[1:]), tmp_path)


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        pytest.param(structure("X", "resource", None, snapshot={}), "KeyError 'element'", id="no-elements"),
        pytest.param(structure("X", "resource", None, snapshot=3), "TypeError", id="no-snapshot"),
        pytest.param(code_system("x", concept=[{}]), "KeyError 'code'", id="no-code"),
        pytest.param(code_system("x", concept=3), "TypeError", id="no-concepts"),
        pytest.param(parameter("x", "x", ["Dog"], "Dog", component=[{}]), "KeyError", id="no-component"),
        pytest.param({"resourceType": "ValueSet"}, "KeyError 'url'", id="no-url"),
    ],
)
def test_an_unusable_definition_is_named(
    make_archive: Any, tmp_path: Path, resource: dict[str, Any], message: str
) -> None:
    path = make_archive([*members(), ("package/broken.json", resource)])
    with pytest.raises(PackageError, match=rf"broken\.json is no usable \w+: {message}"):
        build_package(path, tmp_path)


def test_two_definitions_of_one_canonical_are_refused(make_archive: Any, tmp_path: Path) -> None:
    path = make_archive([*members(), ("package/again.json", code_system())])
    with pytest.raises(PackageError, match=r"CodeSystem-living\.json and again\.json both define"):
        build_package(path, tmp_path)


def test_one_key_for_two_constraints_is_refused(make_archive: Any, tmp_path: Path) -> None:
    rules = [
        {"key": "x-1", "severity": "error", "human": "words", "expression": expression}
        for expression in ("a", "b")
    ]
    twice = structure("X", "resource", None)
    twice["snapshot"]["element"][0]["constraint"] = rules
    with pytest.raises(PackageError, match="two constraints of X are called x-1"):
        build_package(make_archive([*members(), ("package/x.json", twice)]), tmp_path)


def test_a_folder_that_cannot_be_written_is_named(make_archive: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PackageError, match="cannot be written"):
        build_package(make_archive(members()), tmp_path / "file")
