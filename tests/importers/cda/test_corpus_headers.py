"""The header of every public document, counted in the XML and in what was made of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from importers.cda.reader import read
from importers.cda.xml import V3
from importers.result import ImportResult
from tests.importers.cda.test_convert_corpus import FOLDERS, converted_in
from tests.importers.cda.test_corpus_facts import said
from tests.importers.cda.whole import behind, only

pytestmark = pytest.mark.corpus

NAMES = {"v3": V3}
CLASSES = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
VERSION = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Composition.version"


@pytest.fixture(params=FOLDERS)
def headers(request: pytest.FixtureRequest, corpus: Path) -> list[tuple[Path, Any, ImportResult]]:
    return [
        (file, read(data).root, result)
        for file, data, result in converted_in(corpus / FOLDERS[request.param][0])
    ]


def found(root: Any, path: str) -> list[Any]:
    """Return what an XPath below the document selects, names in `urn:hl7-org:v3`."""
    steps = "/".join(step if step.startswith(("@", ".")) else f"v3:{step}" for step in path.split("/"))
    return list(root.xpath(steps, namespaces=NAMES))


def test_the_set_and_the_version_are_those_of_the_document_or_none(
    headers: list[tuple[Path, Any, ImportResult]],
) -> None:
    for file, root, result in headers:
        composition = only(result, "Composition")
        told = [each for each in found(root, "setId") if each.get("root")]
        assert ("identifier" in composition) == bool(told), file
        versions = [
            each["valueString"] for each in composition.get("extension", ()) if each["url"] == VERSION
        ]
        assert versions == [value for value in found(root, "versionNumber/@value") if value], file


def test_every_service_is_an_event(headers: list[tuple[Path, Any, ImportResult]]) -> None:
    for file, root, result in headers:
        events = only(result, "Composition").get("event", [])
        assert len(events) == len(found(root, "documentationOf/serviceEvent")), file


def test_a_document_that_replaces_another_says_so_on_both(
    headers: list[tuple[Path, Any, ImportResult]],
) -> None:
    for file, root, result in headers:
        replaced = [
            each
            for each in found(root, "relatedDocument[@typeCode='RPLC']")
            if found(each, "parentDocument/id")
        ]
        for resource_type in ("Composition", "DocumentReference"):
            holder = next(
                each["resource"]
                for each in result.bundle["entry"]
                if each["resource"]["resourceType"] == resource_type
            )
            codes = [each["code"] for each in holder.get("relatesTo", ())]
            assert codes.count("replaces") == len(replaced), file


def test_every_program_that_is_an_author_is_a_device(headers: list[tuple[Path, Any, ImportResult]]) -> None:
    for file, root, result in headers:
        authors = [
            behind(result, each) for each in only(result, "Composition")["author"] if "reference" in each
        ]
        devices = [each for each in authors if each["resourceType"] == "Device"]
        programs = found(root, "author/assignedAuthor[v3:assignedAuthoringDevice][not(v3:assignedPerson)]")
        assert bool(devices) == bool(programs), file


def test_a_practitioner_of_first_resort_is_the_general_practitioner(
    headers: list[tuple[Path, Any, ImportResult]],
) -> None:
    for file, root, result in headers:
        told = found(root, "participant[v3:functionCode/@code='PCP']")
        known = only(result, "Patient").get("generalPractitioner", [])
        named = [each for each in told if found(each, "associatedEntity/id/@root")]
        assert known or not named, file
        assert told or not known, file


def test_every_french_document_has_its_class_and_its_format(
    headers: list[tuple[Path, Any, ImportResult]],
) -> None:
    for file, root, result in headers:
        if found(root, "realmCode/@code") != ["FR"]:
            continue
        document = result.bundle["entry"][0]["resource"]
        [category] = document["category"]
        assert category["coding"][0]["system"] == CLASSES, file
        without = found(root, "templateId[@root='1.2.250.1.213.1.1.1.59']")
        generic = document["content"][0]["format"]["code"] == "urn:ihe:iti:xds:2017:mimeTypeSufficient"
        assert generic == bool(without), file


def test_no_identity_is_called_validated(headers: list[tuple[Path, Any, ImportResult]]) -> None:
    for file, _, result in headers:
        assert not {"code:VALI", "code:QUAL"} & set(said(only(result, "Patient"))), file


def identifiers(root: Any) -> Iterator[tuple[str, str]]:
    for node in found(root, "recordTarget/patientRole/id"):
        if node.get("extension"):
            yield node.get("root"), node.get("extension").strip()


def test_every_identifier_of_the_person_is_kept_whatever_its_length(
    headers: list[tuple[Path, Any, ImportResult]],
) -> None:
    for file, root, result in headers:
        known = {
            (each.get("system", "").removeprefix("urn:oid:"), each.get("value"))
            for each in only(result, "Patient")["identifier"]
        }
        values = {value for _, value in known}
        for oid, value in identifiers(root):
            assert (oid, value) in known or value in values, file


def test_dates_of_birth_keep_their_precision(headers: list[tuple[Path, Any, ImportResult]]) -> None:
    for file, root, result in headers:
        for value in found(root, "recordTarget/patientRole/patient/birthTime/@value"):
            exact = value[:8]
            while exact.endswith("00") and len(exact) > 4:
                exact = exact[:-2]
            date = "-".join(part for part in (exact[:4], exact[4:6], exact[6:8]) if part)
            assert only(result, "Patient")["birthDate"] == date, file
