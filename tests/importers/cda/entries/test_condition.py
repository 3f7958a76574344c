"""Conditions: what they are, whether they still are, whether they ever were."""

from __future__ import annotations

from typing import Any

import pytest

from tests.importers.cda.entries.statements import codes, kinds, made, one, section_of

SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
VALUE = '<value xsi:type="CD" code="I10" codeSystem="2.16.840.1.113883.6.3" displayName="Hypertension"/>'
KIND = f'<code code="282291009" {SNOMED} displayName="Diagnosis"/>'
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
BASE = "https://example.org/fhir/StructureDefinition/"


ACTIVE = "1.3.6.1.4.1.19376.1.5.3.1.3.6"


def part(template: str, value: str, relation: str = "SUBJ") -> str:
    return (
        f'<entryRelationship typeCode="{relation}" inversionInd="true">'
        f'<observation classCode="OBS" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.{template}"/>'
        f"{value}</observation></entryRelationship>"
    )


def status(code: str, system: str = "2.16.840.1.113883.4.642.1.1074") -> str:
    return part("30", f'<value xsi:type="CE" code="{code}" codeSystem="{system}"/>', "REFR")


def problem(inner: str, attributes: str = "") -> str:
    return (
        f'<observation classCode="OBS" moodCode="EVN" {attributes}>'
        f'<templateId root="1.2.250.1.213.1.1.3.37"/>{inner}</observation>'
    )


def concern(*problems: str, state: str = "active", time: str = "") -> str:
    links = "".join(f'<entryRelationship typeCode="SUBJ">{each}</entryRelationship>' for each in problems)
    return (
        '<act classCode="ACT" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5.2"/>'
        f'<id root="2.999.7" extension="concern"/><statusCode code="{state}"/>{time}{links}</act>'
    )


def condition(inner: str, attributes: str = "", code: str = "11450-4", **around: str) -> dict[str, Any]:
    return one(section_of(concern(problem(inner, attributes), **around), code=code), "Condition")


def test_value_is_the_code_and_code_the_category() -> None:
    found = condition(KIND + VALUE)
    assert codes(found["code"]) == ["I10"]
    assert [codes(each)[0] for each in found["category"]] == ["problem-list-item", "282291009"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param('<value xsi:type="ST">headache</value>', {"text": "headache"}, id="words"),
        pytest.param(
            '<value xsi:type="CD" nullFlavor="UNK"/>',
            {"extension": [{"url": ABSENT, "valueCode": "unknown"}]},
            id="null",
        ),
        pytest.param(
            '<text>heart trouble</text><value xsi:type="CD" nullFlavor="NA"/>',
            {"extension": [{"url": ABSENT, "valueCode": "not-applicable"}], "text": "heart trouble"},
            id="null-with-words-of-the-statement",
        ),
        pytest.param("", {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}, id="no-value"),
    ],
)
def test_what_has_no_code_is_its_words_or_why_there_are_none(value: str, expected: dict[str, Any]) -> None:
    assert condition(value)["code"] == expected


@pytest.mark.parametrize(
    ("templates", "time", "own", "expected"),
    [
        pytest.param(
            (ACTIVE,), '<high nullFlavor="UNK"/>', "", "active", id="listed-as-active-without-an-end"
        ),
        pytest.param((ACTIVE,), '<high value="2020"/>', "", "resolved", id="the-concern-ended"),
        pytest.param(
            (ACTIVE,), "", '<effectiveTime><high value="2020"/></effectiveTime>', "resolved", id="it-ended"
        ),
        pytest.param((ACTIVE,), "", status("inactive"), "inactive", id="its-own-status-first"),
        pytest.param((), '<high nullFlavor="UNK"/>', "", "resolved", id="listed-elsewhere"),
    ],
)
def test_a_completed_concern_does_not_end_an_active_problem(
    templates: tuple[str, ...], time: str, own: str, expected: str
) -> None:
    when = f'<effectiveTime><low value="2019"/>{time}</effectiveTime>'
    entry = concern(problem(KIND + VALUE + own), state="completed", time=when)
    found = one(section_of(entry, code="11450-4", templates=templates), "Condition")
    assert codes(found["clinicalStatus"])[0] == expected


