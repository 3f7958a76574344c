"""A valid instance of a shipped profile, damaged at a place that the profile speaks of, has an error there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.validation.validator import Validator
from profiles.definitions import Profile, ProfileElement
from profiles.registry import Registry
from tests.validation.profile.making import tree
from tests.validation.profile.shipped import errors, plain_validator_of
from tests.validation.profile.test_must_show import FR_PATIENT, french_patient, ips

VITAL_SIGNS = "http://hl7.org/fhir/StructureDefinition/bp"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"

Place = tuple[str | int, ...]
Damage = tuple[str, Place, Callable[[Any, Any], None]]


def pressure(code: str, value: int) -> dict[str, Any]:
    return {
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "valueQuantity": {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
    }


def blood_pressure() -> dict[str, Any]:
    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [category]}],
        "code": {"coding": [{"system": LOINC, "code": "85354-9"}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2025-04-29T12:00:00+01:00",
        "component": [pressure("8480-6", 120), pressure("8462-4", 80)],
    }


def composition() -> dict[str, Any]:
    found = ips()["entry"][0]["resource"]
    del found["meta"]
    return dict(found)


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    VITAL_SIGNS: blood_pressure,
    FR_PATIENT: french_patient,
    "http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips": composition,
}


def plain_elements(profile: Profile) -> Iterator[ProfileElement]:
    """Yield the elements outside of slices and choices, whose place in an instance their path tells."""
    for element in profile.elements[1:]:
        if ":" not in element.id and "[x]" not in element.id and element.max != 0:
            yield element


def places_of(resource: Any, path: str) -> Iterator[Place]:
    """Yield where an instance has the elements of a path, the lists themselves."""

    def walk(value: Any, place: Place, names: list[str]) -> Iterator[Place]:
        if isinstance(value, list):
            for index, each in enumerate(value):
                yield from walk(each, (*place, index), names)
        elif isinstance(value, dict) and names and names[0] in value:
            below = (*place, names[0])
            if len(names) == 1:
                yield below
            else:
                yield from walk(value[names[0]], below, names[1:])

    yield from walk(resource, (), path.split(".")[1:])


def expression_of(resource: Any, place: Place) -> str:
    text = str(resource["resourceType"])
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text


def damages_of(profile: Profile, resource: Any) -> Iterator[Damage]:
    """Yield (kind, place, what to do with the holder and the key there)."""
    for element in plain_elements(profile):
        for place in places_of(resource, element.path):
            if element.min > 0:
                yield "absent", place, lambda holder, key: holder.pop(key)
            if element.max == 1 and isinstance(at(resource, place), list):
                yield "twice", place, lambda holder, key: holder.update({key: holder[key] * 2})
            if element.fixed is not None or element.pattern is not None:
                yield "other-value", place, lambda holder, key: holder.update({key: other(holder[key])})


def at(resource: Any, place: Place) -> Any:
    for step in place:
        resource = resource[step]
    return resource


def other(value: Any) -> Any:
    """Return a value of the same shape that no definition asks for."""
    if isinstance(value, dict):
        return {"text": "other"} if "coding" in value else {key: other(each) for key, each in value.items()}
    if isinstance(value, list):
        return [other(each) for each in value]
    return "other" if isinstance(value, str) else value


@pytest.fixture(scope="module")
def validator(shipped: Registry) -> Validator:
    return plain_validator_of(shipped)


@pytest.mark.parametrize("canonical", CASES)
def test_the_undamaged_instance_has_no_errors(validator: Validator, canonical: str) -> None:
    assert errors(validator.validate(tree(CASES[canonical]()), profiles=[canonical])) == []


@pytest.mark.parametrize("canonical", CASES)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_at_a_profiled_place_is_an_error_at_that_place(
    validator: Validator, shipped: Registry, canonical: str, data: st.DataObject
) -> None:
    profile = shipped.profile(canonical)
    assert profile is not None
    resource = CASES[canonical]()
    kind, place, apply = data.draw(st.sampled_from(list(damages_of(profile, resource))))
    damaged = deepcopy(resource)
    apply(at(damaged, place[:-1]), place[-1])
    expected = expression_of(resource, place)
    found = [
        str(issue.expression) for issue in errors(validator.validate(tree(damaged), profiles=[canonical]))
    ]
    assert any(each.startswith(expected) for each in found), f"{kind} at {expected}: {found}"


@pytest.mark.parametrize(
    ("slice_name", "index"),
    [pytest.param("SystolicBP", 0, id="systolic"), pytest.param("DiastolicBP", 1, id="diastolic")],
)
def test_a_slice_that_is_taken_away_is_missed_by_its_name(
    validator: Validator, slice_name: str, index: int
) -> None:
    resource = blood_pressure()
    del resource["component"][index]
    (issue,) = errors(validator.validate(tree(resource), profiles=[VITAL_SIGNS]))
    assert (issue.situation, issue.expression) == ("missing-element", "Observation.component")
    assert slice_name in issue.text


@pytest.mark.parametrize(
    ("key", "value"),
    [("code", "kPa"), ("system", "https://example.org/units"), ("value", None), ("unit", None)],
)
def test_what_a_slice_asks_inside_is_an_error_there(
    validator: Validator, key: str, value: str | None
) -> None:
    resource = blood_pressure()
    quantity = resource["component"][1]["valueQuantity"]
    if value is None:
        del quantity[key]
    else:
        quantity[key] = value
    found = {issue.expression for issue in errors(validator.validate(tree(resource), profiles=[VITAL_SIGNS]))}
    # The value set of the whole quantity misses the code as well.
    assert f"Observation.component[1].value.{key}" in found
    assert found <= {f"Observation.component[1].value.{key}", "Observation.component[1].value"}
