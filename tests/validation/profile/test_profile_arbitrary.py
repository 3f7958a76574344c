"""Whatever the JSON, and whatever the profile says, validation returns issues and never raises."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.model.outcome import SITUATIONS, operation_outcome
from fhir_server.validation.validator import Validator
from profiles.definitions import Profile
from profiles.registry import Registry
from tests.validation.profile.making import Bench, profile, row, slicing
from tests.validation.profile.shipped import validator_of
from tests.validation.profile.test_must_show import IPS, french_patient, ips
from tests.validation.profile.test_profile_damage import VITAL_SIGNS, blood_pressure

SEEDS = (ips, french_patient, blood_pressure)
PROFILES = (IPS + "Bundle-uv-ips", VITAL_SIGNS, "http://hl7.org/fhir/StructureDefinition/Extension", "|", "")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.text(max_size=5),
    st.sampled_from(["Patient", "#", "#a", "Patient/1"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "extension",
                    "url",
                    "id",
                    "entry",
                    "resource",
                    "_value",
                    "coding",
                    "valueString",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def validator(shipped: Registry) -> Validator:
    return validator_of(shipped)


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [place] if place else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        found.extend(places(each, (*place, key)))
    return found


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_resource_with_anything_in_its_place_is_answered_with_issues(
    validator: Validator, data: st.DataObject
) -> None:
    resource = deepcopy(data.draw(st.sampled_from(SEEDS))())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(resource)))
        holder = resource
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = data.draw(values)
        if not places(resource):
            break
    asked = data.draw(st.lists(st.sampled_from(PROFILES), max_size=2))
    issues = validator.validate(resource, profiles=asked)
    assert all(issue.situation in SITUATIONS for issue in issues)
    if issues:
        assert operation_outcome(issues)["issue"]


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(resource=values, kind=st.sampled_from(["Patient", "Bundle", "Observation", "Extension", ""]))
def test_whatever_json_is_answered_with_issues(validator: Validator, resource: Any, kind: str) -> None:
    given_tree = {"resourceType": kind} | resource if isinstance(resource, dict) else resource
    assert isinstance(validator.validate(given_tree, profiles=[VITAL_SIGNS]), list)


ODD: tuple[Profile, ...] = (
    profile("odd-path", "Patient", row("Patient.name.nothing.deeper", 1), row("Other.path", 1)),
    profile("odd-slices", "Patient", row("Patient.name:alone", 1, "1"), row("Patient.name:alone/again", 1)),
    profile("odd-route", "Patient", row("Patient.name", slicing=slicing(("value", "a.b(c"))), row("Patient.name:a", 1)),
    profile("odd-fixed", "Patient", row("Patient.name", fixedString="x"), row("Patient.active", patternQuantity={"value": 1})),
    profile("odd-bounds", "Patient", row("Patient.name", 3, "1"), row("Patient.birthDate", minValueQuantity={"value": 1})),
    profile("odd-content", "Patient", row("Patient.name", contentReference="#Nowhere.at")),
    profile("odd-types", "Patient", row("Patient.name", types=["Nothing"]), row("Patient.active", types=[])),
    profile("odd-self", "Patient", row("Patient.link"), row("Patient.link.other", types=[{"code": "Reference", "targetProfile": ["https://example.org/fhir/StructureDefinition/odd-self"]}])),
)  # fmt: skip


@pytest.mark.parametrize("asked", [pytest.param(each, id=each.name) for each in ODD])
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=values, link=values)
def test_an_odd_definition_never_raises(bench: Bench, asked: Profile, name: Any, link: Any) -> None:
    resource = {"resourceType": "Patient", "name": name, "active": True, "birthDate": "1970", "link": link}
    validator = bench.with_definitions(asked)
    assert isinstance(validator.validate(resource, profiles=[asked.url]), list)
    right = {"resourceType": "Patient", "name": [{"text": "x"}], "active": True, "birthDate": "1970"}
    link_to_itself = [{"other": {"reference": "Patient/1"}, "type": "refer"}]
    known = {"Patient/1": right | {"link": link_to_itself}}
    assert isinstance(
        validator.validate(right | {"link": link_to_itself}, profiles=[asked.url], resolve=known.get), list
    )
