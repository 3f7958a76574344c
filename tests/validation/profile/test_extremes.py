"""What is right by its structure and yet at the edge: numbers out of range, rules that ask themselves, fresh targets."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from profiles.definitions import Profile
from tests.validation.profile.making import BASE, Bench, found, profile, row

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": "Test"}]}
UCUM = "http://unitsofmeasure.org"
WITH_BIRTH_DATE = profile("with-birth-date", "Patient", row("Patient.birthDate", 1))
CLAIMING = {"resourceType": "Patient", "meta": {"profile": [WITH_BIRTH_DATE.url]}}
WITH_LANGUAGE = profile("with-language", "OperationOutcome", row("OperationOutcome.language", 1))


def of_unit(value: bytes, code: str) -> dict[str, Any]:
    return {"value": Raw(value), "system": UCUM, "code": code}


def test_a_quantity_whose_conversion_goes_out_of_range_is_not_judged(bench: Bench) -> None:
    limit = of_unit(b"1e999999", "kg")
    validator = bench.with_definitions(
        profile(
            "light", "Observation", row("Observation.value[x]", types=["Quantity"], maxValueQuantity=limit)
        )
    )
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "weight"},
        "valueQuantity": of_unit(b"1e999999", "g"),
    }
    assert found(validator.validate(observation, profiles=[BASE + "light"])) == []


def test_a_profile_of_a_primitive_that_asks_itself_comes_to_an_end(bench: Bench) -> None:
    asks = {"key": "s-1", "severity": "error", "human": "prose", "expression": f"conformsTo('{BASE}self')"}
    validator = bench.with_definitions(
        profile("self", "string", root=row("string", constraint=[asks])),
        profile(
            "named",
            "Patient",
            row("Patient.name"),
            row("Patient.name.family", types=[{"code": "string", "profile": [BASE + "self"]}]),
        ),
    )
    assert found(validator.validate(PATIENT, profiles=[BASE + "named"])) == []


@pytest.mark.parametrize(
    ("resource", "known", "place"),
    [
        pytest.param(
            {
                "resourceType": "Parameters",
                "parameter": [{"name": "a", "part": [{"name": "b", "resource": CLAIMING}]}],
            },
            WITH_BIRTH_DATE,
            "Parameters.parameter[0].part[0].resource.birthDate",
            id="part-of-a-parameter",
        ),
        pytest.param(
            {
                "resourceType": "Bundle",
                "type": "batch-response",
                "entry": [
                    {
                        "response": {
                            "status": "200",
                            "outcome": {
                                "resourceType": "OperationOutcome",
                                "meta": {"profile": [WITH_LANGUAGE.url]},
                                "issue": [{"severity": "error", "code": "invalid"}],
                            },
                        }
                    }
                ],
            },
            WITH_LANGUAGE,
            "Bundle.entry[0].response.outcome.language",
            id="outcome-of-an-entry",
        ),
    ],
)
def test_a_resource_is_held_to_the_profile_that_it_claims_wherever_it_is(
    bench: Bench, resource: dict[str, Any], known: Profile, place: str
) -> None:
    assert found(bench.with_definitions(known).validate(resource)) == [("error", "missing-element", place)]


def test_each_target_is_asked_for_once_and_has_a_verdict_of_its_own(bench: Bench) -> None:
    """Verdicts go by the identity of objects, so that none may go while another comes."""
    asked: list[str] = []
    target = {"code": "Reference", "targetProfile": [BASE + "active"]}
    validator = bench.with_definitions(
        profile("active", "Practitioner", row("Practitioner.active", 1)),
        profile("cared-for", "Patient", row("Patient.generalPractitioner", types=[target])),
        profile("watched", "Patient", row("Patient.generalPractitioner", types=[target])),
    )

    def resolve(text: str) -> dict[str, Any]:
        asked.append(text)
        number = int(text.rpartition("/")[2])
        return {"resourceType": "Practitioner", "id": str(number)} | ({"active": True} if number % 2 else {})

    patient = PATIENT | {"generalPractitioner": [{"reference": f"Practitioner/{n}"} for n in range(1, 7)]}
    issues = validator.validate(patient, profiles=[BASE + "cared-for", BASE + "watched"], resolve=resolve)
    assert len(asked) == len(set(asked)) == 6
    places = [f"Patient.generalPractitioner[{number}].reference" for number in (1, 3, 5)]
    assert [place for _, _, place in found(issues)] == places
