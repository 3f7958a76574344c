"""What definitions say in extensions, and limits of dates that count from now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fhir_server.model.outcome import Severity
from fhir_server.validation.validator import ValidatorOptions
from profiles.registry import Registry
from tests.validation.profile.making import Bench, found, profile, row, tree, value_set

FHIR = "http://hl7.org/fhir/StructureDefinition/"
R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
YEARS_10 = {"value": 10, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}


@pytest.fixture(scope="module")
def timed(registry: Registry) -> Bench:
    return Bench(registry, ValidatorOptions(best_practice=False, now=lambda: NOW))


def extension(url: str, **value: Any) -> dict[str, Any]:
    return {"extension": [{"url": url, **value}]}


def errors_of(bench: Bench, element: dict[str, Any], resource: dict[str, Any], **more: Any) -> list[Any]:
    asked = profile("p", resource["resourceType"], element)
    validator = bench.with_definitions(asked, **more)
    return found(validator.validate(tree(resource), profiles=[asked.url]))


@pytest.mark.parametrize(
    ("bound", "birth", "is_wrong"),
    [
        pytest.param("minValueDuration", "2016-11-22", False, id="ten-years-ago"),
        pytest.param("minValueDuration", "2016-11-21", True, id="a-day-more-than-ten-years-ago"),
        pytest.param("maxValueDuration", "2036-11-22", False, id="in-ten-years"),
        pytest.param("maxValueDuration", "2036-11-23", True, id="a-day-later"),
        pytest.param("maxValueDuration", "2036", False, id="too-coarse-to-tell"),
    ],
)
def test_a_duration_limits_a_date_from_now(timed: Bench, bound: str, birth: str, is_wrong: bool) -> None:
    element = row("Patient.birthDate", 0, "1", types=["date"], **{bound: YEARS_10})
    issues = errors_of(timed, element, {"resourceType": "Patient", "birthDate": birth})
    assert issues == ([("error", "illegal-value", "Patient.birthDate")] if is_wrong else [])


def test_without_the_time_a_duration_is_not_judged(bench: Bench) -> None:
    element = row("Patient.birthDate", 0, "1", types=["date"], maxValueDuration=YEARS_10)
    assert errors_of(bench, element, {"resourceType": "Patient", "birthDate": "2099-01-01"}) == []


@pytest.mark.parametrize(("text", "is_wrong"), [("abcd", True), ("abcde", False)])
def test_a_text_has_its_least_length(bench: Bench, text: str, is_wrong: bool) -> None:
    element = row("Patient.id", 0, "1", types=["id"], **extension(FHIR + "minLength", valueInteger=5))
    issues = errors_of(bench, element, {"resourceType": "Patient", "id": text})
    assert issues == ([("error", "illegal-value", "Patient.id")] if is_wrong else [])


@pytest.mark.parametrize(
    ("resource", "is_wrong"),
    [
        pytest.param({"active": True}, False, id="a-value"),
        pytest.param(
            {"_active": extension(FHIR + "data-absent-reason", valueCode="unknown")},
            False,
            id="the-extension",
        ),
        pytest.param(
            {"_active": extension("https://example.org/x", valueCode="x")}, True, id="another-extension"
        ),
    ],
)
def test_where_a_value_is_missing_one_extension_says_why(
    bench: Bench, resource: dict[str, Any], is_wrong: bool
) -> None:
    said = extension(R5 + "valueAlternatives", valueCanonical=FHIR + "data-absent-reason")
    element = row("Patient.active", 1, "1", types=["boolean"], **said)
    issues = errors_of(bench, element, {"resourceType": "Patient"} | resource)
    assert issues == ([("error", "missing-element", "Patient.active")] if is_wrong else [])


@pytest.mark.parametrize(
    ("purpose", "severity"),
    [
        pytest.param("required", "error", id="required"),
        pytest.param("maximum", "error", id="maximum"),
        pytest.param("extensible", "warning", id="extensible"),
        pytest.param("candidate", None, id="candidate-is-for-people"),
    ],
)
def test_a_further_binding_holds_beside_the_binding(bench: Bench, purpose: str, severity: str | None) -> None:
    codes = value_set("codes", "https://example.org/codes", "a")
    further = {
        "url": R5 + "binding.additional",
        "extension": [
            {"url": "purpose", "valueCode": purpose},
            {"url": "valueSet", "valueCanonical": codes.url},
        ],
    }
    binding = {"strength": "example", "valueSet": "https://example.org/other", "extension": [further]}
    element = row("Basic.code", 1, "1", types=["CodeableConcept"], binding=binding)
    for code, is_in in (("a", True), ("b", False)):
        basic = {
            "resourceType": "Basic",
            "code": {"coding": [{"system": "https://example.org/codes", "code": code}]},
        }
        issues = errors_of(bench, element, basic, value_sets=[codes])
        expected = [] if is_in or severity is None else [(severity, "code-not-in-value-set", "Basic.code")]
        assert issues == expected


@pytest.mark.parametrize(
    ("control", "inside", "is_wrong"),
    [
        pytest.param("_yes", '<div lang="de">x</div>', False, id="sections-asked-and-there"),
        pytest.param("_yes", "x", True, id="sections-asked-and-missing"),
        pytest.param("_no", '<div xml:lang="de">x</div>', True, id="sections-forbidden-and-there"),
        pytest.param("_no", "x", False, id="sections-forbidden-and-missing"),
        pytest.param("_resource", '<div lang="fr">x</div>', False, id="in-the-language-of-the-resource"),
        pytest.param("_resource", '<div lang="de">x</div>', True, id="in-another-language"),
        pytest.param("de", '<p><b lang="de">x</b></p>', True, id="only-deeper-is-no-section"),
    ],
)
def test_a_narrative_has_the_sections_by_language_that_are_asked_for(
    bench: Bench, control: str, inside: str, is_wrong: bool
) -> None:
    said = extension(FHIR + "narrative-language-control", valueCode=control)
    issues = errors_of(bench, row("Patient.text", 0, "1", types=["Narrative"], **said), patient(inside))
    assert issues == ([("error", "illegal-value", "Patient.text")] if is_wrong else [])


@pytest.mark.parametrize("level", ["error", "warning"])
def test_a_narrative_says_where_its_texts_come_from_as_strictly_as_asked(
    bench: Bench, level: Severity
) -> None:
    said = extension(FHIR + "narrative-source-control", valueCode=level)
    element = row("Patient.text", 0, "1", types=["Narrative"], **said)
    inside = '<p class="x generated">a<b>b</b></p> <p class="original">c</p>'
    assert errors_of(bench, element, patient(inside)) == []
    assert errors_of(bench, element, patient(inside + "<p>d</p>")) == [
        (level, "illegal-value", "Patient.text")
    ]


def patient(inside: str) -> dict[str, Any]:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'
    return {"resourceType": "Patient", "language": "fr", "text": {"status": "generated", "div": div}}


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        pytest.param("%resource.type().name = 'Bundle'", True, id="resource-is-the-one-around"),
        pytest.param("%rootResource.type().name = 'Bundle'", True, id="root-resource-too"),
        pytest.param("%context.type().name = 'Patient'", True, id="context-is-the-resource"),
        pytest.param("%resource.type().name = 'Patient'", False, id="resource-is-not-the-inner-one"),
    ],
)
def test_a_rule_on_a_resource_inside_of_another_speaks_from_around_it(
    bench: Bench, expression: str, holds: bool
) -> None:
    rule = {"key": "r-1", "severity": "error", "human": "x", "expression": expression}
    element = row("Bundle.entry.resource", 0, "1", types=["Resource"], constraint=[rule])
    asked = profile("p", "Bundle", row("Bundle.entry", types=["BackboneElement"]), element)
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Patient"}}],
    }
    issues = found(bench.with_definitions(asked).validate(tree(bundle), profiles=[asked.url]))
    assert issues == ([] if holds else [("error", "invariant", "Bundle.entry[0].resource")])


@pytest.mark.parametrize("severity", ["warning", "error"])
def test_a_profile_that_another_one_names_and_that_is_not_here_is_told(
    registry: Registry, severity: Severity
) -> None:
    bench = Bench(registry, ValidatorOptions(best_practice=False, unknown_profiles=severity))
    kind = {"code": "HumanName", "profile": ["https://example.org/unknown"]}
    issues = errors_of(
        bench, row("Patient.name", types=[kind]), {"resourceType": "Patient", "name": [{"text": "x"}]}
    )
    assert issues == [(severity, "unknown-profile", "Patient.name[0]")]