def test_a_denied_problem_that_is_followed_is_not_active() -> None:
    found = condition(VALUE, 'negationInd="true"', state="active")
    assert codes(found["verificationStatus"]) == ["refuted"]
    assert "clinicalStatus" not in found
    said = condition(VALUE + status("inactive"), 'negationInd="true"', state="active")
    assert codes(said["clinicalStatus"]) == ["inactive"]


def test_what_was_recorded_in_error_has_an_end_and_no_abatement() -> None:
    entry = problem(
        f'<statusCode code="nullified"/><effectiveTime><high value="2020"/></effectiveTime>{VALUE}'
    )
    found = one(section_of(entry), "Condition")
    assert codes(found["verificationStatus"]) == ["entered-in-error"]
    assert not {"clinicalStatus", "abatementDateTime"} & found.keys()
    assert found["extension"][0]["valuePeriod"] == {"end": "2020"}


def test_a_value_that_is_a_measurement_makes_an_observation() -> None:
    cv = section_of(problem(KIND + '<value xsi:type="PQ" value="38.50" unit="Cel"/>'))
    assert made(cv, "Condition") == []
    assert one(cv, "Observation")["valueQuantity"]["value"] == "38.50"


@pytest.mark.parametrize(
    ("inner", "state", "expected"),
    [
        pytest.param(status("inactive"), "active", "inactive", id="its-own-status-first"),
        pytest.param(status("55561003", "2.16.840.1.113883.6.96"), "completed", "active", id="as-snomed"),
        pytest.param(status("90734009", "2.16.840.1.113883.6.96"), "completed", "active", id="chronic"),
        pytest.param(
            '<effectiveTime><low value="2001"/><high value="2002"/></effectiveTime>',
            "active",
            "resolved",
            id="an-end-before-the-concern",
        ),
        pytest.param('<effectiveTime><low value="2001"/></effectiveTime>', "active", "active", id="concern"),
        pytest.param("", "completed", "resolved", id="concern-over"),
        pytest.param("", "suspended", "inactive", id="concern-suspended"),
        pytest.param("", "strange", None, id="a-status-that-says-nothing"),
    ],
)
def test_clinical_status(inner: str, state: str, expected: str | None) -> None:
    found = condition(VALUE + inner, state=state)
    assert codes(found.get("clinicalStatus", {}))[:1] == ([expected] if expected else [])


def test_the_document_s_own_status_code_is_kept_beside_the_one_of_r4() -> None:
    found = condition(VALUE + status("90734009", "2.16.840.1.113883.6.96"))
    assert codes(found["clinicalStatus"]) == ["active", "90734009"]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        pytest.param('<effectiveTime value="1998"/>', {"onsetDateTime": "1998"}, id="point"),
        pytest.param(
            '<effectiveTime><low value="199803"/><high value="2001"/></effectiveTime>',
            {"onsetDateTime": "1998-03", "abatementDateTime": "2001"},
            id="interval",
        ),
        pytest.param(
            '<effectiveTime><low nullFlavor="MSK"/></effectiveTime>',
            {"_onsetDateTime": {"extension": [{"url": ABSENT, "valueCode": "masked"}]}},
            id="masked",
        ),
    ],
)
def test_times_keep_their_precision_and_what_hides_them(time: str, expected: dict[str, Any]) -> None:
    found = condition(VALUE + time)
    names = ("onsetDateTime", "_onsetDateTime", "abatementDateTime", "_abatementDateTime")
    assert {name: found[name] for name in names if name in found} == expected


