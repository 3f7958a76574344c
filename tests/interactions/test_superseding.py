"""What an earlier version of a document said is withdrawn by the later one, without a word about the person."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.fhirpath import compile
from fhir_server.interactions.importing.superseding import APART, STATUS, TAG, is_superseded, superseded
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry

CODE = {"text": "x"}
SUBJECT = {"reference": "Patient/1"}
ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
CONDITION = "http://terminology.hl7.org/CodeSystem/condition-clinical"
RESOURCES: dict[str, dict[str, Any]] = {
    "vaccination": {
        "resourceType": "Immunization", "status": "completed", "vaccineCode": CODE, "patient": SUBJECT,
        "occurrenceDateTime": "2020",
    },
    "refused-vaccination": {
        "resourceType": "Immunization", "status": "not-done", "vaccineCode": CODE, "patient": SUBJECT,
        "occurrenceDateTime": "2020",
    },
    "medicine": {
        "resourceType": "MedicationStatement", "status": "active", "medicationCodeableConcept": CODE,
        "subject": SUBJECT,
    },
    "result": {"resourceType": "Observation", "status": "final", "code": CODE, "subject": SUBJECT},
    "goal": {
        "resourceType": "Goal", "lifecycleStatus": "active", "description": CODE, "subject": SUBJECT,
    },
    "device-use": {
        "resourceType": "DeviceUseStatement", "status": "active", "subject": SUBJECT,
        "device": {"reference": "Device/1"},
    },
    "specimen-without-status": {"resourceType": "Specimen", "subject": SUBJECT},
    "allergy": {
        "resourceType": "AllergyIntolerance", "patient": SUBJECT, "code": CODE,
        "clinicalStatus": {"coding": [{"system": ALLERGY, "code": "active"}]},
    },
    "problem-that-ended": {
        "resourceType": "Condition", "subject": SUBJECT, "code": CODE, "abatementDateTime": "2020",
        "clinicalStatus": {"coding": [{"system": CONDITION, "code": "resolved"}]},
    },
}  # fmt: skip
HOLDS = {
    "AllergyIntolerance": "AllergyIntolerance.verificationStatus.coding.exists(code='entered-in-error')",
    "Condition": "Condition.verificationStatus.coding.exists(code='entered-in-error')",
    "Goal": "Goal.lifecycleStatus = 'entered-in-error'",
}
NO_STATEMENT = "clinicalStatus.empty() and abatement.empty()"


@pytest.mark.parametrize("before", [pytest.param(one, id=name) for name, one in RESOURCES.items()])
def test_a_record_is_withdrawn_and_stays_valid(before: dict[str, Any], registry: Registry) -> None:
    after = superseded(before)
    assert is_superseded(after)
    expected = HOLDS.get(before["resourceType"], "status = 'entered-in-error'")
    assert compile(expected).items(after) == [True]
    assert compile(NO_STATEMENT).items(after) == [True]
    assert StructureValidator(registry).validate(after) == []


@pytest.mark.parametrize("before", [pytest.param(one, id=name) for name, one in RESOURCES.items()])
def test_what_it_was_is_not_changed_in_place_and_twice_is_once(before: dict[str, Any]) -> None:
    assert "meta" not in before
    after = superseded(before)
    assert superseded(after) is after
    assert after["meta"]["tag"] == [dict(TAG)]


def test_a_file_of_the_document_is_superseded_and_the_document_is_as_it_was() -> None:
    file = superseded({"resourceType": "DocumentReference", "status": "current"})
    assert file["status"] == "superseded"
    document = superseded({"resourceType": "Composition", "status": "final"})
    assert (document["status"], is_superseded(document)) == ("final", True)


@pytest.mark.parametrize("resource_type", sorted(APART))
def test_what_is_not_of_the_document_stays(resource_type: str) -> None:
    resource = {"resourceType": resource_type}
    assert superseded(resource) is resource


@pytest.mark.parametrize("resource_type", sorted(STATUS))
def test_every_status_is_one_of_its_type(resource_type: str, registry: Registry) -> None:
    after = superseded({"resourceType": resource_type})
    wrong = [
        issue for issue in StructureValidator(registry).validate(after) if STATUS[resource_type] in str(issue)
    ]
    assert wrong == []
