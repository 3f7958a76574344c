"""Adverse events: what happened, what is suspected, how grave it was and how it ended."""

from __future__ import annotations

from tests.importers.cda.entries.statements import behind, codes, made, one, section_of

SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
MEDICINE = (
    '<entryRelationship typeCode="COMP"><substanceAdministration classCode="SBADM" moodCode="EVN">'
    '<templateId root="1.2.250.1.213.1.1.3.42"/><statusCode code="completed"/><consumable>'
    '<manufacturedProduct><manufacturedMaterial><code code="J01CA04" codeSystem="2.16.840.1.113883.6.73"/>'
    "</manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entryRelationship>"
)
NAUSEA = (
    '<entryRelationship typeCode="MFST"><observation classCode="OBS" moodCode="EVN">'
    '<templateId root="1.2.250.1.213.1.1.3.37"/>'
    f'<value xsi:type="CD" code="422587007" {SNOMED}/></observation></entryRelationship>'
)


def part(template: str, code: str) -> str:
    return (
        '<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">'
        f'<templateId root="1.2.250.1.213.1.1.3.{template}"/>'
        f'<value xsi:type="CD" code="{code}" {SNOMED}/></observation></entryRelationship>'
    )


def event(inner: str, attributes: str = "") -> str:
    return (
        f'<observation classCode="OBS" moodCode="EVN" {attributes}>'
        f'<templateId root="1.2.250.1.213.1.1.3.210"/><code code="79899007" {SNOMED}/>'
        f'<effectiveTime><low value="20211204"/></effectiveTime>{inner}</observation>'
    )


def test_an_adverse_event_names_what_is_suspected_and_what_it_led_to() -> None:
    cv = section_of(event(MEDICINE + NAUSEA + part("211", "17162000") + part("213", "1352007006")))
    found = one(cv, "AdverseEvent")
    assert found["actuality"] == "actual"
    assert codes(found["event"]) == ["79899007"]
    assert found["date"] == "2021-12-04"
    [suspect] = found["suspectEntity"]
    assert behind(cv, suspect["instance"])["resourceType"] == "MedicationStatement"
    assert codes(suspect["causality"][0]["assessment"]) == ["17162000"]
    assert codes(behind(cv, found["resultingCondition"][0])["code"]) == ["422587007"]
    assert codes(found["outcome"]) == ["resolved", "1352007006"]


def test_an_outcome_that_r4_does_not_have_is_unknown_with_its_own_code_beside_it() -> None:
    found = one(section_of(event(part("213", "999"))), "AdverseEvent")
    assert codes(found["outcome"]) == ["unknown", "999"]


def test_what_did_not_happen_is_no_event() -> None:
    cv = section_of(event("<value xsi:type='BL' value='true'/>", 'negationInd="true"'))
    assert made(cv, "AdverseEvent") == []
    assert len(made(cv, "Observation")) == 1
