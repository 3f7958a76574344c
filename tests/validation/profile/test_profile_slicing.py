"""Slices: how they are recognised, and how many there may be.  https://hl7.org/fhir/R4/profiling.html#slicing"""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.validation.validator import Validator
from profiles.definitions import Profile
from tests.validation.profile.making import BASE, Bench, found, profile, row, slicing, tree, value_set

NATIONAL = "https://example.org/national"
LOCAL = "https://example.org/local"


def patient(*identifiers: dict[str, Any]) -> Any:
    return tree(
        {"resourceType": "Patient", "identifier": list(identifiers)}
        if identifiers
        else {"resourceType": "Patient"}
    )


def by_system(rules: str = "open", ordered: bool = False, least: int = 1) -> Profile:
    return profile(
        "by-system",
        "Patient",
        row("Patient.identifier", slicing=slicing(("value", "system"), rules=rules, ordered=ordered)),
        row("Patient.identifier:national", least, "1"),
        row("Patient.identifier:national.system", 1, "1", fixedUri=NATIONAL),
        row("Patient.identifier:national.value", 1, "1"),
        row("Patient.identifier:local"),
        row("Patient.identifier:local.system", 1, "1", fixedUri=LOCAL),
    )


ONE = {"system": NATIONAL, "value": "1"}
OTHER = {"system": LOCAL, "value": "2"}
FOREIGN = {"system": "https://example.org/foreign", "value": "3"}


@pytest.mark.parametrize(
    ("asked", "identifiers", "expected"),
    [
        pytest.param(by_system(), [ONE, OTHER, FOREIGN], [], id="open"),
        pytest.param(
            by_system(), [OTHER], [("error", "missing-element", "Patient.identifier")], id="slice-is-missing"
        ),
        pytest.param(
            by_system(), [], [("error", "missing-element", "Patient.identifier")], id="element-is-missing"
        ),
        pytest.param(
            by_system(), [ONE, ONE], [("error", "cardinality", "Patient.identifier")], id="slice-twice"
        ),
        pytest.param(
            by_system(),
            [OTHER, {"system": NATIONAL}],
            [("error", "missing-element", "Patient.identifier[1].value")],
            id="what-the-slice-asks-inside",
        ),
        pytest.param(
            by_system("closed"),
            [ONE, FOREIGN],
            [("error", "no-such-slice", "Patient.identifier[1]")],
            id="closed",
        ),
        pytest.param(by_system("openAtEnd"), [ONE, OTHER, FOREIGN], [], id="others-at-the-end"),
        pytest.param(
            by_system("openAtEnd"),
            [FOREIGN, ONE],
            [("error", "no-such-slice", "Patient.identifier[1]")],
            id="others-before-the-end",
        ),
        pytest.param(by_system(ordered=True), [ONE, FOREIGN, OTHER], [], id="in-order"),
        pytest.param(
            by_system(ordered=True),
            [OTHER, ONE],
            [("error", "no-such-slice", "Patient.identifier[1]")],
            id="out-of-order",
        ),
        pytest.param(by_system(least=0), [], [], id="nothing-needed"),
    ],
)
def test_repetitions_fall_into_slices(
    bench: Bench, asked: Profile, identifiers: list[dict[str, Any]], expected: list[Any]
) -> None:
    assert (
        found(bench.with_definitions(asked).validate(patient(*identifiers), profiles=[asked.url])) == expected
    )


def coded(*discriminators: tuple[str, str], rows: list[dict[str, Any]]) -> Profile:
    return profile(
        "coded",
        "Observation",
        row("Observation.component", slicing=slicing(*discriminators, rules="closed")),
        *rows,
    )


def observation(*components: dict[str, Any]) -> Any:
    return tree(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "component": list(components),
        }
    )


