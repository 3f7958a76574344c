"""Medicines: taken, ordered, given and dispensed; products, dosages, permissions and reasons."""

from __future__ import annotations

import pytest

from tests.importers.cda.entries.medicines import CODE, MILD, PRODUCT, administration, link, ordered, taken
from tests.importers.cda.entries.statements import behind, codes, made, one, section_of

BASE = "https://example.org/fhir/StructureDefinition/"
UCUM = {"system": "http://unitsofmeasure.org"}
NO_PRODUCT = (
    '<consumable><manufacturedProduct><manufacturedMaterial nullFlavor="NA"><code nullFlavor="NA"/>'
    "</manufacturedMaterial></manufacturedProduct></consumable>"
)


@pytest.mark.parametrize(
    ("template", "mood", "expected", "intent"),
    [
        pytest.param("42", "EVN", "MedicationStatement", None, id="a-fact"),
        pytest.param("42", "INT", "MedicationRequest", "plan", id="an-intent-is-not-taken"),
        pytest.param("42", "PRP", "MedicationRequest", "proposal", id="a-proposal"),
        pytest.param("42", "RQO", "MedicationRequest", "order", id="an-order"),
        pytest.param("83", "INT", "MedicationRequest", "order", id="an-item-of-a-prescription"),
        pytest.param("151", "EVN", "MedicationAdministration", None, id="given"),
    ],
)
def test_mood_and_template_choose_the_resource(
    template: str, mood: str, expected: str, intent: str | None
) -> None:
    assert one(section_of(administration(PRODUCT, template, mood)), expected).get("intent") == intent


def test_an_order_not_to_take_stays_a_prohibition() -> None:
    assert ordered(PRODUCT, 'negationInd="true"')["doNotPerform"] is True
    assert "doNotPerform" not in ordered(PRODUCT, 'negationInd="false"')


def test_a_prescription_that_was_written_was_not_thereby_carried_out() -> None:
    assert ordered(f'<statusCode code="completed"/>{PRODUCT}')["status"] == "unknown"
    assert ordered(f'<statusCode code="active"/>{PRODUCT}')["status"] == "active"


def test_a_product_that_is_only_a_code_keeps_all_its_codes() -> None:
    found = taken(PRODUCT)["medicationCodeableConcept"]
    assert codes(found) == ["63107752", "MV1", "3400933516390"]


@pytest.mark.parametrize(
    ("uri", "package"),
    [
        pytest.param("urn:ihe:pharm:medication", "containerPackagedMedicine", id="of-ihe"),
        pytest.param("urn:epsos-org:ep:medication", "containerPackagedMedicine", id="of-epsos"),
        pytest.param("urn:hl7-org:pharm", "containerPackagedProduct", id="of-hl7"),
    ],
)
def test_form_ingredients_packages_and_batch_make_a_medication(uri: str, package: str) -> None:
    material = (
        f'{CODE}<name>PARACETAMOL 500</name><p:formCode xmlns:p="{uri}" code="10219000" '
        'codeSystem="0.4.0.127.0.16.1.1.2.1" displayName="Tablet"/><lotNumberText>L7</lotNumberText>'
        f'<p:expirationTime xmlns:p="{uri}" value="203212"/>'
        f'<p:asContent xmlns:p="{uri}" classCode="CONT"><p:{package}>'
        '<p:formCode code="30009000" codeSystem="0.4.0.127.0.16.1.1.2.1" displayName="Box"/>'
        f'<p:capacityQuantity value="16" unit="{{Tablet}}"/></p:{package}></p:asContent>'
        f'<p:ingredient xmlns:p="{uri}" classCode="ACTI"><p:quantity>'
        '<p:numerator value="500.0" unit="mg"/><p:denominator value="1"/></p:quantity><p:ingredient>'
        '<p:code code="N02BE01" codeSystem="2.16.840.1.113883.6.73"/><p:name>paracetamol</p:name>'
        "</p:ingredient></p:ingredient>"
    )
    holder = (
        f"<manufacturedProduct><manufacturedMaterial>{material}</manufacturedMaterial></manufacturedProduct>"
    )
    cv = section_of(administration(f"<consumable>{holder}</consumable>"))
    found = behind(cv, one(cv, "MedicationStatement")["medicationReference"])
    assert codes(found["form"]) == ["10219000"]
    assert found["batch"] == {"lotNumber": "L7", "expirationDate": "2032-12"}
    [ingredient] = found["ingredient"]
    assert ingredient["isActive"] is True
    assert ingredient["itemCodeableConcept"]["text"] == "paracetamol"
    assert ingredient["strength"]["numerator"]["value"] == "500.0"
    [extension] = found["extension"]
    assert extension["url"] == BASE + "product-package"
    assert {each["url"] for each in extension["extension"]} == {"form", "capacity"}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param(
            '<code code="no-known-medications" codeSystem="2.16.840.1.113883.5.1150.1"/>' + NO_PRODUCT,
            ["no-known-medications"],
            id="known-absence",
        ),
        pytest.param(
            '<code code="182904002" codeSystem="2.16.840.1.113883.6.96"/>' + NO_PRODUCT,
            ["182904002"],
            id="treatment-unknown",
        ),
    ],
)
def test_no_medicine_is_made_up(inner: str, expected: list[str]) -> None:
    assert codes(taken(inner)["medicationCodeableConcept"]) == expected


