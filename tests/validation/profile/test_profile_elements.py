"""What a profile asks of single elements.  https://hl7.org/fhir/R4/elementdefinition.html"""

from __future__ import annotations

from typing import Any

import pytest

from tests.validation.profile.making import BASE, Bench, found, profile, row, tree

UCUM = "http://unitsofmeasure.org"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "active": True,
    "birthDate": "1970-05-03",
    "name": [{"family": "Test", "given": ["A", "B"]}],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}], "text": "rate"},
    "valueQuantity": {"value": 80, "unit": "/min", "system": UCUM, "code": "/min"},
}


@pytest.mark.parametrize(
    ("element", "resource", "situation", "place"),
    [
        pytest.param(row("Patient.gender", 1, "1"), PATIENT, "missing-element", "Patient.gender", id="min"),
        pytest.param(
            row("Patient.name", 0, "1"),
            PATIENT | {"name": [{"text": "a"}, {"text": "b"}]},
            "cardinality",
            "Patient.name",
            id="max",
        ),
        pytest.param(row("Patient.active", 0, "0"), PATIENT, "cardinality", "Patient.active", id="max-0"),
        pytest.param(
            row("Observation.value[x]", types=["string", "CodeableConcept"]),
            OBSERVATION,
            "wrong-type",
            "Observation.value",
            id="choice-narrowed",
        ),
        pytest.param(
            row("Observation.valueString", 1, "1", types=["string"]),
            OBSERVATION,
            "missing-element",
            "Observation.valueString",
            id="choice-by-the-name-of-a-type",
        ),
        pytest.param(
            row("Patient.active", fixedBoolean=False), PATIENT, "fixed-value", "Patient.active", id="fixed"
        ),
        pytest.param(
            row("Observation.code", fixedCodeableConcept={"text": "rate"}),
            OBSERVATION,
            "fixed-value",
            "Observation.code",
            id="fixed-is-exact",
        ),
        pytest.param(
            row("Observation.code", patternCodeableConcept={"coding": [{"code": "9999-9"}]}),
            OBSERVATION,
            "fixed-value",
            "Observation.code",
            id="pattern",
        ),
        pytest.param(
            row("Patient.birthDate", minValueDate="1980-01-01"),
            PATIENT,
            "illegal-value",
            "Patient.birthDate",
            id="min-value-of-a-date",
        ),
        pytest.param(
            row("Observation.value[x]", maxValueQuantity={"value": 1, "system": UCUM, "code": "/s"}),
            OBSERVATION,
            "illegal-value",
            "Observation.value",
            id="max-value-in-another-unit",
        ),
        pytest.param(
            row("Patient.name.family", maxLength=3),
            PATIENT,
            "illegal-value",
            "Patient.name[0].family",
            id="max-length",
        ),
    ],
)
def test_a_broken_element_is_one_issue_at_its_place(
    bench: Bench, element: dict[str, Any], resource: dict[str, Any], situation: str, place: str
) -> None:
    rows = [element]
    if element["path"].count(".") > 1:
        rows.insert(0, row("Patient.name"))
    asked = profile("broken", resource["resourceType"], *rows)
    issues = bench.with_definitions(asked).validate(tree(resource), profiles=[asked.url])
    assert found(issues) == [("error", situation, place)]
    assert all(issue.profile == f"{BASE}broken|1.0" for issue in issues)