SYSTOLIC = {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, "valueInteger": 120}
NAMED = {"code": {"text": "other"}, "valueString": "high"}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(
            coded(
                ("pattern", "code"),
                rows=[
                    row("Observation.component:a"),
                    row(
                        "Observation.component:a.code",
                        1,
                        "1",
                        patternCodeableConcept={"coding": [{"code": "8480-6"}]},
                    ),
                ],
            ),
            id="pattern",
        ),
        pytest.param(
            coded(
                ("value", "code.coding.code"),
                rows=[
                    row("Observation.component:a"),
                    row(
                        "Observation.component:a.code",
                        1,
                        "1",
                        patternCodeableConcept={"coding": [{"code": "8480-6"}]},
                    ),
                ],
            ),
            id="path-into-a-pattern",
        ),
        pytest.param(
            coded(
                ("value", "code"),
                rows=[
                    row("Observation.component:a"),
                    row("Observation.component:a.code", 1, "1"),
                    row("Observation.component:a.code.coding", 1),
                    row("Observation.component:a.code.coding.code", 1, "1", fixedCode="8480-6"),
                ],
            ),
            id="value-below-the-path",
        ),
        pytest.param(
            coded(
                ("exists", "code.coding"),
                rows=[
                    row("Observation.component:a"),
                    row("Observation.component:a.code", 1, "1"),
                    row("Observation.component:a.code.coding", 1),
                ],
            ),
            id="exists",
        ),
        pytest.param(
            coded(
                ("exists", "code.text"),
                rows=[
                    row("Observation.component:a"),
                    row("Observation.component:a.code", 1, "1"),
                    row("Observation.component:a.code.text", 0, "0"),
                ],
            ),
            id="exists-not",
        ),
        pytest.param(
            coded(
                ("type", "value"),
                rows=[
                    row("Observation.component:a"),
                    row("Observation.component:a.value[x]", 1, "1", types=["integer"]),
                ],
            ),
            id="type",
        ),
        pytest.param(
            coded(
                ("value", "value.ofType(integer)"),
                rows=[
                    row("Observation.component:a"),
                    row("Observation.component:a.value[x]", 1, "1", types=["integer"], fixedInteger=120),
                ],
            ),
            id="of-type",
        ),
        pytest.param(
            coded(
                ("value", "$this"),
                rows=[
                    row("Observation.component:a"),
                    row("Observation.component:a.value[x]", 1, "1", types=["integer"], fixedInteger=120),
                ],
            ),
            id="this",
        ),
    ],
)
def test_a_discriminator_tells_a_slice_from_the_rest(bench: Bench, asked: Profile) -> None:
    validator = bench.with_definitions(asked)
    assert validator.validate(observation(SYSTOLIC), profiles=[asked.url]) == []
    assert found(validator.validate(observation(SYSTOLIC, NAMED), profiles=[asked.url])) == [
        ("error", "no-such-slice", "Observation.component[1]")
    ]


def test_a_required_binding_discriminates_and_an_unknown_value_set_leaves_it_open(bench: Bench) -> None:
    rows = [
        row("Observation.component:a", 1, "1"),
        row(
            "Observation.component:a.code",
            1,
            "1",
            binding={"strength": "required", "valueSet": "https://example.org/fhir/ValueSet/pressure"},
        ),
    ]
    asked = coded(("value", "code"), rows=rows)
    pressure = value_set("pressure", "http://loinc.org", "8480-6")
    known = bench.with_definitions(asked, value_sets=[pressure])
    assert known.validate(observation(SYSTOLIC), profiles=[asked.url]) == []
    assert ("error", "no-such-slice", "Observation.component[0]") in found(
        known.validate(observation(NAMED | {"code": {"coding": [{"code": "x"}]}}), profiles=[asked.url])
    )
    unknown = bench.with_definitions(asked)
    assert unknown.validate(observation(NAMED), profiles=[asked.url]) == []


