"""Codes of required bindings."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry

SYSTEM = "http://terminology.hl7.org/CodeSystem/condition-clinical"
EXTENSION = {"url": "https://example.org/note", "valueString": "x"}


@pytest.fixture(scope="module")
def validator(registry: Registry) -> StructureValidator:
    return StructureValidator(registry)


def condition(status: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Condition", "subject": {"display": "x"}, "clinicalStatus": status}


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"coding": [{"system": SYSTEM, "code": "active"}]}, id="member"),
        pytest.param(
            {"coding": [{"code": "x"}, {"system": SYSTEM, "code": "active"}]}, id="one-member-is-enough"
        ),
        pytest.param({"coding": [{"system": SYSTEM, "code": "relapse"}], "text": "x"}, id="below-another"),
        pytest.param({"extension": [EXTENSION]}, id="only-an-extension"),
    ],
)
def test_concept_of_the_value_set_is_accepted(validator: StructureValidator, status: dict[str, Any]) -> None:
    assert validator.accepts(condition(status))
    assert validator.explain(condition(status)) == []


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"coding": [{"system": SYSTEM, "code": "gone"}]}, id="other-code"),
        pytest.param({"coding": [{"system": "https://example.org", "code": "active"}]}, id="other-system"),
        pytest.param({"coding": [{"code": "active"}]}, id="no-system"),
        pytest.param({"coding": [{"system": SYSTEM}]}, id="no-code"),
        pytest.param({"text": "active"}, id="only-a-text"),
    ],
)
def test_concept_outside_the_value_set_is_refused(
    validator: StructureValidator, status: dict[str, Any]
) -> None:
    (issue,) = validator.validate(condition(status))
    assert (issue.situation, issue.expression) == (
        "code-not-in-value-set",
        "Condition.clinicalStatus.coding",
    )


def test_code_is_compared_with_its_case(validator: StructureValidator) -> None:
    assert validator.validate({"resourceType": "Patient", "gender": "male"}) == []
    (issue,) = validator.validate({"resourceType": "Patient", "gender": "Male"})
    assert issue.situation == "code-not-in-value-set"
    assert "`Male`" in issue.text and "female" in issue.text


def test_what_is_no_code_is_not_quoted(validator: StructureValidator) -> None:
    (issue,) = validator.validate({"resourceType": "Patient", "gender": "Anne Dupont"})
    assert "Dupont" not in issue.text


def test_a_value_set_that_cannot_be_enumerated_is_left_to_terminology(
    validator: StructureValidator,
) -> None:
    content = {"resourceType": "Binary", "contentType": "application/x-anything"}
    assert validator.validate(content) == []
    assert [issue.situation for issue in validator.validate(content | {"contentType": "a  b"})] == [
        "illegal-value"
    ]
