"""No false errors: public examples against the profiles that they claim, the rest listed with its cause."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fhir_server.validation.validator import Validator
from profiles.registry import Registry
from tests.validation.profile.shipped import (
    errors,
    resources_below,
    resources_of,
    validator_of,
)

R5_TYPES = "the archive holds definitions of R5 types (ActorDefinition …), which R4 does not have"
R5_REFERENCES = "the guide lists definitions of R5 types, which R4 does not have"
SIZE = "an attachment says that it has 250000 bytes, and its data has 11"
DIRECTORY = "the directory's rules on meta.source and meta.profile are not kept by the example"
CONTAINED_META = "contained resources may not have meta.versionId and meta.lastUpdated (dom-4)"
UNIQUE_ID = "MHD asks for `urn:oid:` in the unique id of a submission set, the example has a urn:uuid"
EMPTY_IDENTIFIER = "an identifier with nothing but an id (ele-1)"
TOO_FEW_SECTIONS = (
    "the EPS asks for five sections, the patient's sample has two of them not; a device name without type"
)
NO_SUBJECT = "the EPS asks for a subject in Consents, which R4 calls patient"
NO_SPECIMEN_TYPE = (
    "the laboratory guide asks for identifiers, a section text and specimen types that the sample lacks"
)

KNOWN: Mapping[str, tuple[str, frozenset[str]]] = {
    "ActorDefinition-actor-consumer.json": (R5_TYPES, frozenset({"Resource.resourceType"})),
    "ActorDefinition-actor-producer.json": (R5_TYPES, frozenset({"Resource.resourceType"})),
    "ActorDefinition-actor-consumer-eu-lab.json": (R5_TYPES, frozenset({"Resource.resourceType"})),
    "ActorDefinition-actor-creator-eu-lab.json": (R5_TYPES, frozenset({"Resource.resourceType"})),
    "ActorDefinition-actor-repos-eu-lab.json": (R5_TYPES, frozenset({"Resource.resourceType"})),
    "ImplementationGuide-hl7.fhir.uv.ips.json": (
        R5_REFERENCES,
        frozenset({"ImplementationGuide.definition.resource.reference.reference"}),
    ),
    "DocumentReference-exemple-pdsm-documentreference.json": (
        f"{DIRECTORY}; {CONTAINED_META}; what is contained is not referred to (dom-3)",
        frozenset(
            {
                "DocumentReference.contained",
                "DocumentReference.contained.meta.lastUpdated",
                "DocumentReference.contained.meta.profile",
                "DocumentReference.contained.meta.source",
            }
        ),
    ),
    "DocumentReference-PDSmSimplifiedExample.json": (
        SIZE,
        frozenset({"DocumentReference.content.attachment.size"}),
    ),
    "List-ExampleSubmissionSet.json": (
        f"{DIRECTORY}; {CONTAINED_META}; {UNIQUE_ID}",
        frozenset(
            {
                "List.contained.meta.lastUpdated",
                "List.contained.meta.profile",
                "List.contained.meta.source",
                "List.contained.meta.versionId",
                "List.identifier.value",
            }
        ),
    ),
    "Organization-org-example.json": (
        DIRECTORY,
        frozenset({"Organization.meta.profile", "Organization.meta.source"}),
    ),
    "Person-pp16dr-person.json": (DIRECTORY, frozenset({"Person.meta.profile"})),
    "Person-pp19dr-person.json": (DIRECTORY, frozenset({"Person.meta.profile"})),
    "Bundle-HDR-Paolo-Marcheschi-Example.json": (
        EMPTY_IDENTIFIER,
        frozenset({"Bundle.entry.resource.identifier"}),
    ),
    "bundle-baratz-toni.json": (
        TOO_FEW_SECTIONS,
        frozenset({"Bundle.entry.resource.deviceName.type", "Bundle.entry.resource.section"}),
    ),
    "Sensotrend-MIkko_Virtanen.json": (NO_SUBJECT, frozenset({"Bundle"})),
    "chuga-oru-FHIR-example.json": (
        NO_SPECIMEN_TYPE,
        frozenset(
            {
                "Bundle",
                "Bundle.entry.resource.identifier",
                "Bundle.entry.resource.section.text",
                "Bundle.entry.resource.type",
            }
        ),
    ),
}
"""File → why it has errors, and where."""

ARCHIVES = (
    "ans.fhir.fr.annuaire-1.2.0-snapshot-2",
    "ans.fhir.fr.pdsm-3.1.1",
    "hl7.fhir.eu.base-2.0.0",
    "hl7.fhir.eu.eps-1.0.0-xtehr",
    "hl7.fhir.eu.hdr-1.0.0-ci",
    "hl7.fhir.eu.laboratory-2.0.0",
    "hl7.fhir.uv.ips-2.0.0",
    "ihe.iti.balp-1.1.5-current",
    "ihe.iti.mhd-4.2.4-current",
)
FOLDERS = ("r4-examples", "eu/ips-1.1.0/examples", "eu/ips-2.0.0-json", "eu/ehds-examples")


@pytest.fixture(scope="module")
def validator(shipped: Registry) -> Validator:
    return validator_of(shipped)


def differences(validator: Validator, resources: Iterator[tuple[str, Any]]) -> tuple[int, list[str]]:
    """Return how many resources there are, and the files whose errors are not those of `KNOWN`."""
    count, wrong = 0, []
    for name, resource in resources:
        count += 1
        places = {
            re.sub(r"\[\d+\]", "", str(issue.expression)) for issue in errors(validator.validate(resource))
        }
        if places != KNOWN.get(name, ("", frozenset()))[1]:
            wrong.append(f"{name}: {sorted(places)}")
    return count, wrong


@pytest.mark.corpus
@pytest.mark.parametrize("name", ARCHIVES)
def test_the_examples_of_a_package_keep_the_profiles_that_they_claim(
    corpus: Path, validator: Validator, name: str
) -> None:
    count, wrong = differences(validator, resources_of(corpus / "packages" / f"{name}.tgz"))
    assert wrong == []
    assert count > 0


@pytest.mark.corpus
@pytest.mark.parametrize("folder", FOLDERS)
def test_public_examples_keep_the_profiles_that_they_claim(
    corpus: Path, validator: Validator, folder: str
) -> None:
    count, wrong = differences(validator, resources_below(corpus / folder))
    assert wrong == []
    assert count > 5