def test_the_types_of_a_choice_are_slices(bench: Bench) -> None:
    asked = profile(
        "typed",
        "Observation",
        row("Observation.value[x]", slicing=slicing(("type", "$this")), types=["Quantity", "string"]),
        row("Observation.value[x]:valueQuantity", 0, "1", types=["Quantity"]),
        row("Observation.value[x]:valueQuantity.unit", 1, "1"),
    )
    resource = tree(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "valueQuantity": {"value": 1},
        }
    )
    assert found(bench.with_definitions(asked).validate(resource, profiles=[asked.url])) == [
        ("error", "missing-element", "Observation.value.unit")
    ]


def test_a_slice_can_be_sliced_again(bench: Bench) -> None:
    asked = profile(
        "again",
        "Patient",
        row("Patient.identifier", slicing=slicing(("value", "system"))),
        row("Patient.identifier:national", 1, slicing=slicing(("value", "use"))),
        row("Patient.identifier:national.system", 1, "1", fixedUri=NATIONAL),
        row("Patient.identifier:national/official", 1, "1"),
        row("Patient.identifier:national/official.system", 1, "1", fixedUri=NATIONAL),
        row("Patient.identifier:national/official.use", 1, "1", fixedCode="official"),
    )
    validator = bench.with_definitions(asked)
    assert validator.validate(patient(ONE | {"use": "official"}, ONE), profiles=[asked.url]) == []
    issues = validator.validate(patient(ONE), profiles=[asked.url])
    assert found(issues) == [("error", "missing-element", "Patient.identifier")]
    assert "national/official" in issues[0].text


def _bundle_profiles() -> list[Profile]:
    woman = profile("woman", "Patient", row("Patient.gender", 1, "1", fixedCode="female"))
    bundle = profile(
        "bundle",
        "Bundle",
        row("Bundle.entry", slicing=slicing(("profile", "resource"))),
        row("Bundle.entry:woman", 1, "1"),
        row("Bundle.entry:woman.resource", 1, "1", types=[{"code": "Patient", "profile": [woman.url]}]),
    )
    return [woman, bundle]


@pytest.mark.parametrize(
    ("patients", "expected"),
    [
        pytest.param([{"gender": "female"}, {"gender": "male"}], [], id="one-conforms"),
        pytest.param(
            [{"gender": "male"}],
            [("error", "fixed-value", "Bundle.entry[0].resource.gender")],
            id="the-only-candidate-says-what-is-wrong",
        ),
        pytest.param(
            [{"gender": "male"}, {"active": True}],
            [("error", "missing-element", "Bundle.entry")],
            id="several-candidates",
        ),
        pytest.param(
            [{"gender": "male", "meta": {"profile": [BASE + "woman"]}}],
            [("error", "fixed-value", "Bundle.entry[0].resource.gender")],
            id="what-claims-the-profile-is-meant",
        ),
    ],
)
def test_a_profile_discriminates(bench: Bench, patients: list[dict[str, Any]], expected: list[Any]) -> None:
    definitions = _bundle_profiles()
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Patient"} | each} for each in patients],
    }
    validator: Validator = bench.with_definitions(*definitions)
    assert found(validator.validate(tree(bundle), profiles=[definitions[1].url])) == expected


def test_a_discriminator_reaches_through_a_reference(bench: Bench) -> None:
    asked = profile(
        "team",
        "CareTeam",
        row("CareTeam.participant", slicing=slicing(("type", "member.resolve()"), rules="closed")),
        row("CareTeam.participant:person"),
        row(
            "CareTeam.participant:person.member",
            1,
            "1",
            types=[
                {
                    "code": "Reference",
                    "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Practitioner"],
                }
            ],
        ),
    )
    contained = [
        {"resourceType": "Practitioner", "id": "p"},
        {"resourceType": "Organization", "id": "o", "name": "x"},
    ]
    team = {"resourceType": "CareTeam", "contained": contained}
    resource = team | {"participant": [{"member": {"reference": "#p"}}, {"member": {"reference": "#o"}}]}
    assert found(bench.with_definitions(asked).validate(tree(resource), profiles=[asked.url])) == [
        ("error", "no-such-slice", "CareTeam.participant[1]")
    ]


