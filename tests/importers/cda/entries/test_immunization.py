"""Vaccinations: what, when at what precision, which dose, what followed, and those that were not given."""

from __future__ import annotations

from typing import Any

import pytest

from tests.importers.cda.entries.statements import behind, codes, kinds, made, one, section_of

ATC = 'codeSystem="2.16.840.1.113883.6.73"'
SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
BASE = "https://example.org/fhir/StructureDefinition/"
PRODUCT = (
    "<consumable><manufacturedProduct><manufacturedMaterial>"
    f'<code code="61077869" codeSystem="1.2.250.1.213.2.3.1" displayName="BCG">'
    f'<translation code="J07AN" {ATC} displayName="Tuberculosis vaccines"/></code>'
    "<name>BCG SSI</name><lotNumberText>0042</lotNumberText>"
    "</manufacturedMaterial></manufacturedProduct></consumable>"
)


def vaccination(inner: str, attributes: str = "", code: str = "", state: str = "completed") -> str:
    return (
        f'<substanceAdministration classCode="SBADM" moodCode="EVN" {attributes}>'
        f'<templateId root="1.2.250.1.213.1.1.3.45"/>{code}<statusCode code="{state}"/>{inner}'
        "</substanceAdministration>"
    )


def immunization(
    inner: str, attributes: str = "", code: str = "", state: str = "completed"
) -> dict[str, Any]:
    return one(section_of(vaccination(inner, attributes, code, state), code="11369-6"), "Immunization")


def link(template: str, inner: str, relation: str = "SUBJ", attributes: str = "") -> str:
    return (
        f'<entryRelationship typeCode="{relation}"><observation classCode="OBS" moodCode="EVN" {attributes}>'
        f'<templateId root="1.2.250.1.213.1.1.3.{template}"/>{inner}</observation></entryRelationship>'
    )


def rank(value: str) -> str:
    return link("82", f'<code code="30973-2" codeSystem="2.16.840.1.113883.6.1"/>{value}')


FIRST_SERIES = '<code code="INITIMMUNIZ" codeSystem="2.16.840.1.113883.5.4" displayName="First series"/>'


def test_the_product_with_all_its_codes_is_the_vaccine() -> None:
    found = immunization(PRODUCT)
    assert codes(found["vaccineCode"]) == ["61077869", "J07AN"]
    assert found["vaccineCode"]["text"] == "BCG SSI"
    assert found["lotNumber"] == "0042"
    assert "expirationDate" not in found
    assert "manufacturer" not in found


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        pytest.param('<effectiveTime value="1975"/>', {"occurrenceDateTime": "1975"}, id="year"),
        pytest.param('<effectiveTime value="197503"/>', {"occurrenceDateTime": "1975-03"}, id="month"),
        pytest.param(
            '<effectiveTime><low value="19750301"/></effectiveTime>',
            {"occurrenceDateTime": "1975-03-01"},
            id="interval-that-only-begins",
        ),
        pytest.param(
            '<effectiveTime nullFlavor="NASK"/>',
            {
                "occurrenceString": "unknown",
                "_occurrenceString": {"extension": [{"url": ABSENT, "valueCode": "not-asked"}]},
            },
            id="not-asked",
        ),
        pytest.param(
            "",
            {
                "occurrenceString": "unknown",
                "_occurrenceString": {"extension": [{"url": ABSENT, "valueCode": "unknown"}]},
            },
            id="none",
        ),
    ],
)
def test_when_it_was_keeps_its_precision_and_is_never_made_up(time: str, expected: dict[str, Any]) -> None:
    found = immunization(time + PRODUCT)
    assert {name: found[name] for name in found if "ccurrence" in name} == expected


def test_an_interval_is_cut_to_its_start_and_that_is_reported() -> None:
    time = '<effectiveTime><low value="1975"/><high value="1976"/></effectiveTime>'
    cv = section_of(vaccination(time + PRODUCT))
    assert one(cv, "Immunization")["occurrenceDateTime"] == "1975"
    assert "date" in kinds(cv)


@pytest.mark.parametrize(
    ("attributes", "state", "expected"),
    [
        pytest.param("", "completed", "completed", id="done"),
        pytest.param('negationInd="false"', "completed", "completed", id="not-negated"),
        pytest.param('negationInd="true"', "completed", "not-done", id="negated"),
        pytest.param("", "cancelled", "not-done", id="cancelled"),
        pytest.param("", "nullified", "entered-in-error", id="nullified"),
    ],
)
def test_status(attributes: str, state: str, expected: str) -> None:
    assert immunization(PRODUCT, attributes, state=state)["status"] == expected


def test_a_known_absence_is_no_vaccination() -> None:
    code = '<code code="no-known-immunizations" codeSystem="2.16.840.1.113883.5.1150.1"/>'
    found = immunization("", code=code)
    assert codes(found["vaccineCode"]) == ["no-known-immunizations"]
    assert found["status"] == "not-done"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param('<value xsi:type="INT" value="2"/>', {"doseNumberPositiveInt": 2}, id="number"),
        pytest.param('<value xsi:type="INT" value="0"/>', {"doseNumberString": "0"}, id="zero"),
        pytest.param('<value xsi:type="ST">booster</value>', {"doseNumberString": "booster"}, id="words"),
        pytest.param('<value xsi:type="INT" nullFlavor="UNK"/>', None, id="unknown"),
    ],
)
def test_rank_of_the_dose(value: str, expected: dict[str, Any] | None) -> None:
    found = immunization(PRODUCT + rank(value), code=FIRST_SERIES)
    protocol = [{**expected, "series": "First series"}] if expected else None
    assert found.get("protocolApplied") == protocol
    assert codes(found["extension"][0]["valueCodeableConcept"]) == ["INITIMMUNIZ"]