@pytest.mark.parametrize(
    ("element", "resource"),
    [
        pytest.param(row("Patient.name", 1, "1"), PATIENT, id="within-the-cardinality"),
        pytest.param(
            row("Observation.code", patternCodeableConcept={"coding": [{"code": "8867-4"}]}),
            OBSERVATION,
            id="pattern-is-part-of-the-value",
        ),
        pytest.param(
            row("Observation.value[x]", types=["Quantity"], patternQuantity={"value": 80, "code": "/min"}),
            OBSERVATION,
            id="pattern-of-one-type-of-a-choice",
        ),
        pytest.param(row("Patient.birthDate", maxValueDate="1970-05-03"), PATIENT, id="bound-itself"),
        pytest.param(row("Patient.birthDate", minValueDate="1970"), PATIENT, id="less-precise-bound-is-open"),
        pytest.param(row("Patient.name.family", maxLength=4), PATIENT, id="as-long-as-allowed"),
    ],
)
def test_what_keeps_the_profile_has_no_issue(
    bench: Bench, element: dict[str, Any], resource: dict[str, Any]
) -> None:
    rows = [row("Patient.name"), element] if element["path"].count(".") > 1 else [element]
    asked = profile("kept", resource["resourceType"], *rows)
    assert bench.with_definitions(asked).validate(tree(resource), profiles=[asked.url]) == []


@pytest.mark.parametrize(
    ("literal", "is_same"), [("80", True), ("80.0", True), ("8e1", True), ("80.1", False)]
)
def test_numbers_are_compared_by_value(bench: Bench, literal: str, is_same: bool) -> None:
    asked = profile("number", "Observation", row("Observation.value[x]", patternQuantity={"value": 80}))
    text = (
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":'
        + literal
        + "}}"
    )
    issues = bench.with_definitions(asked).validate(tree(text), profiles=[asked.url])
    assert (issues == []) is is_same


@pytest.mark.parametrize(("value", "is_right"), [(59, True), (60, True), (61, False)])
def test_bounds_of_quantities_hold_across_units(bench: Bench, value: int, is_right: bool) -> None:
    limit = {"value": 1, "system": UCUM, "code": "h"}
    asked = profile("bound", "Observation", row("Observation.value[x]", maxValueQuantity=limit))
    resource = OBSERVATION | {"valueQuantity": {"value": value, "system": UCUM, "code": "min"}}
    issues = bench.with_definitions(asked).validate(tree(resource), profiles=[asked.url])
    assert (issues == []) is is_right


def test_a_primitive_without_a_value_counts_as_present_but_is_not_the_fixed_value(bench: Bench) -> None:
    absent = {"extension": [{"url": "https://example.org/why", "valueCode": "unknown"}]}
    resource = {"resourceType": "Patient", "_birthDate": absent}
    needed = profile("needed", "Patient", row("Patient.birthDate", 1, "1"))
    fixed = profile("fixed", "Patient", row("Patient.birthDate", fixedDate="1970-05-03"))
    validator = bench.with_definitions(needed, fixed)
    assert validator.validate(tree(resource), profiles=[needed.url]) == []
    assert found(validator.validate(tree(resource), profiles=[fixed.url])) == [
        ("error", "fixed-value", "Patient.birthDate")
    ]


def test_a_content_reference_repeats_the_children_of_its_target_however_deep(bench: Bench) -> None:
    asked = profile(
        "items",
        "Questionnaire",
        row("Questionnaire.item"),
        row("Questionnaire.item.text", 1, "1"),
        row("Questionnaire.item.item", contentReference="#Questionnaire.item"),
    )
    item = {"linkId": "1", "type": "group", "text": "a", "item": [{"linkId": "2", "type": "display"}]}
    resource = {"resourceType": "Questionnaire", "status": "draft", "item": [item]}
    issues = bench.with_definitions(asked).validate(tree(resource), profiles=[asked.url])
    assert found(issues) == [("error", "missing-element", "Questionnaire.item[0].item[0].text")]


def test_an_element_that_its_type_does_not_have_is_named_and_the_rest_is_checked(bench: Bench) -> None:
    asked = profile("wrong", "Patient", row("Patient.tail", 1, "1"), row("Patient.gender", 1, "1"))
    issues = bench.with_definitions(asked).validate(tree(PATIENT), profiles=[asked.url])
    assert sorted(found(issues)) == [
        ("error", "missing-element", "Patient.gender"),
        ("warning", "faulty-profile", "Patient"),
    ]
    assert "element Patient.tail" in next(issue.text for issue in issues if issue.severity == "warning")


