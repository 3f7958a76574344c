"""Literal references and contained resources."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry

UUID = "c757873d-ec9a-4326-a141-556f43239520"


@pytest.fixture(scope="module")
def lenient(registry: Registry) -> StructureValidator:
    return StructureValidator(registry)


@pytest.fixture(scope="module")
def strict(registry: Registry) -> StructureValidator:
    return StructureValidator(registry, strict=True)


def account(owner: Any, **elements: Any) -> dict[str, Any]:
    """Account.owner may point to an Organization only."""
    return {"resourceType": "Account", "status": "active", "owner": owner, **elements}


@pytest.mark.parametrize(
    "text",
    [
        "Organization/1",
        "Organization/1/_history/2",
        "Organization/1#part",
        "https://example.org/fhir/Organization/1",
        "https://example.org/anything?x=y",
        "Organization?identifier=https://example.org|1",
        f"urn:uuid:{UUID}",
        f"urn:uuid:{UUID.upper()}",
        "urn:oid:1.2.250.1",
        "mailto:a@example.org",
    ],
)
def test_reference_of_a_legal_form_is_accepted(
    text: str, lenient: StructureValidator, strict: StructureValidator
) -> None:
    for validator in (lenient, strict):
        assert validator.accepts(account({"reference": text}))
        assert validator.explain(account({"reference": text})) == []


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "Organization",
        "Organization/",
        "Organization/a_b",
        f"Organization/{'x' * 65}",
        "Organization/1/_history/",
        "Organization/1/2",
        "Organization?",
        "organization/1",
        "Nonsense/1",
        "Nonsense?a=b",
        "/Organization/1",
        "Organization/1\n",
        "urn:uuid:1",
        "urn:oid:9",
        "www.example.org/Organization/1",
    ],
)
def test_reference_of_no_legal_form_is_refused(text: str, lenient: StructureValidator) -> None:
    issues = lenient.validate(account({"reference": text}))
    assert [(issue.situation, issue.expression) for issue in issues] == [
        ("illegal-reference", "Account.owner.reference")
    ]


@pytest.mark.parametrize("text", ["Patient/1", "Patient?identifier=1"])
def test_only_a_strict_validator_refuses_another_target(
    text: str, lenient: StructureValidator, strict: StructureValidator
) -> None:
    assert lenient.validate(account({"reference": text})) == []
    (issue,) = strict.validate(account({"reference": text}))
    assert issue.expression == "Account.owner.reference"
    assert "Organization" in issue.text


@pytest.mark.parametrize(
    ("reference", "is_right"),
    [
        ({"reference": "Organization/1", "type": "Organization"}, True),
        (
            {
                "reference": "Organization/1",
                "type": "http://hl7.org/fhir/StructureDefinition/Organization",
            },
            True,
        ),
        ({"reference": "https://example.org/x", "type": "Patient"}, True),
        ({"display": "x", "type": "https://example.org/other-type"}, True),
        ({"reference": "Organization/1", "type": "Patient"}, False),
        ({"reference": "Organization?name=x", "type": "Patient"}, False),
    ],
)
def test_declared_type_must_be_that_of_the_reference(
    reference: dict[str, str], is_right: bool, lenient: StructureValidator
) -> None:
    issues = lenient.validate(account(reference))
    assert [issue.expression for issue in issues] == ([] if is_right else ["Account.owner.type"])


def test_reference_to_a_contained_resource_is_resolved(lenient: StructureValidator) -> None:
    organization = {"resourceType": "Organization", "id": "o", "partOf": {"reference": "#p"}}
    parent = {"resourceType": "Organization", "id": "p", "name": "x"}
    resource = account({"reference": "#o"}, contained=[organization, parent])
    assert lenient.validate(resource) == []
    resource["contained"].pop()
    (issue,) = lenient.validate(resource)
    assert (issue.situation, issue.expression) == (
        "unresolved-reference",
        "Account.contained[0].partOf.reference",
    )


def test_only_what_is_contained_reaches_the_container(lenient: StructureValidator) -> None:
    basic = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "subject": {"reference": "#"}}
    assert lenient.validate(account({"display": "x"}, contained=[basic])) == []
    (issue,) = lenient.validate(account({"reference": "#"}))
    assert issue.situation == "unresolved-reference"


def test_contained_resources_of_another_entry_are_not_reached(lenient: StructureValidator) -> None:
    organization = {"resourceType": "Organization", "id": "o", "name": "x"}
    entries = [
        {"resource": account({"display": "x"}, contained=[organization])},
        {"resource": account({"reference": "#o"})},
    ]
    (issue,) = lenient.validate({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert issue.expression == "Bundle.entry[1].resource.owner.reference"
