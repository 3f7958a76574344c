"""A differential is laid over its base; one that contradicts it is refused with the element at fault."""

from __future__ import annotations

from typing import Any

import pytest

from profiles.definitions import Discriminator, Profile, Slicing, TypeRef
from profiles.library import Library
from profiles.package import DefinitionError
from profiles.registry import Registry
from tests.profiles.small_package import OWN, TYPE, profile, row

BY_CODE = {"discriminator": [{"type": "value", "path": "code"}], "rules": "open"}
RULE = {"key": "own-1", "severity": "warning", "human": "words", "expression": "code.exists()"}


def of(type_name: str, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A profile on a type of R4."""
    return profile("P", TYPE + type_name, *rows, type=type_name, **more)


def made(registry: Registry, *trees: dict[str, Any]) -> Profile:
    """The profile that the last tree describes."""
    found = Library(registry, trees).profile(trees[-1]["url"])
    assert found is not None
    return found


def ids(found: Profile, prefix: str) -> list[str]:
    return [element.id for element in found.elements if element.id.startswith(prefix)]


def element(found: Profile, id: str) -> Any:
    return next(each for each in found.elements if each.id == id)


def test_what_is_not_said_stays_as_the_base_has_it(registry: Registry) -> None:
    found = made(registry, of("Patient", row("Patient.birthDate", min=1)))
    assert [each.path for each in found.elements] == [e.path for e in registry.structures["Patient"].elements]
    assert (element(found, "Patient.birthDate").min, element(found, "Patient.gender").min) == (1, 0)
    assert found.invariants.keys() == registry.structures["Patient"].invariants.keys()


def test_an_invariant_is_added_to_those_of_the_base(registry: Registry) -> None:
    found = made(registry, of("Observation", row("Observation", constraint=[RULE])))
    assert element(found, "Observation").constraints[-1] == "own-1"
    assert {"obs-6", "own-1"} <= found.invariants.keys()
    assert (found.invariants["own-1"].severity, found.invariants["own-1"].human) == ("warning", "own-1")


def test_a_data_type_is_walked_into_where_a_row_is_inside_of_it(registry: Registry) -> None:
    found = made(registry, of("Patient", row("Patient.name.family", min=1)))
    assert ids(found, "Patient.name.")[:3] == [
        "Patient.name.id",
        "Patient.name.extension",
        "Patient.name.use",
    ]
    assert element(found, "Patient.name.family").min == 1
    assert ids(found, "Patient.telecom.") == []


def test_a_content_reference_becomes_what_it_repeats(registry: Registry) -> None:
    found = made(
        registry,
        of("Observation", row("Observation.referenceRange.low", min=1), row("Observation.component.referenceRange.text", min=1)),
    )  # fmt: skip
    inside = element(found, "Observation.component.referenceRange")
    assert (inside.content, inside.types) == (None, (TypeRef("BackboneElement"),))
    assert element(found, "Observation.component.referenceRange.low").min == 0


def test_slices_stand_behind_the_sliced_element_and_inherit_its_rules(registry: Registry) -> None:
    tree = of(
        "Observation",
        row("Observation.component", slicing=BY_CODE, min=1),
        row("Observation.component.code.text", min=1),
        row("Observation.component:a", min=1, max="1"),
        row("Observation.component:b"),
        row("Observation.component:a.value[x]", min=1, type=[{"code": "Quantity"}]),
    )
    found = made(registry, tree)
    heads = [id for id in ids(found, "Observation.component") if id.count(".") == 1]
    assert heads == ["Observation.component", "Observation.component:a", "Observation.component:b"]
    assert element(found, "Observation.component:b").min == 0
    assert element(found, "Observation.component:b.code.text").min == 1
    assert element(found, "Observation.component:a.value[x]").types == (TypeRef("Quantity"),)
    assert element(found, "Observation.component.value[x]").min == 0


def test_a_reslice_stands_behind_its_slice_and_starts_from_it(registry: Registry) -> None:
    tree = of(
        "Observation",
        row("Observation.component", slicing=BY_CODE),
        row("Observation.component:a", slicing=BY_CODE, max="3"),
        row("Observation.component:b"),
        row("Observation.component:a/one", max="1"),
    )
    found = made(registry, tree)
    names = [each.slice_name for each in found.elements if each.path == "Observation.component"]
    assert names == [None, "a", "a/one", "b"]


def test_a_short_form_is_a_slice_of_its_choice(registry: Registry) -> None:
    found = made(registry, of("Observation", row("Observation.valueQuantity", min=1)))
    choice, slice_ = (
        element(found, id) for id in ("Observation.value[x]", "Observation.value[x]:valueQuantity")
    )
    assert choice.slicing == Slicing((Discriminator("type", "$this"),), "closed")
    assert choice.types == slice_.types == (TypeRef("Quantity"),)
    assert (choice.min, slice_.min, slice_.max) == (0, 1, 1)


def test_a_profiled_type_is_walked_into_by_its_profile(registry: Registry) -> None:
    inner = profile("Inner", TYPE + "HumanName", row("HumanName.family", min=1), type="HumanName")
    inner |= {"kind": "complex-type"}
    outer = of(
        "Patient",
        row("Patient.name", type=[{"code": "HumanName", "profile": [OWN + "Inner"]}]),
        row("Patient.name.given", min=1),
    )
    found = made(registry, inner, outer)
    assert element(found, "Patient.name.family").min == 1


def test_a_profile_of_a_profile_adds_to_it(registry: Registry) -> None:
    first = of("Patient", row("Patient.name", min=1)) | {"url": OWN + "first"}
    second = profile("second", OWN + "first", row("Patient.birthDate", min=1), type="Patient")
    found = made(registry, first, second)
    assert [element(found, id).min for id in ("Patient.name", "Patient.birthDate")] == [1, 1]


def test_rows_without_ids_follow_from_paths_and_slice_names(registry: Registry) -> None:
    rows = [
        row("Observation.component", slicing=BY_CODE),
        row("Observation.component:a", min=1),
        row("Observation.component:a.code", min=1),
        row("Observation.component:a.interpretation", max="0"),
        row("Observation.component:b"),
        row("Observation.component:b.interpretation", min=1),
    ]
    bare = [{key: value for key, value in each.items() if key != "id"} for each in rows]
    assert made(registry, of("Observation", *bare)) == made(registry, of("Observation", *rows))


@pytest.mark.parametrize(
    ("rows", "place", "reason"),
    [
        pytest.param([row("Patient.nome", min=1)], "Patient.nome", "Patient has no element 'nome'", id="path"),
        pytest.param([row("Person.name")], "Person.name", "begins with 'Person'", id="other-type"),
        pytest.param([row("Patient.link.other", min=0)], "Patient.link.other", "min 0 is lower", id="wider-min"),
        pytest.param([row("Patient.gender", max="2")], "Patient.gender", "max 2 is higher than the 1", id="max"),
        pytest.param([row("Patient.gender", max="*")], "Patient.gender", "max * is higher", id="unbounded"),
        pytest.param([row("Patient.name", min=2, max="1")], "Patient.name", "min 2 is higher than max 1", id="none"),
        pytest.param(
            [row("Patient.name", type=[{"code": "Address"}])], "Patient.name", "none of the base's", id="type"
        ),
        pytest.param([row("Patient.name:a")], "Patient.name:a", "name is not sliced", id="no-slicing"),
        pytest.param(
            [row("Patient.name", slicing=BY_CODE), row("Patient.name:a.family")],
            "Patient.name:a.family", "has no slice 'a'", id="no-slice",
        ),
        pytest.param([row("Patient.name", min="one")], "Patient.name", "min is no number", id="malformed"),
        pytest.param([row("Patient.gender.x")], "Patient.gender.x", "has no element 'x'", id="below-primitive"),
    ],
)  # fmt: skip
def test_a_contradiction_names_definition_and_element(
    registry: Registry, rows: list[dict[str, Any]], place: str, reason: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        made(registry, of("Patient", *rows))
    assert (caught.value.definition, caught.value.element) == (OWN + "P", place)
    assert reason in caught.value.reason


def test_a_definition_that_is_based_on_itself_is_refused(registry: Registry) -> None:
    trees = [profile("a", OWN + "b", type="Patient"), profile("b", OWN + "a", type="Patient")]
    with pytest.raises(DefinitionError, match="is based on itself"):
        made(registry, *trees)


@pytest.mark.parametrize("base", [OWN + "nowhere", None])
def test_a_base_that_is_not_known_is_named(registry: Registry, base: str | None) -> None:
    tree = profile("a", OWN + "nowhere") if base else {**profile("a", ""), "baseDefinition": None}
    with pytest.raises(DefinitionError, match=r"not known|is no text"):
        made(registry, tree)


def test_a_definition_may_contain_itself(registry: Registry) -> None:
    tree = profile(
        "loop", TYPE + "Extension",
        row("Extension.extension:again", type=[{"code": "Extension", "profile": [OWN + "loop"]}]),
        row("Extension.extension:again.url", min=1),
        type="Extension",
    )  # fmt: skip
    found = made(registry, tree | {"kind": "complex-type"})
    assert element(found, "Extension.extension:again").types == (TypeRef("Extension", (), (OWN + "loop",)),)