def test_a_discriminator_reaches_into_an_extension(bench: Bench) -> None:
    colour = "https://example.org/colour"
    asked = profile(
        "coloured",
        "Patient",
        row("Patient.identifier", slicing=slicing(("value", f"extension('{colour}').value"), rules="closed")),
        row("Patient.identifier:red"),
        row("Patient.identifier:red.extension", slicing=slicing(("value", "url"))),
        row("Patient.identifier:red.extension:colour", 1, "1"),
        row("Patient.identifier:red.extension:colour.url", 1, "1", fixedUri=colour),
        row("Patient.identifier:red.extension:colour.value[x]", 1, "1", types=["code"], fixedCode="red"),
    )
    red = ONE | {"extension": [{"url": colour, "valueCode": "red"}]}
    blue = ONE | {"extension": [{"url": colour, "valueCode": "blue"}]}
    assert found(bench.with_definitions(asked).validate(patient(red, blue), profiles=[asked.url])) == [
        ("error", "no-such-slice", "Patient.identifier[1]")
    ]


def test_what_a_slice_leaves_out_tells_it_from_the_rest(bench: Bench) -> None:
    asked = profile(
        "useless",
        "Patient",
        row("Patient.identifier", slicing=slicing(("value", "system"), ("value", "use"), rules="closed")),
        row("Patient.identifier:plain"),
        row("Patient.identifier:plain.system", 1, "1", fixedUri=NATIONAL),
        row("Patient.identifier:plain.use", 0, "0"),
    )
    issues = bench.with_definitions(asked).validate(patient(ONE, ONE | {"use": "old"}), profiles=[asked.url])
    assert found(issues) == [("error", "no-such-slice", "Patient.identifier[1]")]


def test_a_profile_that_is_not_named_discriminates_nothing(bench: Bench) -> None:
    asked = profile(
        "half",
        "Patient",
        row("Patient.identifier", slicing=slicing(("value", "system"), ("profile", "assigner"))),
        row("Patient.identifier:national", 1, "1"),
        row("Patient.identifier:national.system", 1, "1", fixedUri=NATIONAL),
        row("Patient.identifier:national.assigner", types=["Reference"]),
    )
    assert bench.with_definitions(asked).validate(patient(ONE), profiles=[asked.url]) == []


def test_slices_speak_instead_of_the_element_that_a_content_reference_names(bench: Bench) -> None:
    asked = profile(
        "group",
        "Parameters",
        row("Parameters.parameter"),
        row("Parameters.parameter.name", 1, "1", patternString="outer"),
        row(
            "Parameters.parameter.part",
            slicing=slicing(("value", "name")),
            contentReference="#Parameters.parameter",
        ),
        row("Parameters.parameter.part:inner", 1, "1"),
        row("Parameters.parameter.part:inner.name", 1, "1", fixedString="inner"),
    )
    part = {"name": "inner", "valueBoolean": True}
    resource = {"resourceType": "Parameters", "parameter": [{"name": "outer", "part": [part]}]}
    assert bench.with_definitions(asked).validate(tree(resource), profiles=[asked.url]) == []


def test_a_profile_of_any_resource_is_asked_of_the_one_that_is_there(bench: Bench) -> None:
    named = profile("named", "Patient", row("Patient.name", 1))
    asked = profile(
        "holder",
        "Parameters",
        row("Parameters.parameter"),
        row("Parameters.parameter.resource", 1, "1", types=[{"code": "Resource", "profile": [named.url]}]),
    )
    inner = {"name": "p", "resource": {"resourceType": "Patient", "active": True}}
    issues = bench.with_definitions(named, asked).validate(
        tree({"resourceType": "Parameters", "parameter": [inner]}), profiles=[asked.url]
    )
    assert found(issues) == [("error", "missing-element", "Parameters.parameter[0].resource.name")]
