"""The work of a validation grows with the resource, not with its square: counted in calls, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from fhir_server.interactions.validating import whole_validator
from fhir_server.validation.structure import StructureValidator
from fhir_server.validation.validator import Validator
from profiles.registry import Registry

SMALL = 60
TEXT = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
OBSERVATION = {
    "resourceType": "Observation",
    "text": TEXT,
    "status": "final",
    "code": {"text": "x"},
    "effectiveDateTime": "2020",
    "subject": {"display": "x"},
    "performer": [{"display": "x"}],
}


@pytest.fixture(scope="module")
def validator(registry: Registry) -> Validator:
    return whole_validator(registry, StructureValidator(registry), best_practice=False)


def urn(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012d}"


def extended(count: int) -> dict[str, Any]:
    url = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
    extension = [{"url": url, "valueAddress": {"city": "x"}}]
    rows = [
        {
            "fullUrl": urn(number),
            "resource": {"resourceType": "Patient", "text": TEXT, "extension": extension},
        }
        for number in range(count)
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": rows}


def linked(count: int) -> dict[str, Any]:
    rows = [
        {
            "fullUrl": urn(number),
            "resource": {**OBSERVATION, "hasMember": [{"reference": urn(max(0, number - 1))}]},
        }
        for number in range(count)
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": rows}


def versions(count: int) -> dict[str, Any]:
    """A document whose entries all have one name and name one another."""
    url = "http://example.org/Observation/1"
    composition = {
        "resourceType": "Composition", "id": "c", "text": TEXT, "status": "final", "type": {"text": "x"},
        "date": "2020", "author": [{"display": "x"}], "title": "x",
        "section": [{"title": "x", "text": TEXT, "entry": [{"reference": f"{url}/_history/1"}]}],
    }  # fmt: skip
    rows = [
        {
            "fullUrl": url,
            "resource": {
                **OBSERVATION,
                "id": "1",
                "meta": {"versionId": str(number)},
                "note": [{"text": url}],
            },
        }
        for number in range(count)
    ]
    return {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": urn(1)},
        "timestamp": "2020-01-01T00:00:00Z",
        "entry": [{"fullUrl": "http://example.org/Composition/c", "resource": composition}, *rows],
    }


def contained(count: int) -> dict[str, Any]:
    inner = {key: value for key, value in OBSERVATION.items() if key != "text"}
    return {
        "resourceType": "List",
        "text": TEXT,
        "status": "current",
        "mode": "working",
        "contained": [{**inner, "id": f"o{number}"} for number in range(count)],
        "entry": [{"item": {"reference": f"#o{number}"}} for number in range(count)],
    }


def sliced(count: int) -> dict[str, Any]:
    path = "Observation.category"
    by_code = {"discriminator": [{"type": "value", "path": "coding.code"}], "rules": "open"}
    slices = [
        {"id": f"{path}:s{number}", "path": path, "sliceName": f"s{number}", "min": 0}
        for number in range(count)
    ]
    rows = [{"id": "Observation", "path": "Observation"}, {"id": path, "path": path, "slicing": by_code}]
    return {
        "resourceType": "StructureDefinition", "text": TEXT, "url": "http://example.org/s", "name": "S",
        "status": "active", "kind": "resource", "abstract": False, "type": "Observation",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation", "derivation": "constraint",
        "differential": {"element": [*rows, *slices]},
    }  # fmt: skip


def answered(count: int) -> dict[str, Any]:
    """A response whose every question is asked because of the answer to the first."""
    when = [{"question": "q0", "operator": "=", "answerString": "x"}]
    items = [
        {"linkId": f"q{number}", "type": "string", **({"enableWhen": when} if number else {})}
        for number in range(count)
    ]
    return {
        "resourceType": "QuestionnaireResponse", "text": TEXT, "status": "completed", "questionnaire": "#asked",
        "contained": [{"resourceType": "Questionnaire", "id": "asked", "status": "active", "item": items}],
        "item": [{"linkId": item["linkId"], "answer": [{"valueString": "x"}]} for item in items],
    }  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(answered, id="questions-that-ask-for-one-another"),
        pytest.param(extended, id="extensions-in-entries"),
        pytest.param(linked, id="entries-that-refer"),
        pytest.param(versions, id="entries-of-one-name"),
        pytest.param(contained, id="contained"),
        pytest.param(sliced, id="slices"),
    ],
)
def test_four_times_the_rows_are_about_four_times_the_work(
    make: Callable[[int], dict[str, Any]], validator: Validator
) -> None:
    validator.validate(make(2))
    small, large = calls(validator, make(SMALL)), calls(validator, make(SMALL * 4))
    assert large < small * 6


def calls(validator: Validator, resource: dict[str, Any]) -> int:
    """How many functions one validation calls."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        issues = validator.validate(resource)
    finally:
        sys.setprofile(before)
    assert len(issues) <= 3, issues
    return count


def test_a_document_type_in_a_narrative_is_not_read(validator: Validator) -> None:
    entities = '<!ENTITY a "xxxxxxxxxx">' + "".join(
        f'<!ENTITY {chr(98 + number)} "{f"&{chr(97 + number)};" * 20}">' for number in range(8)
    )
    div = f'<!DOCTYPE d [{entities}]><div xmlns="http://www.w3.org/1999/xhtml">&i;</div>'
    resource = {**OBSERVATION, "text": {"status": "generated", "div": div}}
    faults = [issue.expression for issue in validator.validate(resource) if issue.severity == "error"]
    assert faults == ["Observation.text.div"]
