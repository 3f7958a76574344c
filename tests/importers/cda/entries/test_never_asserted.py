"""What a document takes back, denies, plans, or says of somebody else never becomes a fact of the person."""

from __future__ import annotations

from typing import Any

import pytest

from tests.importers.cda.entries import test_allergy as allergies
from tests.importers.cda.entries import test_condition as conditions
from tests.importers.cda.entries import test_family_history as families
from tests.importers.cda.entries import test_immunization as immunizations
from tests.importers.cda.entries import test_medication as medications
from tests.importers.cda.entries.statements import codes, kinds, made, one, section_of

CHILD = (
    '<subject><relatedSubject classCode="PRS"><code code="CHILD" codeSystem="2.16.840.1.113883.5.111"/>'
    "</relatedSubject></subject>"
)
SELF = CHILD.replace("CHILD", "ONESELF")
NEGATED = 'moodCode="EVN" negationInd="true"'
FACTS = ("AllergyIntolerance", "Condition", "Immunization", "MedicationStatement", "Procedure")


def state(code: str) -> str:
    return f'<statusCode code="{code}"/>'


def facts(cv: Any) -> list[str]:
    return [name for name in FACTS if made(cv, name)]


def problem(code: str) -> str:
    return conditions.concern(conditions.problem(state(code) + conditions.VALUE))


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        pytest.param(problem("nullified"), "Condition", id="problem"),
        pytest.param(
            conditions.concern(conditions.problem(state("completed") + conditions.VALUE), state="nullified"),
            "Condition",
            id="concern",
        ),
        pytest.param(
            allergies.concern(state("nullified") + allergies.DRUG_ALLERGY + allergies.AGENT),
            "AllergyIntolerance",
            id="allergy",
        ),
    ],
)
def test_what_was_nullified_is_entered_in_error_and_has_no_clinical_status(entry: str, name: str) -> None:
    found = one(section_of(entry), name)
    assert codes(found["verificationStatus"])[0] == "entered-in-error"
    assert "clinicalStatus" not in found


@pytest.mark.parametrize("code", ["aborted", "cancelled"])
def test_a_finding_that_was_not_finished_states_no_condition(code: str) -> None:
    cv = section_of(problem(code))
    assert facts(cv) == []
    assert one(cv, "Observation")["status"] == "cancelled"


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        pytest.param(
            medications.administration(
                state("nullified") + medications.PRODUCT, attributes='negationInd="true"'
            ),
            "MedicationStatement",
            id="medicine",
        ),
        pytest.param(
            immunizations.vaccination(immunizations.PRODUCT, 'negationInd="true"').replace(
                'statusCode code="completed"', 'statusCode code="nullified"'
            ),
            "Immunization",
            id="vaccination",
        ),
        pytest.param(
            f'<procedure classCode="PROC" {NEGATED}><code nullFlavor="NA"/>{state("nullified")}</procedure>',
            "Procedure",
            id="procedure",
        ),
    ],
)
def test_a_denial_that_was_nullified_denies_nothing(entry: str, name: str) -> None:
    assert one(section_of(entry), name)["status"] == "entered-in-error"


def test_a_negated_concern_refutes_what_it_is_about() -> None:
    entry = problem("completed").replace('moodCode="EVN"', NEGATED, 1)
    assert codes(one(section_of(entry), "Condition")["verificationStatus"]) == ["refuted"]


def test_a_negated_concern_refutes_an_allergy() -> None:
    entry = allergies.concern(allergies.DRUG_ALLERGY + allergies.AGENT).replace('moodCode="EVN"', NEGATED, 1)
    assert codes(one(section_of(entry), "AllergyIntolerance")["verificationStatus"]) == ["refuted"]


@pytest.mark.parametrize("value", ["true", "1"])
def test_a_negated_link_counts_however_true_is_written(value: str) -> None:
    finding = '<observation classCode="OBS" moodCode="EVN"><code code="1"/><value xsi:type="BL" value="true"/></observation>'
    outer = (
        f'<observation classCode="OBS" moodCode="EVN"><code code="2"/>'
        f'<entryRelationship typeCode="SPRT" negationInd="{value}">{finding}</entryRelationship></observation>'
    )
    inner = next(each for each in made(section_of(outer), "Observation") if codes(each["code"]) == ["1"])
    assert inner["valueBoolean"] is False


