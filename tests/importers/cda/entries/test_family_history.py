"""Family history: one resource for each relative, and denials that nobody takes for illnesses."""

from __future__ import annotations

from tests.importers.cda.entries.statements import behind, codes, made, one, section_of

SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
RELATIVE = (
    '<subject><relatedSubject classCode="PRS"><code code="FTH" codeSystem="2.16.840.1.113883.5.111"/>'
    '<subject><administrativeGenderCode code="M"/><birthTime value="1910"/></subject></relatedSubject></subject>'
)


def condition(code: str, attributes: str = "", inner: str = "") -> str:
    return (
        f'<component><observation classCode="OBS" moodCode="EVN" {attributes}>'
        '<templateId root="2.16.840.1.113883.10.20.22.4.46"/>'
        f'<code code="64572001" {SNOMED} displayName="Disease"/><effectiveTime value="1967"/>'
        f'<value xsi:type="CD" code="{code}" {SNOMED}/>{inner}</observation></component>'
    )


def history(*conditions: str) -> str:
    return (
        '<organizer classCode="CLUSTER" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.45"/><statusCode code="completed"/>'
        f"{RELATIVE}{''.join(conditions)}</organizer>"
    )


def test_a_relative_has_all_conditions_of_the_organizer() -> None:
    found = one(section_of(history(condition("22298006"), condition("44054006"))), "FamilyMemberHistory")
    assert codes(found["relationship"]) == ["FTH"]
    assert codes(found["sex"]) == ["male"]
    assert found["bornDate"] == "1910"
    assert [codes(each["code"]) for each in found["condition"]] == [["22298006"], ["44054006"]]
    assert found["condition"][0]["onsetPeriod"] == {"start": "1967", "end": "1967"}
    assert found["status"] == "completed"


def test_each_organizer_is_a_relative() -> None:
    assert len(made(section_of(history(), history()), "FamilyMemberHistory")) == 2


def test_an_age_at_onset_is_the_onset() -> None:
    age = (
        '<entryRelationship typeCode="SUBJ" inversionInd="true"><observation classCode="OBS" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.31"/><code code="445518008" '
        f'{SNOMED}/><value xsi:type="PQ" value="57" unit="a"/></observation></entryRelationship>'
    )
    found = one(section_of(history(condition("22298006", inner=age))), "FamilyMemberHistory")
    onset = found["condition"][0]["onsetAge"]
    assert (onset["value"], onset["code"], onset["system"]) == (57, "a", "http://unitsofmeasure.org")


def test_a_cause_of_death_contributed_to_it() -> None:
    death = (
        '<entryRelationship typeCode="CAUS"><observation classCode="OBS" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.47"/><code code="ASSERTION" '
        f'codeSystem="2.16.840.1.113883.5.4"/><value xsi:type="CD" code="419099009" {SNOMED}/>'
        "</observation></entryRelationship>"
    )
    found = one(section_of(history(condition("22298006", inner=death))), "FamilyMemberHistory")
    assert found["condition"][0]["contributedToDeath"] is True
    assert found["deceasedBoolean"] is True


def test_what_a_relative_does_not_have_is_no_condition() -> None:
    cv = section_of(history(condition("22298006", 'negationInd="true"'), condition("44054006")))
    found = one(cv, "FamilyMemberHistory")
    assert [codes(each["code"]) for each in found["condition"]] == [["44054006"]]
    denied = one(cv, "Observation")
    assert found in [behind(cv, each) for each in denied["focus"]]
    assert codes(denied["component"][0]["code"]) == ["22298006"]
    assert denied["component"][0]["valueBoolean"] is False
