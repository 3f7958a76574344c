"""Whose record a resource belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fhir_server.model.exact_json import decode
from fhir_server.model.outcome import FhirError
from fhir_server.search.owner import Owners
from profiles.registry import Registry
from tests.search.shelf import BASE_URL

EXAMPLES = 516


@pytest.fixture(scope="module")
def owners(registry: Registry) -> Owners:
    return Owners(registry, BASE_URL)


def ref(text: str) -> dict[str, str]:
    return {"reference": text}


def _known(resource_type: str, id: str) -> str | None:
    return {("Observation", "o1"): "p1", ("Observation", "o2"): "p2", ("Binary", "b1"): "p1"}.get(
        (resource_type, id)
    )


def _collection(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}


P1, P2, G1 = ref("Patient/p1"), ref("Patient/p2"), ref("Group/g1")
OF_P1 = {"resourceType": "Observation", "subject": P1}
OF_P2 = {"resourceType": "Observation", "subject": P2}


@pytest.mark.parametrize(
    ("resource", "owner"),
    [
        pytest.param({"resourceType": "Patient", "id": "p1"}, "p1", id="a-patient-is-its-own"),
        pytest.param({"resourceType": "Observation", "subject": P1}, "p1", id="subject"),
        pytest.param(
            {"resourceType": "Observation", "subject": ref(f"{BASE_URL}/Patient/p1/_history/2")},
            "p1",
            id="own-base-and-version-do-not-count",
        ),
        pytest.param(
            {"resourceType": "Observation", "subject": ref("https://other.org/Patient/p1")},
            None,
            id="a-patient-elsewhere-is-no-owner",
        ),
        pytest.param(
            {"resourceType": "Observation", "performer": [P1]}, "p1", id="performer-without-subject"
        ),
        pytest.param(
            {"resourceType": "Observation", "subject": G1, "performer": [P1]}, None, id="of-a-group"
        ),
        pytest.param(
            {"resourceType": "Condition", "subject": P1, "asserter": P2}, "p1", id="subject-before-asserter"
        ),
        pytest.param(
            {"resourceType": "Communication", "sender": P1, "recipient": [P2]}, "p1", id="sender-first"
        ),
        pytest.param({"resourceType": "Communication", "recipient": [P1, P2]}, None, id="two-recipients"),
        pytest.param(
            {"resourceType": "Coverage", "beneficiary": P1, "subscriber": P2, "payor": [P2]},
            "p1",
            id="insured",
        ),
        pytest.param({"resourceType": "Task", "for": P1, "requester": P2}, "p1", id="task-for"),
        pytest.param({"resourceType": "Consent", "patient": P1}, "p1", id="consent"),
        pytest.param(
            {"resourceType": "Appointment", "participant": [{"actor": P1}, {"actor": ref("Location/l")}]},
            "p1",
            id="appointment-of-one",
        ),
        pytest.param(
            {"resourceType": "Appointment", "participant": [{"actor": P1}, {"actor": P2}]}, None, id="of-two"
        ),
        pytest.param({"resourceType": "Account", "subject": [P1, P2]}, None, id="family-account"),
        pytest.param({"resourceType": "Group", "member": [{"entity": P1}]}, None, id="a-group-is-of-nobody"),
        pytest.param({"resourceType": "Device", "patient": P1}, "p1", id="implant"),
        pytest.param({"resourceType": "Practitioner", "id": "x"}, None, id="directory"),
        pytest.param({"resourceType": "Binary", "securityContext": P1}, "p1", id="binary-of-a-patient"),
        pytest.param(
            {
                "resourceType": "Bundle",
                "type": "document",
                "entry": [{"resource": {"resourceType": "Composition", "subject": P1}}],
            },
            "p1",
            id="document-as-its-composition",
        ),
        pytest.param(_collection(OF_P1, OF_P1), "p1", id="bundle-of-one-person"),
        pytest.param(_collection(OF_P1, OF_P2), None, id="bundle-of-two"),
    ],
)
def test_the_owner_is_the_person_the_record_is_about(
    owners: Owners, resource: dict[str, Any], owner: str | None
) -> None:
    assert owners.owner_of(resource) == owner


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param({"resourceType": "Provenance", "target": [P1, P2]}, id="provenance-of-two"),
        pytest.param({"resourceType": "Provenance", "target": [P1, ref("Observation/o2")]}, id="by-target"),
        pytest.param({"resourceType": "Task", "focus": P1, "basedOn": [P2]}, id="task-on-two"),
    ],
)
def test_two_persons_are_refused(owners: Owners, resource: dict[str, Any]) -> None:
    with pytest.raises(FhirError) as refused:
        owners.owner_of(resource, target_owner=_known)
    assert refused.value.status == 422
    assert refused.value.issues[0].situation == "two-persons"
    assert "p1" not in str(refused.value)


@pytest.mark.parametrize(
    ("resource", "owner"),
    [
        pytest.param(
            {"resourceType": "Provenance", "target": [ref("Observation/o1")]}, "p1", id="provenance"
        ),
        pytest.param(
            {"resourceType": "Provenance", "target": [ref("Observation/o1/_history/1")]},
            "p1",
            id="of-a-version",
        ),
        pytest.param(
            {"resourceType": "AuditEvent", "entity": [{"what": ref("Observation/o1")}]}, "p1", id="audit"
        ),
        pytest.param(
            {
                "resourceType": "AuditEvent",
                "entity": [{"what": ref("Observation/o1")}, {"what": ref("Observation/o2")}],
            },
            None,
            id="audit-of-two",
        ),
        pytest.param({"resourceType": "List", "entry": [{"item": ref("Observation/o1")}]}, "p1", id="list"),
        pytest.param({"resourceType": "Task", "focus": ref("Observation/o2")}, "p2", id="task-focus"),
        pytest.param(
            {"resourceType": "Binary", "securityContext": ref("Observation/o2")}, "p2", id="security-context"
        ),
        pytest.param({"resourceType": "Binary", "id": "b1"}, "p1", id="binary-asked-by-its-own-id"),
        pytest.param({"resourceType": "Binary", "id": "b2"}, None, id="binary-nobody-knows"),
    ],
)
def test_what_speaks_of_a_record_is_part_of_it(
    owners: Owners, resource: dict[str, Any], owner: str | None
) -> None:
    assert owners.owner_of(resource, target_owner=_known) == owner


@pytest.mark.corpus
def test_every_example_is_of_one_person_or_none(corpus: Path, owners: Owners) -> None:
    files = sorted((corpus / "r4-examples").glob("*.json"))
    assert len(files) == EXAMPLES
    found = {path.stem: owners.owner_of(decode(path.read_bytes())) for path in files}
    assert found["Task-example3"] == "f001"
    assert found["Consent-consent-example-grantor"] == "f001"
    assert found["AuditEvent-example-disclosure"] == "example"
    assert found["Group-102"] is None
    assert found["Person-pp"] is None
    assert sum(owner is not None for owner in found.values()) >= EXAMPLES // 2