@pytest.mark.parametrize("mood", ["GOL", "INT", "RQO", "RSK", "EVN.CRT"])
@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(problem("completed"), id="problem"),
        pytest.param(allergies.concern(allergies.DRUG_ALLERGY + allergies.AGENT), id="allergy"),
    ],
)
def test_what_is_no_fact_by_its_mood_is_no_fact(entry: str, mood: str) -> None:
    marker = '<observation classCode="OBS" moodCode="'
    assert facts(section_of(entry.replace(f"{marker}EVN", f"{marker}{mood}"))) == []


def test_a_criterion_is_no_observation() -> None:
    cv = section_of('<observation classCode="OBS" moodCode="EVN.CRT"><code code="1"/></observation>')
    assert made(cv, "Observation") == []
    assert "entry" in kinds(cv)


def test_a_problem_of_somebody_else_is_an_observation_about_them() -> None:
    cv = section_of(conditions.concern(conditions.problem(conditions.VALUE + CHILD)))
    assert facts(cv) == []
    assert made(cv, "Observation")[0]["focus"]


def test_a_concern_about_somebody_else_is_no_condition_of_the_person() -> None:
    cv = section_of(conditions.concern(conditions.problem(conditions.VALUE), time=CHILD))
    assert facts(cv) == []
    assert made(cv, "Observation")[0]["focus"]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(medications.administration(medications.PRODUCT + CHILD), id="medicine"),
        pytest.param(immunizations.vaccination(immunizations.PRODUCT + CHILD), id="vaccination"),
        pytest.param(
            f'<procedure classCode="PROC" moodCode="EVN"><code code="1"/>{CHILD}</procedure>', id="procedure"
        ),
    ],
)
def test_what_was_done_to_somebody_else_is_listed_not_asserted(entry: str) -> None:
    cv = section_of(entry)
    assert facts(cv) == []
    assert "subject" in kinds(cv)


def test_a_subject_that_is_the_person_is_the_person() -> None:
    assert one(section_of(medications.administration(medications.PRODUCT + SELF)), "MedicationStatement")


def test_a_denied_severity_is_no_severity() -> None:
    denied = allergies.severity("24484000").replace('moodCode="EVN"', NEGATED)
    found = one(
        section_of(allergies.concern(allergies.DRUG_ALLERGY + allergies.AGENT + denied)), "AllergyIntolerance"
    )
    assert "24484000" not in str(found)


@pytest.mark.parametrize(
    ("attributes", "value"),
    [
        pytest.param('negationInd="true"', "419099009", id="negated"),
        pytest.param("", "419620001", id="another-value"),
    ],
)
def test_a_relative_who_did_not_die_of_it_did_not_die_of_it(attributes: str, value: str) -> None:
    death = (
        f'<entryRelationship typeCode="CAUS"><observation classCode="OBS" moodCode="EVN" {attributes}>'
        '<templateId root="2.16.840.1.113883.10.20.22.4.47"/><code code="ASSERTION"/>'
        f'<value xsi:type="CD" code="{value}" codeSystem="2.16.840.1.113883.6.96"/>'
        "</observation></entryRelationship>"
    )
    found = one(section_of(families.history(families.condition("1", inner=death))), "FamilyMemberHistory")
    assert "contributedToDeath" not in found["condition"][0]
    assert "deceasedBoolean" not in found


@pytest.mark.parametrize("code", ["new", "held", "suspended"])
def test_a_vaccination_that_waits_was_not_given(code: str) -> None:
    entry = immunizations.vaccination(immunizations.PRODUCT).replace(
        'statusCode code="completed"', f'statusCode code="{code}"'
    )
    assert one(section_of(entry), "Immunization")["status"] == "not-done"


def test_fills_allowed_count_the_first_dispense_repeats_do_not() -> None:
    supply = (
        '<supply classCode="SPLY" moodCode="INT">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.17" extension="2014-06-09"/>'
        f'{state("active")}<repeatNumber value="3"/><product>{medications.MILD}</product></supply>'
    )
    found = one(section_of(supply), "MedicationRequest")
    assert found["dispenseRequest"]["numberOfRepeatsAllowed"] == 2


def test_administrations_allowed_are_no_repeats_of_a_dispense() -> None:
    entry = medications.administration(medications.PRODUCT + '<repeatNumber value="3"/>', mood="INT")
    entry = entry.replace("1.2.250.1.213.1.1.3.42", "2.16.840.1.113883.10.20.22.4.16")
    assert "dispenseRequest" not in one(section_of(entry), "MedicationRequest")