@pytest.mark.parametrize("is_claimed", [True, False])
def test_a_profile_for_another_type_is_an_error(bench: Bench, is_claimed: bool) -> None:
    asked = profile("other", "Observation")
    resource = PATIENT | ({"meta": {"profile": [asked.url]}} if is_claimed else {})
    issues = bench.with_definitions(asked).validate(
        tree(resource), profiles=[] if is_claimed else [asked.url]
    )
    assert found(issues) == [("error", "profile-mismatch", "Patient")]


def test_an_unknown_profile_is_an_error_where_it_is_asked_for_and_a_warning_where_it_is_claimed(
    bench: Bench,
) -> None:
    validator = bench.with_definitions()
    claimed = tree(PATIENT | {"meta": {"profile": [BASE + "unheard"]}})
    assert found(validator.validate(claimed)) == [("warning", "unknown-profile", "Patient.meta.profile[0]")]
    assert found(validator.validate(tree(PATIENT), profiles=[BASE + "unheard"])) == [
        ("error", "unknown-profile", "Patient")
    ]


def test_a_type_by_its_canonical_is_a_profile_too(bench: Bench) -> None:
    validator = bench.with_definitions()
    types = "http://hl7.org/fhir/StructureDefinition/"
    assert validator.validate(tree(PATIENT), profiles=[types + "Patient", types + "DomainResource"]) == []
    assert found(validator.validate(tree(PATIENT), profiles=[types + "Group"])) == [
        ("error", "profile-mismatch", "Patient")
    ]


def test_the_place_of_a_resource_in_a_request_leads_its_expressions(bench: Bench) -> None:
    asked = profile("placed", "Patient", row("Patient.gender", 1, "1"))
    issues = bench.with_definitions(asked).validate(
        tree(PATIENT), profiles=[asked.url], at="Bundle.entry[3].resource"
    )
    assert found(issues) == [("error", "missing-element", "Bundle.entry[3].resource.gender")]


def test_what_is_contained_and_what_is_in_a_bundle_is_held_to_what_it_claims(bench: Bench) -> None:
    asked = profile("inner", "Patient", row("Patient.gender", 1, "1"))
    inner = PATIENT | {"meta": {"profile": [asked.url]}}
    container = {
        "resourceType": "Basic",
        "code": {"text": "x"},
        "subject": {"reference": "#p"},
        "contained": [inner | {"id": "p"}],
    }
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": inner}]}
    validator = bench.with_definitions(asked)
    assert found(validator.validate(tree(container))) == [
        ("error", "missing-element", "Basic.contained[0].gender")
    ]
    assert found(validator.validate(tree(bundle))) == [
        ("error", "missing-element", "Bundle.entry[0].resource.gender")
    ]


@pytest.mark.parametrize(
    ("system", "code", "is_in"),
    [
        pytest.param("http://unitsofmeasure.org", "mm[Hg]", True, id="a-unit"),
        pytest.param("http://unitsofmeasure.org", "mm Hg", False, id="no-unit-has-a-blank"),
        pytest.param("http://example.org/units", "mm[Hg]", False, id="another-system"),
    ],
)
def test_a_set_that_no_list_holds_is_known_by_its_rule(
    bench: Bench, system: str, code: str, is_in: bool
) -> None:
    units = {"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/ucum-units|4.0.1"}
    asked = profile("units", "Basic", row("Basic.code", 1, "1", types=["CodeableConcept"], binding=units))
    basic = tree({"resourceType": "Basic", "code": {"coding": [{"system": system, "code": code}]}})
    issues = found(bench.with_definitions(asked).validate(basic, profiles=[asked.url]))
    assert issues == ([] if is_in else [("error", "code-not-in-value-set", "Basic.code")])