def test_an_end_beside_a_status_that_goes_on_is_kept_and_reported() -> None:
    inner = (
        VALUE + '<effectiveTime><low value="2001"/><high value="2002"/></effectiveTime>' + status("active")
    )
    cv = section_of(concern(problem(inner)))
    found = one(cv, "Condition")
    assert "abatementDateTime" not in found
    assert found["extension"] == [{"url": BASE + "effective-period", "valuePeriod": {"end": "2002"}}]
    assert "date" in kinds(cv)


@pytest.mark.parametrize(
    ("attributes", "certainty", "expected"),
    [
        pytest.param("", "confirmed", "confirmed", id="confirmed"),
        pytest.param("", "unconfirmed", "unconfirmed", id="unconfirmed"),
        pytest.param('negationInd="true"', "", "refuted", id="negated"),
        pytest.param('negationInd="true"', "confirmed", "refuted", id="negated-although-certain"),
        pytest.param('negationInd="false"', "", None, id="not-negated"),
    ],
)
def test_verification_status(attributes: str, certainty: str, expected: str | None) -> None:
    value = f'<value xsi:type="CD" code="{certainty}" codeSystem="2.16.840.1.113883.4.642.1.1075"/>'
    found = condition(VALUE + (part("171", value) if certainty else ""), attributes)
    assert codes(found.get("verificationStatus", {}))[:1] == ([expected] if expected else [])


def test_known_absence_is_a_code_and_no_problem_of_the_list() -> None:
    value = '<value xsi:type="CD" code="no-known-problems" codeSystem="2.16.840.1.113883.5.1150.1"/>'
    found = condition(value)
    assert codes(found["code"]) == ["no-known-problems"]
    assert "category" not in found


def test_severity_body_site_with_its_side_and_comment() -> None:
    site = (
        f'<targetSiteCode code="72696002" {SNOMED} displayName="Knee"><qualifier>'
        f'<name code="272741003" {SNOMED}/><value code="7771000" {SNOMED} displayName="Left"/>'
        "</qualifier></targetSiteCode>"
    )
    note = (
        '<entryRelationship typeCode="SUBJ" inversionInd="true"><act classCode="ACT" moodCode="EVN">'
        '<templateId root="1.2.250.1.213.1.1.3.32"/>'
        '<code code="48767-8" codeSystem="2.16.840.1.113883.6.1"/><text>worse at night</text>'
        '<effectiveTime value="20200102"/></act></entryRelationship>'
    )
    grade = part("29", f'<value xsi:type="CD" code="6736007" {SNOMED}/>')
    found = condition(VALUE + site + grade + note)
    assert codes(found["severity"]) == ["6736007"]
    [extension] = found["bodySite"][0]["extension"]
    assert extension["url"] == BASE + "code-qualifier"
    assert codes(extension["extension"][1]["valueCodeableConcept"]) == ["7771000"]
    assert found["note"] == [{"text": "worse at night", "time": "2020-01-02"}]


def test_a_problem_that_causes_another_is_what_it_is_due_to() -> None:
    cause = problem('<value xsi:type="CD" code="E11" codeSystem="2.16.840.1.113883.6.3"/>')
    link = f'<entryRelationship typeCode="CAUS" inversionInd="true">{cause}</entryRelationship>'
    cv = section_of(problem(VALUE + link))
    effect, other = made(cv, "Condition")
    [extension] = effect["extension"]
    assert extension["url"] == "http://hl7.org/fhir/StructureDefinition/condition-dueTo"
    assert cv.resources[extension["valueReference"]["reference"]]["code"] == other["code"]


def test_the_time_of_the_concern_is_kept_apart_from_that_of_the_problem() -> None:
    own = '<effectiveTime><low value="1998"/></effectiveTime>'
    followed = '<effectiveTime><low value="2001"/></effectiveTime>'
    found = condition(VALUE + own, time=followed)
    assert found["onsetDateTime"] == "1998"
    assert found["extension"] == [{"url": BASE + "concern-period", "valuePeriod": {"start": "2001"}}]
    assert "extension" not in condition(VALUE + own, time=own)
