"""One fault, one precise issue: across structure, base rules and national and European profiles."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from fhir_server.validation.validator import Validator
from profiles.definitions import ValueSet
from profiles.overlay import with_profiles
from profiles.registry import Registry
from tests.validation.profile.making import tree
from tests.validation.profile.shipped import errors, validator_of

FR_PATIENT = "https://fhir-server.example.org/StructureDefinition/fr-patient-ins"
FR_DOCUMENT = "https://fhir-server.example.org/StructureDefinition/fr-document-reference"
FR = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-simplified-publish"
CLASSES = "https://mos.esante.gouv.fr/NOS/JDV_J06-XdsClassCode-CISIS/FHIR/JDV-J06-XdsClassCode-CISIS"
CLASS = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
IPS = "http://hl7.org/fhir/uv/ips/StructureDefinition/"


@pytest.fixture(scope="module")
def validator(shipped: Registry) -> Validator:
    """Base rules and profiles, over the packages that are shipped and nothing else."""
    return validator_of(shipped)


def _url(number: int) -> str:
    return f"urn:uuid:0c7ee3a4-55a4-4a2a-9a1c-2f1a3c0e6a{number:02d}"


def places(validator: Validator, resource: Any, **more: Any) -> list[tuple[str, str | None]]:
    return [
        (issue.situation, issue.expression) for issue in errors(validator.validate(tree(resource), **more))
    ]


def french_patient() -> dict[str, Any]:
    given = {"url": FR + "fr-core-patient-birth-list-given-name", "valueString": "Jeanne"}
    reliability = {
        "url": FR + "fr-core-identity-reliability",
        "extension": [
            {
                "url": "identityStatus",
                "valueCoding": {
                    "system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-identity-status",
                    "code": "PROV",
                },
            }
        ],
    }
    place = {
        "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
        "valueAddress": {"city": "Nancy"},
    }
    kind = {
        "coding": [{"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203", "code": "INS-NIR"}]
    }
    return {
        "resourceType": "Patient",
        "extension": [reliability, place],
        "identifier": [
            {
                "use": "official",
                "type": kind,
                "system": "urn:oid:1.2.250.1.213.1.4.8",
                "value": "260058815400233",
            }
        ],
        "name": [{"use": "official", "family": "Dupont", "given": ["Jeanne"], "extension": [given]}],
        "gender": "female",
        "birthDate": "1960-05-01",
    }


def test_a_french_patient_without_the_type_of_the_national_identifier(validator: Validator) -> None:
    patient = french_patient()
    assert places(validator, patient, profiles=[FR_PATIENT]) == []
    del patient["identifier"][0]["type"]
    assert places(validator, patient, profiles=[FR_PATIENT]) == [("invariant", "Patient.identifier[0]")]


def document_reference(code: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "meta": {"profile": [PDSM]},
        "status": "current",
        "category": [{"coding": [{"system": CLASS, "code": code}]}],
        "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9"}]},
        "subject": {"reference": "Patient/p"},
        "date": "2025-04-29T12:00:00+01:00",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": _url(7)},
        "custodian": {"reference": "Organization/o"},
        "author": [{"reference": "PractitionerRole/r"}],
        "authenticator": {"reference": "PractitionerRole/r"},
        "description": "x",
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "data": "eA==",
                    "language": "fr-FR",
                    "title": "x",
                    "creation": "2025-04-29T12:00:00+01:00",
                    "size": 1,
                    "hash": "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
                },
                "format": {"code": "urn:ihe:iti:xds-sd:pdf:2008"},
            }
        ],
        "context": {"facilityType": {"text": "x"}, "practiceSetting": {"text": "x"}},
    }


def comprehensive(system: str) -> dict[str, Any]:
    document = document_reference("10")
    del document["meta"]
    attachment = document["content"][0]["attachment"]
    del attachment["data"]
    unique = {
        "system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType",
        "code": "uniqueId",
    }
    confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    return document | {
        "contained": [{"resourceType": "Patient", "id": "source", "name": [{"family": "Dupont"}]}],
        "masterIdentifier": document["masterIdentifier"] | {"type": {"coding": [unique]}},
        "category": [{"coding": [{"system": system, "code": "10"}]}],
        "securityLabel": [{"coding": [{"system": confidentiality, "code": "N"}]}],
        "content": [{**document["content"][0], "attachment": attachment | {"url": "Binary/b"}}],
        "context": document["context"]
        | {"period": {"start": "2025-04-29"}, "sourcePatientInfo": {"reference": "#source"}},
    }


def test_a_document_of_a_wrong_class(validator: Validator) -> None:
    assert places(validator, comprehensive(CLASS), profiles=[FR_DOCUMENT]) == []
    assert places(validator, comprehensive("http://loinc.org"), profiles=[FR_DOCUMENT]) == [
        ("invariant", "DocumentReference.category[0]")
    ]


def test_a_class_outside_of_the_guide_s_own_list_is_told_as_strictly_as_it_is_bound(
    shipped: Registry,
) -> None:
    classes = ValueSet(url=CLASSES, systems={CLASS: {"10": "", "11": ""}})
    validator = validator_of(with_profiles(shipped, value_sets=[classes]))

    def about(resource: Any) -> list[tuple[str, str, str | None]]:
        issues = [issue for issue in validator.validate(tree(resource)) if issue.profile is not None]
        told = [issue for issue in issues if issue.situation != "unknown-profile"]
        return [(issue.severity, issue.situation, issue.expression) for issue in told]

    assert about(document_reference("10")) == []
    # The guide binds the class as preferred, so that another one is worth a word, and no more.
    assert about(document_reference("99")) == [
        ("information", "code-not-in-value-set", "DocumentReference.category[0]")
    ]


def test_two_classes_of_a_document_are_one_error(validator: Validator) -> None:
    document = document_reference("10")
    assert places(validator, document) == []
    document["category"] *= 2
    assert places(validator, document) == [("cardinality", "DocumentReference.category")]


NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
EMPTY = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "unavailable"}]
}


def _section(code: str, **more: Any) -> dict[str, Any]:
    return {
        "title": code,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "text": NARRATIVE,
    } | more


def ips() -> dict[str, Any]:
    composition = {
        "resourceType": "Composition",
        "meta": {"profile": [IPS + "Composition-uv-ips"]},
        "text": NARRATIVE,
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5"}]},
        "subject": {"reference": _url(2)},
        "date": "2025-04-29T12:00:00+01:00",
        "author": [{"reference": _url(3)}],
        "title": "Summary",
        "section": [
            _section("11450-4", entry=[{"reference": _url(4)}]),
            _section("48765-2", emptyReason=EMPTY),
            _section("10160-0", emptyReason=EMPTY),
        ],
    }
    condition = {
        "resourceType": "Condition",
        "meta": {"profile": [IPS + "Condition-uv-ips"]},
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
            ]
        },
        "code": {"text": "x"},
        "subject": {"reference": _url(2)},
    }
    resources = [
        composition,
        {"resourceType": "Patient", "name": [{"family": "Dupont"}], "birthDate": "1960-05-01"},
        {"resourceType": "Organization", "name": "Hospital"},
        condition,
    ]
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [IPS + "Bundle-uv-ips"]},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": _url(9)},
        "type": "document",
        "timestamp": "2025-04-29T12:00:00+01:00",
        "entry": [{"fullUrl": _url(at + 1), "resource": resource} for at, resource in enumerate(resources)],
    }


def test_a_summary_with_a_section_that_refers_to_nothing(validator: Validator) -> None:
    bundle = ips()
    assert places(validator, bundle) == []
    entry = bundle["entry"][0]["resource"]["section"][0]["entry"]
    entry.append({"reference": _url(8)})
    assert places(validator, bundle) == [
        ("unresolved-reference", "Bundle.entry[0].resource.section[0].entry[1].reference")
    ]


def test_a_document_whose_first_entry_is_not_the_composition(validator: Validator) -> None:
    bundle = deepcopy(ips())
    del bundle["meta"]
    assert places(validator, bundle) == []
    bundle["entry"][0], bundle["entry"][1] = bundle["entry"][1], bundle["entry"][0]
    assert places(validator, bundle) == [("invariant", "Bundle.entry[0].resource")]
