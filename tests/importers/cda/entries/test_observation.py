"""Observations: values, absence, denial, ranges, qualifiers, members and what they refer to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.importers.cda.entries.statements import behind, codes, kinds, made, one, section_of

LOINC = 'codeSystem="2.16.840.1.113883.6.1"'
SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
CODE = f'<code code="1988-5" {LOINC} displayName="CRP"/>'
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def observation(inner: str, attributes: str = "", code: str = CODE, text: str = "") -> dict[str, Any]:
    return one(section_of(statement(inner, attributes, code), text=text), "Observation")


def statement(inner: str, attributes: str = "", code: str = CODE) -> str:
    return f'<observation classCode="OBS" moodCode="EVN" {attributes}>{code}{inner}</observation>'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            '<value xsi:type="PQ" value="4.50" unit="mmol/L"/>',
            {
                "valueQuantity": {
                    "value": "4.50",
                    "unit": "mmol/L",
                    "system": "http://unitsofmeasure.org",
                    "code": "mmol/L",
                }
            },
            id="quantity-keeps-its-literal",
        ),
        pytest.param(
            '<value xsi:type="v3:INT" value="7"/>', {"valueInteger": 7}, id="integer-whose-type-is-prefixed"
        ),
        pytest.param('<value xsi:type="BL" value="true"/>', {"valueBoolean": True}, id="boolean"),
        pytest.param('<value xsi:type="ST">rare</value>', {"valueString": "rare"}, id="string"),
        pytest.param('<value xsi:type="TS" value="2024"/>', {"valueDateTime": "2024"}, id="time"),
        pytest.param(
            '<value xsi:type="REAL" value="1.10"/>', {"valueQuantity": {"value": "1.10"}}, id="decimal"
        ),
        pytest.param(
            '<value xsi:type="IVL_PQ"><low value="1" unit="mg"/><high value="2" unit="mg"/></value>',
            {
                "valueRange": {
                    "low": {"value": 1, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
                    "high": {"value": 2, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
                }
            },
            id="interval",
        ),
        pytest.param(
            '<value xsi:type="II" root="1.2.3" extension="A7"/>',
            {"valueString": "urn:oid:1.2.3|A7"},
            id="identifier-has-no-value-of-its-own",
        ),
        pytest.param(
            f'<value xsi:type="CD" code="1" {SNOMED} displayName="One"/>',
            {
                "valueCodeableConcept": {
                    "coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "One"}]
                }
            },
            id="code",
        ),
    ],
)
def test_a_value_is_the_legal_value_of_its_type(value: str, expected: dict[str, Any]) -> None:
    found = observation(value)
    assert {name: found[name] for name in found if name.startswith("value")} == expected


@pytest.mark.parametrize(
    ("flavor", "reason"),
    [
        pytest.param("UNK", "unknown", id="unknown"),
        pytest.param("NASK", "not-asked", id="not-asked"),
        pytest.param("NAV", "temp-unknown", id="not-now"),
        pytest.param("MSK", "masked", id="masked"),
        pytest.param("NA", "not-applicable", id="not-applicable"),
    ],
)
def test_a_value_without_content_says_why(flavor: str, reason: str) -> None:
    found = observation(f'<value xsi:type="CD" nullFlavor="{flavor}"/>')
    assert codes(found["dataAbsentReason"]) == [reason]
    assert not any(name.startswith("value") for name in found)


def test_several_values_are_components_and_none_is_the_value() -> None:
    two = '<value xsi:type="PQ" value="4.1" unit="g/L"/><value xsi:type="PQ" value="52" unit="%"/>'
    found = one(section_of(statement(two)), "Observation")
    assert not [name for name in found if name.startswith("value")]
    assert [each["valueQuantity"]["unit"] for each in found["component"]] == ["g/L", "%"]
    assert [each["code"] for each in found["component"]] == [found["code"], found["code"]]


def test_no_value_at_all_invents_no_reason() -> None:
    assert not {"dataAbsentReason", "valueBoolean"} & observation("").keys()


@pytest.mark.parametrize(
    ("attributes", "value"),
    [
        pytest.param('negationInd="true"', '<value xsi:type="BL" value="true"/>', id="true-is-denied"),
        pytest.param('negationInd="true"', '<value xsi:type="BL" value="false"/>', id="false-stays-false"),
        pytest.param('negationInd="true"', '<value xsi:type="CD"/>', id="no-value"),
        pytest.param('negationInd="1"', "", id="without-a-value"),
        pytest.param("", '<value xsi:type="BL" value="false"/>', id="false-by-itself"),
    ],
)
def test_a_denied_statement_without_a_finding_is_false(attributes: str, value: str) -> None:
    assert observation(value, attributes)["valueBoolean"] is False


def test_a_denied_finding_is_no_value_but_a_component_that_is_false() -> None:
    found = observation(f'<value xsi:type="CD" code="38341003" {SNOMED}/>', 'negationInd="true"')
    assert "valueCodeableConcept" not in found
    assert codes(found["component"][0]["code"]) == ["38341003"]
    assert found["component"][0]["valueBoolean"] is False
    assert codes(found["interpretation"][0]) == ["NEG"]


def test_a_denied_measure_keeps_its_literal_as_negative() -> None:
    found = observation('<value xsi:type="PQ" value="41" unit="wk"/>', 'negationInd="true"')
    assert "valueQuantity" not in found
    assert found["component"][0]["valueQuantity"]["value"] == 41
    assert codes(found["component"][0]["interpretation"][0]) == ["NEG"]


def test_a_negated_relation_denies_the_statement_inside() -> None:
    inside = statement('<value xsi:type="BL" value="true"/>', code=f'<code code="2" {SNOMED}/>')
    cv = section_of(
        statement(f'<entryRelationship typeCode="COMP" negationInd="true">{inside}</entryRelationship>')
    )
    outer, inner = made(cv, "Observation")
    assert inner["valueBoolean"] is False
    assert "valueBoolean" not in outer


def test_without_a_code_the_text_names_the_observation() -> None:
    code = '<code nullFlavor="UNK"/><text><reference value="#t"/></text>'
    found = observation("", code=code, text='<content ID="t">Poids de   naissance</content>')
    assert found["code"] == {"text": "Poids de naissance"}


def test_without_code_and_text_the_absence_is_said_and_reported() -> None:
    cv = section_of(statement("", code=""))
    assert one(cv, "Observation")["code"] == {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    assert "code" in kinds(cv)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param("completed", "final", id="completed"),
        pytest.param("active", "preliminary", id="active"),
        pytest.param("aborted", "cancelled", id="aborted"),
        pytest.param("cancelled", "cancelled", id="cancelled"),
        pytest.param("weird", "unknown", id="no-status-of-hl7"),
    ],
)
def test_a_status_is_mapped_by_the_table(said: str, expected: str) -> None:
    assert observation(f'<statusCode code="{said}"/>')["status"] == expected


def test_a_reference_range_keeps_bounds_words_and_meaning() -> None:
    found = observation(
        "<referenceRange><observationRange><text>adultes</text>"
        '<value xsi:type="IVL_PQ"><low value="3.89" unit="mmol/L"/><high value="3.89" unit="mmol/L"/></value>'
        '<interpretationCode code="N" codeSystem="2.16.840.1.113883.5.83"/>'
        "</observationRange></referenceRange>"
    )
    (found_range,) = found["referenceRange"]
    assert (found_range["low"]["value"], found_range["high"]["value"]) == ("3.89", "3.89")
    assert found_range["text"] == "adultes"
    assert codes(found_range["type"]) == ["N"]


def test_a_bound_outside_of_its_range_is_reported() -> None:
    cv = section_of(
        statement(
            "<referenceRange><observationRange>"
            '<value xsi:type="IVL_PQ"><low value="1" unit="g" inclusive="false"/></value>'
            "</observationRange></referenceRange>"
        )
    )
    assert one(cv, "Observation")["referenceRange"][0]["low"]["value"] == 1
    assert "unit" in kinds(cv)


def test_qualifiers_of_codes_are_components() -> None:
    found = observation(
        f'<value xsi:type="PQ" value="1" unit="m"/>'
        f'<targetSiteCode code="81745001" {SNOMED}>'
        f'<qualifier><name code="20228-3" {LOINC}/><value code="24028007" {SNOMED}/></qualifier>'
        "</targetSiteCode>"
    )
    assert codes(found["bodySite"]) == ["81745001"]
    (component,) = found["component"]
    assert codes(component["code"]) == ["20228-3"]
    assert codes(component["valueCodeableConcept"]) == ["24028007"]


@pytest.mark.parametrize(
    ("relation", "place"),
    [
        pytest.param("COMP", ("hasMember",), id="component-is-a-member"),
        pytest.param("SPRT", ("derivedFrom",), id="support-is-a-source"),
        pytest.param("REFR", ("workflow-supportingInfo",), id="reference-is-supporting"),
        pytest.param("RSON", ("workflow-reasonReference",), id="reason-is-a-reason"),
    ],
)
def test_a_statement_inside_is_related_as_its_relation_says(relation: str, place: tuple[str]) -> None:
    inside = statement("", code=f'<code code="2" {SNOMED}/>')
    cv = section_of(
        statement(f'<entryRelationship typeCode="{relation}">{inside}</entryRelationship>'), code="11348-0"
    )
    outer = next(each for each in made(cv, "Observation") if codes(each["code"]) == ["1988-5"])
    by_extension = {
        each["url"].rpartition("/")[2]: [each["valueReference"]] for each in outer.get("extension", ())
    }
    (reference,) = {**outer, **by_extension}[place[0]]
    assert codes(behind(cv, reference)["code"]) == ["2"]
    others = {"hasMember", "derivedFrom", "workflow-supportingInfo", "workflow-reasonReference"} - set(place)
    assert not others & ({*outer} | {*by_extension})


def test_a_statement_about_another_has_it_as_focus() -> None:
    inside = statement("", code=f'<code code="2" {SNOMED}/>')
    cv = section_of(statement(f'<entryRelationship typeCode="SUBJ">{inside}</entryRelationship>'))
    outer, inner = made(cv, "Observation")
    assert behind(cv, inner["focus"][0]) == outer


def test_words_that_the_resource_says_already_are_no_note() -> None:
    inner = '<text><reference value="#a"/></text><value xsi:type="ST">ok</value>'
    assert "note" not in observation(inner, text='<content ID="a">crp</content>')
    assert observation(inner, text='<content ID="a">à jeun</content>')["note"] == [{"text": "à jeun"}]


def test_who_took_part_says_how() -> None:
    found = observation(
        '<participant typeCode="AUTHEN"><time value="20240102"/><participantRole>'
        '<id root="1.2.3" extension="9"/><playingEntity><name><family>A</family></name></playingEntity>'
        "</participantRole></participant>"
    )
    function, time = found["performer"][0]["extension"]
    assert codes(function["valueCodeableConcept"]) == ["AUTHEN"]
    assert time["valueDateTime"] == "2024-01-02"


def test_an_image_as_value_is_a_media_with_its_bytes_apart() -> None:
    value = '<value xsi:type="ED" mediaType="image/png" representation="B64">iVBORw0KGgo=</value>'
    cv = section_of(statement(value))
    media = behind(cv, one(cv, "Observation")["derivedFrom"][0])
    assert media["resourceType"] == "Media"
    binary = behind(cv, {"reference": media["content"]["url"]})
    assert (binary["contentType"], binary["data"]) == ("image/png", "iVBORw0KGgo=")
    assert media["content"]["size"] == 8


def test_somebody_else_as_subject_is_the_focus() -> None:
    subject = (
        '<subject><relatedSubject classCode="PRS"><code code="CHILD" codeSystem="2.16.840.1.113883.5.111"/>'
        '<subject><administrativeGenderCode code="F"/><birthTime value="20240203"/></subject>'
        "</relatedSubject></subject>"
    )
    organizer = (
        f'<organizer classCode="CLUSTER" moodCode="EVN">{CODE}{subject}'
        f"<component>{statement('')}</component></organizer>"
    )
    cv = section_of(organizer)
    person = one(cv, "RelatedPerson")
    assert (person["gender"], person["birthDate"]) == ("female", "2024-02-03")
    assert [behind(cv, each["focus"][0]) for each in made(cv, "Observation")] == [person, person]


@pytest.mark.parametrize(
    ("person", "count"),
    [
        pytest.param("<subject><name><given>Ann</given></name></subject>", 1, id="by-name"),
        pytest.param("", 2, id="two-sisters-without-a-name"),
    ],
)
def test_somebody_who_is_met_twice_by_name_is_one(person: str, count: int) -> None:
    subject = (
        '<subject><relatedSubject classCode="PRS"><code code="SIS" codeSystem="2.16.840.1.113883.5.111"/>'
        f"{person}</relatedSubject></subject>"
    )
    cv = section_of(statement(subject), statement(subject))
    assert len(made(cv, "RelatedPerson")) == count
    assert ["focus" in each for each in made(cv, "Observation")] == [True, True]


def test_a_position_in_the_code_is_said_apart() -> None:
    found = observation("", code=f'<code code="8306-3" {LOINC}/>')
    assert codes(found["extension"][0]["valueCodeableConcept"]) == ["102538003"]
