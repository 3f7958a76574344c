"""Profiles are read from JSON, kept small, laid over a Registry and found again, exactly."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.build import build_package
from profiles.definitions import CodeSystem, ValueSet
from profiles.library import Library
from profiles.load import load_registry
from profiles.overlay import with_profiles
from profiles.package import DefinitionError
from profiles.packed import packed, unpacked
from profiles.read_profile import profile_of
from profiles.read_terminology import terminology_of
from profiles.registry import Registry
from profiles.shipped import SHIPPED
from tests.profiles.published import constraints_in
from tests.profiles.small_package import (
    LIVING,
    MANIFEST,
    NAME,
    OWN,
    TYPE,
    code_system,
    element,
    members,
    profile,
    row,
    structure,
    value_set,
)

TREE: dict[str, Any] = {
    **structure("Dog", "resource", "Dog", element("Dog.kind", type=[{"code": "code"}]), derivation="constraint"),
    "url": OWN + "Dog", "name": "Dog", "version": "2",
}  # fmt: skip


def test_a_snapshot_is_read_as_it_stands() -> None:
    tree = copy.deepcopy(TREE)
    tree["snapshot"]["element"][1] |= {
        "fixedCode": "dog", "maxLength": 3, "minValueInteger": 1, "mustSupport": True,
        "slicing": {"discriminator": [{"type": "value", "path": "$this"}], "rules": "closed", "ordered": True},
    }  # fmt: skip
    kind = profile_of(tree).elements[1]
    assert (kind.fixed, kind.max_length, kind.minimum, kind.must_support) == ("dog", 3, 1, True)
    assert kind.slicing is not None
    assert (kind.slicing.rules, kind.slicing.ordered) == ("closed", True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"resourceType": "Patient"}, "is no StructureDefinition", id="kind"),
        pytest.param({"url": 3}, "has no url", id="url"),
        pytest.param({"snapshot": {}}, "has no snapshot", id="no-elements"),
        pytest.param({"snapshot": [1]}, "has no snapshot", id="odd-snapshot"),
        pytest.param({"snapshot": {"element": [3]}}, "element 1: is malformed", id="odd-element"),
        pytest.param(
            {"snapshot": {"element": [{"path": "Dog"}]}}, "element Dog: is malformed: 'min'", id="min"
        ),
        pytest.param({"kind": "dog"}, "kind 'dog' is not one of", id="odd-kind"),
        pytest.param({"context": [3]}, "context holds something else", id="context"),
    ],
)
def test_a_malformed_definition_is_refused_with_the_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        profile_of(TREE | change)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "path", "min", "type", "code"]), inner),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(place=st.integers(0, 3), key=st.sampled_from(["path", "min", "max", "type", "slicing", "binding", "constraint"]), value=JSON)  # fmt: skip
def test_whatever_an_element_says_nothing_but_a_refusal_comes_of_it(place: int, key: str, value: Any) -> None:
    tree = copy.deepcopy(TREE)
    rows = tree["snapshot"]["element"]
    rows[place % len(rows)][key] = value
    try:
        profile_of(tree)
    except DefinitionError as refusal:
        assert refusal.definition == TREE["url"]


@settings(deadline=None, max_examples=200)
@given(
    key=st.sampled_from(["path", "id", "sliceName", "min", "max", "type", "slicing", "constraint"]),
    value=JSON,
)
def test_whatever_a_differential_says_nothing_but_a_refusal_comes_of_it(key: str, value: Any) -> None:
    tree = profile("P", TYPE + "Patient", row("Patient.name") | {key: value}, type="Patient")
    try:
        assert Library(load_registry(), [tree]).profile(OWN + "P") is not None
    except DefinitionError as refusal:
        assert refusal.definition == OWN + "P"


@pytest.mark.corpus
def test_every_published_profile_is_kept_exactly(corpus: Path, registry: Registry) -> None:
    for source in ("packages/hl7.fhir.uv.ips-2.0.0.tgz", "packages/ihe.iti.mhd-4.2.4-current.tgz"):
        for tree in constraints_in(corpus / source):
            read = profile_of(tree)
            facts = msgspec.Raw(msgspec.json.encode(packed(read, registry.structures)))
            assert unpacked(read.url, facts, registry.structures) == read


def test_a_built_package_gives_its_profiles(small: Registry) -> None:
    found = small.profiles[OWN + "Profile"]
    assert found is small.profiles[OWN + "Profile|1"]
    owner = next(each for each in found.elements if each.path == "Dog.owner")
    assert (owner.min, owner.max, found.base) == (1, 1, TYPE + "Dog")


def test_a_canonical_is_found_with_any_version_but_its_own_counts(small: Registry) -> None:
    newer = with_profiles(small, [profile_of(TREE | {"url": OWN + "Profile", "version": "2"})])
    assert newer.generation == small.generation + 1
    versions = [newer.profile(OWN + "Profile" + suffix) for suffix in ("", "|1", "|2", "|9")]
    assert [found and found.version for found in versions] == ["2", "1", "2", "2"]
    assert newer.profile(OWN + "nowhere") is None
    assert small.profile(OWN + "Profile") is not None


def test_an_overlay_brings_value_sets_and_code_systems(small: Registry) -> None:
    colours = CodeSystem("urn:colours", {"red": "Red"}, {})
    reds = ValueSet("urn:reds", {"urn:colours": {"red": "Red"}})
    newer = with_profiles(small, value_sets=[reds], code_systems=[colours])
    assert newer.value_sets["urn:reds"] is reds
    assert newer.code_systems["urn:colours"] is colours
    assert newer.value_sets.keys() == small.value_sets.keys() | {"urn:reds"}


def test_terminology_of_resources_refers_to_each_other_and_to_the_registry(small: Registry) -> None:
    trees = [
        value_set("mine", {"valueSet": [OWN + "ValueSet/all"], "system": LIVING, "concept": [{"code": "dog"}]}),
        value_set("none", {"system": "urn:unknown"}),
        value_set("given", {"system": "urn:unknown"})
        | {"expansion": {"total": 1, "contains": [{"system": "urn:unknown", "code": "a", "display": "A"}]}},
        value_set("cut", {"system": "urn:unknown"})
        | {"expansion": {"total": 9, "contains": [{"system": "urn:unknown", "code": "a"}]}},
        code_system("living", concept=[{"code": "dog", "display": "Chien"}]),
        {"resourceType": "ValueSet", "url": "urn:odd", "compose": {"include": 3}},
        {"resourceType": "Patient", "url": "urn:patient"},
    ]  # fmt: skip
    found = terminology_of(trees, small)
    assert {each.url.rpartition("/")[2]: dict(each.systems) for each in found.value_sets} == {
        "mine": {LIVING: {"dog": "Chien"}},
        "given": {"urn:unknown": {"a": "A"}},
    }
    assert [each.url for each in found.code_systems] == [LIVING]
    assert found.left_out.keys() == {OWN + "ValueSet/none", OWN + "ValueSet/cut", "urn:odd"}


def test_profiles_mean_those_of_their_own_package(make_archive: Any, tmp_path: Path) -> None:
    build_package(make_archive(members()), tmp_path)
    for version in ("1", "2"):
        definitions = [
            profile("owner", TYPE + "Dog", version=version),
            profile("kennel", TYPE + "Dog", row("Dog.owner", type=[
                {"code": "Reference", "targetProfile": [OWN + "owner"]},
            ]), version=version),
        ]  # fmt: skip
        manifest = MANIFEST | {
            "name": "kennels",
            "version": version,
            "dependencies": {"test.definitions": "1.0.0"},
        }
        named = [(f"package/{tree['id']}.json", tree) for tree in definitions]
        build_package(make_archive([("package/package.json", manifest), *named]), tmp_path)
    both = load_registry(["kennels#1", "kennels#2"], folder=tmp_path)
    assert [f"{each.id}#{each.version}" for each in both.packages] == [NAME, "kennels#1", "kennels#2"]
    targets = [
        next(each.types[0].targets for each in both.profiles[name].elements if each.path == "Dog.owner")
        for name in (OWN + "kennel|1", OWN + "kennel|2", OWN + "kennel")
    ]
    assert targets == [(OWN + "owner|1",), (OWN + "owner",), (OWN + "owner",)]


def test_an_invariant_that_does_not_compile_is_reported_and_the_profile_is_kept(
    make_archive: Any, tmp_path: Path
) -> None:
    rule = {"key": "odd-1", "severity": "error", "human": "words", "expression": "name.("}
    odd = profile("odd", TYPE + "Dog", row("Dog.owner", constraint=[rule]))
    report = build_package(make_archive([*members(), ("package/odd.json", odd)]), tmp_path)
    assert len(report.warnings) == 1
    assert report.warnings[0].startswith(f"{OWN}odd, element Dog.owner: invariant odd-1 does not compile")
    assert OWN + "odd" in load_registry([NAME], folder=tmp_path).profiles


def test_a_profile_that_cannot_be_made_is_left_out_with_its_reason(make_archive: Any, tmp_path: Path) -> None:
    odd = profile("odd", TYPE + "Dog", row("Dog.tail", min=1))
    report = build_package(make_archive([*members(), ("package/odd.json", odd)]), tmp_path)
    assert "Dog has no element 'tail'" in report.left_out[OWN + "odd"]


def test_all_shipped_packages_load_together() -> None:
    together = load_registry([each.name for each in SHIPPED])
    assert [f"{each.id}#{each.version}" for each in together.packages] == [each.name for each in SHIPPED]
    assert len({key.partition("|")[0] for key in together.profiles}) == 1030
    for url in together.profiles:
        assert together.profiles[url].url == url.partition("|")[0]