def test_without_product_and_words_the_reason_stands() -> None:
    found = taken(NO_PRODUCT)["medicationCodeableConcept"]
    assert found["extension"][0]["valueCode"] == "not-applicable"
    assert taken("<text>blue pills</text>" + NO_PRODUCT)["medicationCodeableConcept"]["text"] == "blue pills"


DOSE = '<doseQuantity value="1.50" unit="mg"/>'
TIMES = (
    '<effectiveTime xsi:type="IVL_TS"><low value="20230125"/><high value="20230127"/></effectiveTime>'
    '<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="8" unit="h"/></effectiveTime>'
)


def test_the_first_interval_is_when_it_was_taken_the_period_how_often() -> None:
    found = taken(TIMES + DOSE + PRODUCT)
    assert found["effectivePeriod"] == {"start": "2023-01-25", "end": "2023-01-27"}
    [dosage] = found["dosage"]
    assert dosage["timing"] == {"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}}
    assert dosage["doseAndRate"] == [{"doseQuantity": {"value": "1.50", "unit": "mg", **UCUM, "code": "mg"}}]


def test_of_an_order_the_interval_bounds_the_doses() -> None:
    [dosage] = ordered(TIMES + DOSE + PRODUCT)["dosageInstruction"]
    assert dosage["timing"]["repeat"] == {
        "boundsPeriod": {"start": "2023-01-25", "end": "2023-01-27"},
        "frequency": 1,
        "period": 8,
        "periodUnit": "h",
    }


def test_ranges_rates_limits_route_site_and_condition() -> None:
    inner = (
        '<routeCode code="20053000" codeSystem="0.4.0.127.0.16.1.1.2.1"/>'
        '<approachSiteCode code="1" codeSystem="2.16.840.1.113883.6.96"/>'
        '<doseQuantity><low value="1" unit="mg"/><high value="2" unit="mg"/></doseQuantity>'
        '<rateQuantity value="0.10" unit="mL/h"/>'
        '<maxDoseQuantity><numerator value="4" unit="g"/><denominator value="1" unit="d"/></maxDoseQuantity>'
        f"{PRODUCT}<precondition><criterion><text>if it hurts</text></criterion></precondition>"
    )
    [dosage] = taken(inner)["dosage"]
    assert codes(dosage["route"]) == ["20053000"]
    assert codes(dosage["site"]) == ["1"]
    [rate] = dosage["doseAndRate"]
    assert (rate["doseRange"]["low"]["value"], rate["doseRange"]["high"]["value"]) == (1, 2)
    assert rate["rateQuantity"]["value"] == "0.10"
    assert dosage["maxDosePerPeriod"]["numerator"]["value"] == 4
    assert dosage["asNeededCodeableConcept"] == {"text": "if it hurts"}


def test_steps_of_a_course_are_dosages_in_their_order() -> None:
    def step(number: int, dose: str) -> str:
        inner = f'<doseQuantity value="{dose}" unit="mg"/>{NO_PRODUCT}'
        return link(administration(inner, "83.1", "INT"), before=f'<sequenceNumber value="{number}"/>')

    found = ordered(PRODUCT + step(2, "20") + step(1, "10"))["dosageInstruction"]
    steps = [(each["sequence"], each["doseAndRate"][0]["doseQuantity"]["value"]) for each in found]
    assert steps == [(1, 10), (2, 20)]


def test_words_alone_are_a_dosage_too() -> None:
    assert taken("<text>one in the morning</text>" + PRODUCT)["dosage"] == [{"text": "one in the morning"}]


def test_words_that_only_name_the_product_are_no_dosage() -> None:
    name = "<name>Doliprane</name>"
    product = PRODUCT.replace(CODE, CODE + name)
    assert "dosage" not in taken("<text>Doliprane</text>" + product)


def act(template: str, inner: str, mood: str = "INT") -> str:
    return link(
        f'<act classCode="ACT" moodCode="{mood}"><templateId root="1.2.250.1.213.1.1.3.{template}"/>{inner}</act>'
    )


def flag(template: str, value: str) -> str:
    return link(
        '<observation classCode="OBS" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.13"/>'
        f'<templateId root="1.2.250.1.213.1.1.3.48"/><templateId root="1.2.250.1.213.1.1.3.{template}"/>'
        f'<code code="GEN-1" codeSystem="1.2.250.1.213.1.1.4.322"/><value xsi:type="BL" value="{value}"/>'
        "</observation>"
    )


def test_what_belongs_to_an_order_is_on_the_order() -> None:
    supply = (
        '<supply classCode="SPLY" moodCode="RQO"><templateId root="1.2.250.1.213.1.1.3.86"/>'
        '<quantity value="2" unit="30009000"/></supply>'
    )
    inner = (
        '<repeatNumber value="3"/>'
        + PRODUCT
        + link(supply)
        + act("87", '<code code="N" codeSystem="2.16.840.1.113883.5.1070"/>', "DEF")
        + act("33", "<text>with a meal</text>")
        + act("34", "<text>explain it</text>")
        + flag("48.12", "true")
        + flag("48.15", "false")
    )
    cv = section_of(administration(inner, "83", "INT"))
    found = one(cv, "MedicationRequest")
    assert found["dispenseRequest"] == {
        "numberOfRepeatsAllowed": 3,
        "quantity": {
            "value": 2,
            "unit": "30009000",
            "system": "http://standardterms.edqm.eu",
            "code": "30009000",
        },
    }
    assert codes(found["substitution"]["allowedCodeableConcept"]) == ["N"]
    assert found["dosageInstruction"][0]["patientInstruction"] == "with a meal"
    said = {each["url"].removeprefix(BASE): each for each in found["extension"]}
    assert said["off-label"]["valueBoolean"] is True
    assert said["not-covered"]["valueBoolean"] is False
    assert said["dispenser-instruction"]["valueString"] == "explain it"
    assert made(cv, "Observation") == []


@pytest.mark.parametrize("value", ["true", "false"])
def test_a_relation_is_a_reason_only_where_it_holds(value: str) -> None:
    cv = section_of(administration(PRODUCT + flag("48.14", value), "83", "INT"))
    observation = one(cv, "Observation")
    assert observation["valueBoolean"] is (value == "true")
    assert ("reasonReference" in one(cv, "MedicationRequest")) == (value == "true")
    assert observation["focus"]


def test_another_entry_is_the_reason_wherever_it_stands() -> None:
    reason = link(
        '<act classCode="ACT" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.36"/>'
        '<id root="2.999.7" extension="P"/></act>',
        "RSON",
    )
    problem = (
        '<observation classCode="OBS" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.37"/>'
        '<id root="2.999.7" extension="P"/>'
        '<value xsi:type="CD" code="I10" codeSystem="2.16.840.1.113883.6.3"/></observation>'
    )
    cv = section_of(administration(PRODUCT + reason), problem)
    [reference] = one(cv, "MedicationStatement")["reasonReference"]
    assert behind(cv, reference)["resourceType"] == "Condition"


def test_a_reference_to_no_entry_is_reported() -> None:
    reason = act("36", '<id root="2.999.7" extension="nowhere"/>', "EVN")
    cv = section_of(administration(PRODUCT + reason))
    assert "reasonReference" not in one(cv, "MedicationStatement")
    assert [issue.kind for issue in cv.issues] == ["reference"]


def dispensed(inner: str) -> str:
    return (
        '<supply classCode="SPLY" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.204"/>'
        f'<quantity value="2" unit="{{box}}"/><product>{MILD}</product>{inner}</supply>'
    )


def test_what_was_dispensed_with_its_dosage_substitution_and_prescription() -> None:
    dosage = administration(TIMES + DOSE + NO_PRODUCT)
    prescription = administration(
        '<id root="2.999.9" extension="RX"/><code code="PREItem" codeSystem="1.3.6.1.4.1.19376.1.9.2.2"/>'
        + NO_PRODUCT,
        "90",
        "INT",
    )
    substitution = act("206", '<code code="G" codeSystem="2.16.840.1.113883.5.1070"/>', "EVN")
    cv = section_of(dispensed(link(prescription, "REFR") + link(dosage) + substitution))
    found = one(cv, "MedicationDispense")
    assert codes(found["medicationCodeableConcept"])[0] == "63107752"
    assert found["quantity"]["value"] == 2
    assert found["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] == "1.50"
    assert found["substitution"]["wasSubstituted"] is True
    request = behind(cv, found["authorizingPrescription"][0])
    assert request["identifier"][0]["value"] == "RX"
    assert codes(request["medicationCodeableConcept"])[0] == "63107752"
    assert made(cv, "MedicationStatement") == []


def test_an_administration_has_one_amount_and_says_why_it_has_no_time() -> None:
    dose = '<doseQuantity><low value="5.0" unit="mg"/><high value="5.0" unit="mg"/></doseQuantity>'
    cv = section_of(administration(dose + PRODUCT, "151"))
    found = one(cv, "MedicationAdministration")
    assert found["dosage"]["dose"]["value"] == "5.0"
    assert found["effectivePeriod"]["extension"][0]["valueCode"] == "unknown"
    negated = section_of(administration(PRODUCT, "151", attributes='negationInd="true"'))
    assert one(negated, "MedicationAdministration")["status"] == "not-done"


def test_an_observation_says_whether_another_product_may_be_dispensed() -> None:
    permission = (
        '<observation classCode="OBS" moodCode="EVN"><code code="SUBST" codeSystem="2.16.840.1.113883.5.6"/>'
        '<value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CE" code="G"'
        ' codeSystem="2.16.840.1.113883.5.1070"/></observation>'
    )
    found = ordered(PRODUCT + link(permission, "SUBJ"))
    assert codes(found["substitution"]["allowedCodeableConcept"]) == ["G"]


def test_a_supply_without_template_inside_an_order_is_its_amount() -> None:
    supply = '<supply classCode="SPLY" moodCode="RQO"><quantity unit="1" value="3"/></supply>'
    found = ordered(PRODUCT + link(supply))
    assert found["dispenseRequest"]["quantity"]["value"] == 3


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param('<low value="150" unit="mL"/>', {"low": "150"}, id="one-bound"),
        pytest.param(
            '<low value="1.0" unit="mL"/><high value="2" unit="mL"/>', {"low": "1.0", "high": "2"}, id="two"
        ),
        pytest.param('<low nullFlavor="NA"/>', None, id="none"),
    ],
)
def test_a_dose_that_was_given_as_an_interval_keeps_its_bounds(inner: str, expected: object) -> None:
    given = administration(f"<doseQuantity>{inner}</doseQuantity>{PRODUCT}", "151")
    dosage = one(section_of(given), "MedicationAdministration").get("dosage", {})
    ranges = [
        each["valueRange"] for each in dosage.get("extension", ()) if each["url"] == BASE + "dose-range"
    ]
    assert [{name: str(part["value"]) for name, part in each.items()} for each in ranges] == (
        [] if expected is None else [expected]
    )
    assert "value" not in dosage.get("dose", {})
