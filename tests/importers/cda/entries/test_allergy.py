"""Allergies: agent, kind, status, reactions, and the three ways of having none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.importers.cda.entries.statements import codes, kinds, made, one, section_of

SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
ABSENT = 'codeSystem="2.16.840.1.113883.5.1150.1"'
DRUG_ALLERGY = f'<code code="416098002" {SNOMED} displayName="Drug allergy"/>'
AGENT = (
    '<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT">'
    '<code code="J01CA04" codeSystem="2.16.840.1.113883.6.73" displayName="amoxicillin"/>'
    "</playingEntity></participantRole></participant>"
)
BASE = "https://example.org/fhir/StructureDefinition/"


def part(template: str, value: str, relation: str = "SUBJ", inner: str = "", attributes: str = "") -> str:
    return (
        f'<entryRelationship typeCode="{relation}" inversionInd="true">'
        f'<observation classCode="OBS" moodCode="EVN" {attributes}>'
        f'<templateId root="1.2.250.1.213.1.1.3.{template}"/><statusCode code="completed"/>{value}{inner}'
        "</observation></entryRelationship>"
    )


def status(code: str) -> str:
    return part(
        "30", f'<value xsi:type="CE" code="{code}" codeSystem="2.16.840.1.113883.4.642.4.1373"/>', "REFR"
    )


def severity(code: str) -> str:
    return part("29", f'<value xsi:type="CD" code="{code}" {SNOMED}/>')


def reaction(value: str, inner: str = "", attributes: str = "") -> str:
    return part("37", value, "MFST", inner, attributes)


def concern(inner: str, attributes: str = "", state: str = "active", more: str = "") -> str:
    return (
        '<act classCode="ACT" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.40"/>'
        f'<id root="2.999.7" extension="concern"/><code nullFlavor="NA"/><statusCode code="{state}"/>'
        f'<effectiveTime><low value="2001"/></effectiveTime>{more}'
        '<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN" '
        f'{attributes}><templateId root="1.2.250.1.213.1.1.3.41"/><id root="2.999.7" extension="1"/>'
        f"{inner}</observation></entryRelationship></act>"
    )


def allergy(inner: str, attributes: str = "", state: str = "active", more: str = "") -> dict[str, Any]:
    return one(section_of(concern(inner, attributes, state, more), code="48765-2"), "AllergyIntolerance")


def test_the_agent_is_the_code_and_the_kind_gives_type_and_category() -> None:
    found = allergy(DRUG_ALLERGY + AGENT)
    assert found["code"]["coding"] == [
        {"system": "http://www.whocc.no/atc", "code": "J01CA04", "display": "amoxicillin"}
    ]
    assert (found["type"], found["category"]) == ("allergy", ["medication"])
    assert found["extension"][0]["url"] == BASE + "statement-code"
    assert codes(found["extension"][0]["valueCodeableConcept"]) == ["416098002"]


@pytest.mark.parametrize(
    ("code", "system", "kind", "category"),
    [
        pytest.param("ALG", "2.16.840.1.113883.5.4", "allergy", None, id="ALG"),
        pytest.param("DALG", "2.16.840.1.113883.5.4", "allergy", ["medication"], id="DALG"),
        pytest.param("FNAINT", "2.16.840.1.113883.5.4", "intolerance", ["food"], id="FNAINT"),
        pytest.param("EINT", "2.16.840.1.113883.5.4", None, ["environment"], id="EINT-either"),
        pytest.param("OINT", "2.16.840.1.113883.5.4", None, None, id="OINT-either"),
        pytest.param("420134006", "2.16.840.1.113883.6.96", None, None, id="propensity"),
        pytest.param("414285001", "2.16.840.1.113883.6.96", "allergy", ["food"], id="food-allergy"),
        pytest.param("235719002", "2.16.840.1.113883.6.96", "intolerance", ["food"], id="food-intolerance"),
    ],
)
def test_type_and_category_are_said_only_where_the_code_says_them(
    code: str, system: str, kind: str | None, category: list[str] | None
) -> None:
    found = allergy(f'<code code="{code}" codeSystem="{system}"/>{AGENT}')
    assert (found.get("type"), found.get("category")) == (kind, category)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            f'<value xsi:type="CD" code="716186003" {SNOMED} displayName="No known allergy"/>',
            {
                "coding": [
                    {"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}
                ]
            },
            id="known-absence-as-snomed",
        ),
        pytest.param(
            f'<value xsi:type="CD" code="no-known-allergies" {ABSENT}/>',
            {
                "coding": [
                    {
                        "system": "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips",
                        "code": "no-known-allergies",
                    }
                ]
            },
            id="known-absence-as-ips",
        ),
        pytest.param(
            f'<value xsi:type="CD" code="no-allergy-info" {ABSENT}/>',
            {
                "coding": [
                    {
                        "system": "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips",
                        "code": "no-allergy-info",
                    }
                ]
            },
            id="nothing-known-as-ips",
        ),
        pytest.param(
            '<value xsi:type="CD" nullFlavor="MSK"/>',
            {
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                        "valueCode": "masked",
                    }
                ]
            },
            id="masked",
        ),
    ],
)
def test_no_agent_is_made_up(value: str, expected: dict[str, Any]) -> None:
    kind = f'<code code="420134006" {SNOMED}/>'
    assert allergy(kind + value)["code"] == expected


def test_an_allergy_that_names_nothing_has_the_words_of_its_section_if_it_stands_alone_there() -> None:
    empty = (
        '<act classCode="ACT" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5.3"/>'
        '<statusCode code="completed"/><entryRelationship typeCode="SUBJ">'
        '<observation classCode="OBS" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.6"/>'
        f'<code code="416098002" {SNOMED}/><text><reference value="#gone"/></text><value xsi:type="CD"/>'
        "</observation></entryRelationship></act>"
    )
    alone = section_of(empty, code="48765-2", text="None found during the stay")
    assert one(alone, "AllergyIntolerance")["code"] == {"text": "None found during the stay"}
    two = section_of(empty, empty, code="48765-2", text="None found during the stay")
    assert ["text" in each["code"] for each in made(two, "AllergyIntolerance")] == [False, False]


def test_no_information_is_told_apart_from_a_known_absence() -> None:
    found = allergy(f'<code code="420134006" {SNOMED}/><value xsi:type="CD" nullFlavor="NI"/>')
    assert "coding" not in found["code"]
    assert found["code"]["extension"][0]["valueCode"] == "unknown"
    assert found["code"]["extension"][1]["valueCode"] == "NI"


@pytest.mark.parametrize(
    ("inner", "state", "expected"),
    [
        pytest.param(status("inactive"), "active", "inactive", id="its-own-status-first"),
        pytest.param("", "active", "active", id="then-the-concern"),
        pytest.param(
            '<effectiveTime><high value="2020"/></effectiveTime>', "completed", "resolved", id="it-is-over"
        ),
    ],
)
def test_clinical_status(inner: str, state: str, expected: str) -> None:
    found = allergy(DRUG_ALLERGY + AGENT + inner, state=state)
    assert codes(found["clinicalStatus"])[0] == expected


def test_a_denied_allergy_that_is_followed_is_not_active() -> None:
    found = allergy(DRUG_ALLERGY + AGENT, 'negationInd="true"')
    assert codes(found["verificationStatus"]) == ["refuted"]
    assert found["clinicalStatus"]["extension"][0]["valueCode"] == "unknown"
    assert "coding" not in found["clinicalStatus"]


def test_a_completed_concern_without_an_end_resolves_no_allergy() -> None:
    found = allergy(DRUG_ALLERGY + AGENT, state="completed")
    assert found["clinicalStatus"]["extension"][0]["valueCode"] == "unknown"
    assert "coding" not in found["clinicalStatus"]


def test_a_clinical_status_that_nobody_said_is_unknown_not_active() -> None:
    observation = (
        '<observation classCode="OBS" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.41"/>'
        f"{DRUG_ALLERGY}{AGENT}</observation>"
    )
    found = one(section_of(observation), "AllergyIntolerance")
    assert found["clinicalStatus"]["extension"][0]["valueCode"] == "unknown"
    assert "coding" not in found["clinicalStatus"]


@pytest.mark.parametrize("attributes", ['negationInd="true"', 'negationInd="1"'])
def test_a_negated_allergy_is_refuted_whatever_its_certainty(attributes: str) -> None:
    certain = part(
        "171", '<value xsi:type="CD" code="confirmed" codeSystem="2.16.840.1.113883.4.642.1.1075"/>'
    )
    cv = section_of(concern(DRUG_ALLERGY + AGENT + certain, attributes))
    assert codes(one(cv, "AllergyIntolerance")["verificationStatus"])[0] == "refuted"
    assert "code" in kinds(cv)


def test_a_negated_link_refutes_too() -> None:
    text = concern(DRUG_ALLERGY + AGENT).replace('typeCode="SUBJ"', 'typeCode="SUBJ" negationInd="true"')
    found = one(section_of(text), "AllergyIntolerance")
    assert codes(found["verificationStatus"])[0] == "refuted"


@pytest.mark.parametrize(
    ("code", "expected", "kept"),
    [
        pytest.param("255604002", "mild", False, id="mild"),
        pytest.param("371923003", "mild", True, id="mild-to-moderate"),
        pytest.param("6736007", "moderate", False, id="moderate"),
        pytest.param("371924009", "moderate", True, id="moderate-to-severe"),
        pytest.param("24484000", "severe", False, id="severe"),
        pytest.param("442452003", "severe", True, id="fatal"),
        pytest.param("999", None, True, id="a-grade-that-r4-does-not-have"),
    ],
)
def test_a_severity_finer_than_r4_is_kept_beside_it(code: str, expected: str | None, kept: bool) -> None:
    value = f'<value xsi:type="CD" code="39579001" {SNOMED} displayName="Anaphylaxis"/>'
    inner = f'<effectiveTime><low value="20180603"/></effectiveTime>{severity(code)}'
    [found] = allergy(DRUG_ALLERGY + AGENT + reaction(value, inner))["reaction"]
    assert codes(found["manifestation"][0]) == ["39579001"]
    assert found["onset"] == "2018-06-03"
    assert found.get("severity") == expected
    assert ("extension" in found) == kept


def test_a_reaction_that_did_not_happen_is_no_reaction() -> None:
    value = f'<value xsi:type="CD" code="126485001" {SNOMED} displayName="Urticaria"/>'
    cv = section_of(concern(DRUG_ALLERGY + AGENT + reaction(value, attributes='negationInd="true"')))
    assert "reaction" not in one(cv, "AllergyIntolerance")
    assert codes(one(cv, "Condition")["verificationStatus"]) == ["refuted"]


def test_several_reactions_are_not_mixed_up() -> None:
    values = [f'<value xsi:type="CD" code="{code}" {SNOMED}/>' for code in ("1", "2")]
    inner = reaction(values[0], severity("255604002")) + reaction(values[1], severity("24484000"))
    found = allergy(DRUG_ALLERGY + AGENT + inner)["reaction"]
    assert [(codes(each["manifestation"][0]), each["severity"]) for each in found] == [
        (["1"], "mild"),
        (["2"], "severe"),
    ]


def test_criticality_onset_identifiers_and_concern() -> None:
    high = part("172", '<value xsi:type="CE" code="high" codeSystem="2.16.840.1.113883.4.642.4.130"/>')
    found = allergy(DRUG_ALLERGY + '<effectiveTime><low value="199905"/></effectiveTime>' + AGENT + high)
    assert found["criticality"] == "high"
    assert found["onsetPeriod"] == {"start": "1999-05"}
    assert {each["value"] for each in found["identifier"]} == {"concern", "1"}
    period = next(each for each in found["extension"] if each["url"] == BASE + "concern-period")
    assert period["valuePeriod"] == {"start": "2001"}


def test_two_allergies_of_one_concern_are_two_resources() -> None:
    second = concern(DRUG_ALLERGY + AGENT).partition("<entryRelationship")[2].rpartition("</act>")[0]
    cv = section_of(concern(DRUG_ALLERGY + AGENT, more="<entryRelationship" + second))
    assert len(made(cv, "AllergyIntolerance")) == 2
