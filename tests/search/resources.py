"""Small resources of our own making for search tests."""

from __future__ import annotations

from typing import Any

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def observation(id: str = "o1", **content: Any) -> dict[str, Any]:
    """Return a body temperature of Patient/p1; `content` replaces or adds elements, None takes one away."""
    resource = {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": "vital-signs"}]}],
        "code": {"coding": [{"system": LOINC, "code": "8310-5", "display": "Body temperature"}]},
        "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": "Encounter/e1"},
        "effectiveDateTime": "2024-02-29T10:30:00+01:00",
        "valueQuantity": {"value": 37, "unit": "Cel", "system": UCUM, "code": "Cel"},
        **content,
    }
    return {name: value for name, value in resource.items() if value is not None}


def patient(id: str = "p1", **content: Any) -> dict[str, Any]:
    """Return a patient; `content` adds or replaces elements."""
    return {
        "resourceType": "Patient",
        "id": id,
        "active": True,
        "name": [{"family": "O'Brïen-Müller", "given": ["Zoë", "Ann"]}],
        "gender": "female",
        "birthDate": "1970-02",
        **content,
    }


def blood_pressure(id: str = "bp", systolic: int = 120, diastolic: int = 80) -> dict[str, Any]:
    """Return a blood pressure with two components."""
    return observation(
        id,
        code={"coding": [{"system": LOINC, "code": "85354-9"}]},
        valueQuantity=None,
        component=[_component("8480-6", systolic), _component("8462-4", diastolic)],
    )


def _component(code: str, value: int) -> dict[str, Any]:
    return {
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "valueQuantity": {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
    }