DISEASE = f'<value xsi:type="CD" code="56717001" {SNOMED} displayName="Tuberculosis"/>'
FEVER = (
    f'<code code="418799008" {SNOMED}/><effectiveTime><low value="20120505"/></effectiveTime>'
    '<value xsi:type="CD" code="R50.2" codeSystem="2.16.840.1.113883.6.3"/>'
)


def test_a_reason_is_the_target_beside_a_rank_else_the_reason() -> None:
    reason = link("37", DISEASE, "RSON")
    ranked = immunization(PRODUCT + reason + rank('<value xsi:type="INT" value="1"/>'))
    assert codes(ranked["protocolApplied"][0]["targetDisease"][0]) == ["56717001"]
    assert codes(immunization(PRODUCT + reason)["reasonCode"][0]) == ["56717001"]


@pytest.mark.parametrize("relation", ["CAUS", "MFST"])
def test_what_it_caused_is_a_reaction_not_a_target(relation: str) -> None:
    cv = section_of(vaccination(PRODUCT + link("37", FEVER, relation)))
    found = one(cv, "Immunization")
    assert "reasonCode" not in found
    assert "protocolApplied" not in found
    assert found["reaction"][0]["date"] == "2012-05-05"
    detail = behind(cv, found["reaction"][0]["detail"])
    assert (detail["resourceType"], codes(detail["valueCodeableConcept"])) == ("Observation", ["R50.2"])
    assert made(cv, "Condition") == []


def test_a_reaction_that_did_not_happen_is_no_reaction() -> None:
    cv = section_of(vaccination(PRODUCT + link("37", FEVER, "CAUS", 'negationInd="true"')))
    assert "reaction" not in one(cv, "Immunization")
    assert codes(one(cv, "Condition")["verificationStatus"]) == ["refuted"]


def test_why_it_was_refused() -> None:
    reason = (
        '<entryRelationship typeCode="RSON"><observation classCode="OBS" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.53"/>'
        '<code code="PATOBJ" codeSystem="2.16.840.1.113883.5.8"/></observation></entryRelationship>'
    )
    found = immunization(PRODUCT + reason, 'negationInd="true"')
    assert (found["status"], codes(found["statusReason"])) == ("not-done", ["PATOBJ"])


def test_the_prescription_behind_it_is_what_it_is_based_on() -> None:
    supply = (
        '<entryRelationship typeCode="REFR"><supply classCode="SPLY" moodCode="EVN">'
        '<templateId root="1.2.250.1.213.1.1.3.44"/><id root="2.999.9" extension="RX"/>'
        '<performer><time value="20190712"/><assignedEntity><id root="2.999.3" extension="PH"/>'
        "<assignedPerson><name><family>Pharma</family></name></assignedPerson></assignedEntity></performer>"
        '<author><time value="20190711"/><assignedAuthor><id root="2.999.3" extension="DR"/>'
        "<assignedPerson><name><family>Doctor</family></name></assignedPerson></assignedAuthor></author>"
        "</supply></entryRelationship>"
    )
    cv = section_of(vaccination(PRODUCT + supply))
    [extension] = one(cv, "Immunization")["extension"]
    assert extension["url"] == "http://hl7.org/fhir/StructureDefinition/event-basedOn"
    request = behind(cv, extension["valueReference"])
    assert request["authoredOn"] == "2019-07-11"
    assert behind(cv, request["requester"])["name"][0]["family"] == "Doctor"
    dispense = one(cv, "MedicationDispense")
    assert dispense["authorizingPrescription"] == [extension["valueReference"]]
    assert dispense["whenHandedOver"] == "2019-07-12"
    assert codes(dispense["medicationCodeableConcept"])[0] == "61077869"


def recommended(inner: str, attributes: str = "") -> dict[str, Any]:
    entry = (
        f'<substanceAdministration classCode="SBADM" moodCode="INT" {attributes}>'
        f'<templateId root="1.2.250.1.213.1.1.3.47"/>{inner}</substanceAdministration>'
    )
    return one(section_of(entry), "ImmunizationRecommendation")


def test_a_recommended_vaccination_is_not_a_given_one() -> None:
    time = '<effectiveTime><low value="20231201"/><high value="20231231"/></effectiveTime>'
    [item] = recommended(f'<statusCode code="active"/>{time}{PRODUCT}')["recommendation"]
    assert codes(item["vaccineCode"][0]) == ["61077869", "J07AN"]
    assert codes(item["forecastStatus"]) == ["due"]
    assert [(codes(each["code"]), each["value"]) for each in item["dateCriterion"]] == [
        (["30981-5"], "2023-12-01"),
        (["59777-3"], "2023-12-31"),
    ]


def test_a_negated_recommendation_is_not_due() -> None:
    [item] = recommended(f'<statusCode code="active"/>{PRODUCT}', 'negationInd="true"')["recommendation"]
    assert item["forecastStatus"] == {"text": "negated: not recommended"}


def test_a_vaccination_in_the_mood_of_an_intent_is_a_recommendation() -> None:
    text = vaccination(PRODUCT).replace('moodCode="EVN"', 'moodCode="INT"')
    cv = section_of(text)
    assert made(cv, "Immunization") == []
    one(cv, "ImmunizationRecommendation")
