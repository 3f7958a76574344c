"""Single elements: extensions, codes, texts, narratives."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.validation.base.checker import BaseChecker
from profiles.registry import Registry
from terminology.local import LocalConcepts
from tests.validation.base.conftest import MODIFIER, ON_NAME, Faults

GENDER = "http://hl7.org/fhir/administrative-gender"


def div(inside: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **elements}


def extended(url: str) -> dict[str, Any]:
    return {"url": url, "valueString": "x"}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        pytest.param(patient(name=[{"extension": [extended(ON_NAME)]}]), None, id="where-it-may-stand"),
        pytest.param(
            patient(contact=[{"name": {"extension": [extended(ON_NAME)]}}]), None, id="by-its-data-type"
        ),
        pytest.param(
            patient(_birthDate={"extension": [extended(ON_NAME)]}),
            ("invariant", "Patient.birthDate.extension[0].url"),
            id="elsewhere",
        ),
        pytest.param(
            patient(extension=[extended(ON_NAME)]),
            ("invariant", "Patient.extension[0].url"),
            id="on-the-root",
        ),
        pytest.param(patient(modifierExtension=[extended(MODIFIER)]), None, id="modifier"),
        pytest.param(
            patient(extension=[extended(MODIFIER)]),
            ("invariant", "Patient.extension[0].url"),
            id="not-modifier",
        ),
        pytest.param(
            patient(extension=[extended("relative")]),
            ("illegal-value", "Patient.extension[0].url"),
            id="relative-url",
        ),
        pytest.param(
            patient(extension=[extended(f"{ON_NAME}|1.0")]),
            ("illegal-value", "Patient.extension[0].url"),
            id="url-with-version",
        ),
        pytest.param(
            patient(extension=[extended("https://example.org/unknown")]),
            ("unknown-element", "Patient.extension[0].url"),
            id="unknown",
        ),
    ],
)
def test_an_extension_stands_where_its_definition_says(
    faults: Faults, resource: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    assert faults(resource) == ([] if expected is None else [expected])


def test_an_unknown_extension_is_an_information_by_default(registry: Registry) -> None:
    resource = patient(extension=[extended("https://example.org/unknown")])
    issues = BaseChecker(registry, LocalConcepts(registry)).issues(resource)
    assert [issue.severity for issue in issues] == ["information"]


@pytest.mark.parametrize(
    ("coding", "expected"),
    [
        pytest.param({"system": GENDER, "code": "male", "display": "Male"}, [], id="right"),
        pytest.param({"system": GENDER, "code": "male", "display": " MALE"}, [], id="case-and-space"),
        pytest.param(
            {"system": GENDER, "code": "male", "display": "Female"},
            [("illegal-value", "Patient.maritalStatus.coding[0].display")],
            id="another-display",
        ),
        pytest.param(
            {"system": GENDER, "code": "nobody"},
            [("code-not-in-value-set", "Patient.maritalStatus.coding[0].code")],
            id="another-code",
        ),
        pytest.param({"system": "https://example.org/codes", "code": "x"}, [], id="unknown-system"),
    ],
)
def test_a_code_is_one_of_its_system(
    faults: Faults, coding: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert faults(patient(maritalStatus={"coding": [coding]})) == expected


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        pytest.param(patient(implicitRules="urn:uuid:1234"), "Patient.implicitRules", id="half-a-uuid"),
        pytest.param(
            patient(implicitRules="urn:uuid:AAAAAAAA-0000-4000-8000-000000000000"),
            "Patient.implicitRules",
            id="uuid-in-capitals",
        ),
        pytest.param(patient(implicitRules="urn:oid:1.02"), "Patient.implicitRules", id="no-oid"),
        pytest.param(patient(photo=[{"data": "SGVsbG8=", "size": 6}]), "Patient.photo[0].size", id="size"),
        pytest.param(patient(photo=[{"data": "SGVs bG8=", "size": 5}]), None, id="size-without-white-space"),
        pytest.param(patient(name=[{"id": "a"}], telecom=[{"id": "a"}]), "Patient", id="an-id-twice"),
        pytest.param(
            patient(meta={"profile": ["StructureDefinition/x"]}), "Patient.meta.profile[0]", id="relative"
        ),
    ],
)
def test_a_text_means_what_its_type_says(faults: Faults, resource: dict[str, Any], place: str | None) -> None:
    assert faults(resource) == ([] if place is None else [("illegal-value", place)])


@pytest.mark.parametrize(
    ("inside", "situation"),
    [
        pytest.param('<p id="a">x</p><a href="#a">y</a>', None, id="link-to-an-id"),
        pytest.param('<a href="#b">y</a>', "unresolved-reference", id="link-to-nothing"),
        pytest.param('<a href="urn:x:y">y</a>', "illegal-value", id="link-nobody-follows"),
        pytest.param('<a href="https://example.org">y</a>', None, id="link-to-a-page"),
        pytest.param('<img src="#b" alt="y"/>', "unresolved-reference", id="image-of-nothing"),
        pytest.param(" ", "invariant", id="nothing-to-read"),
        pytest.param('<p idref="a">x</p>', "invariant", id="attribute"),
        pytest.param('<p id="a">x</p><p id="a">y</p>', "illegal-value", id="an-id-twice"),
    ],
)
def test_a_narrative_holds_together(faults: Faults, inside: str, situation: str | None) -> None:
    resource = patient(text={"status": "generated", "div": div(inside)})
    assert faults(resource) == ([] if situation is None else [(situation, "Patient.text.div")])


def test_a_definition_agrees_with_what_it_names(faults: Faults) -> None:
    row = {
        "name": "birthdate",
        "type": "token",
        "definition": "http://hl7.org/fhir/SearchParameter/individual-birthdate",
    }
    statement = {
        "resourceType": "CapabilityStatement",
        "rest": [{"mode": "server", "resource": [{"type": "Patient", "searchParam": [row]}]}],
    }
    place = "CapabilityStatement.rest[0].resource[0].searchParam[0].type"
    assert faults(statement) == [("invariant", place)]
    assert faults({"resourceType": "SearchParameter", "type": "composite"}) == [
        ("invariant", "SearchParameter.component")
    ]
    assert faults({"resourceType": "ValueSet", "compose": {"include": [{"system": "codes"}]}}) == [
        ("illegal-value", "ValueSet.compose.include[0].system")
    ]
    assert faults({"resourceType": "CodeSystem", "content": "complete", "supplements": "https://x.org"}) == [
        ("invariant", "CodeSystem.content")
    ]


def test_extensions_deep_inside_of_each_other_cost_little(faults: Faults) -> None:
    inner: dict[str, Any] = extended(ON_NAME)
    for _ in range(18):
        inner = {"url": ON_NAME, "valueHumanName": {"extension": [inner]}}
    assert faults(patient(name=[{"extension": [inner]}])) == []


def test_a_long_text_for_a_reference_costs_little(faults: Faults) -> None:
    link = {"reference": "A" * 1_000_000}
    composition = {"resourceType": "Composition", "subject": link}
    document = {"resourceType": "Bundle", "type": "document", "entry": [{"resource": composition}]}
    assert faults(document) == [("unresolved-reference", "Bundle.entry[0].resource.subject.reference")]
