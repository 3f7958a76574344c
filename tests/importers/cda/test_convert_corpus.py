"""Every public document: valid FHIR by two judges, all its words, its bytes, and nothing left hanging."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from lxml import etree

from fhir_server.validation.structure import StructureValidator
from fhir_server.validation.validator import Validator, ValidatorOptions
from importers.cda.convert import convert
from importers.cda.reader import read
from importers.cda.xml import tag_of
from importers.result import ImportResult, Unreadable
from profiles.registry import Registry
from terminology.local import LocalConcepts
from tests.importers.cda.whole import OPTIONS, plain

pytestmark = pytest.mark.corpus

FOLDERS = {"french": ("french/cda", 144), "eu": ("eu/myhealth-eu-cda", 58), "ccda": ("ccda", 13)}
"""Folder, and how many of its files are documents."""
REFUSALS = {"no-document", "malformed", "namespace"}
"""Why the other files are refused: fragments, requests, examples without the namespace of CDA."""

Converted = list[tuple[Path, bytes, ImportResult]]


@pytest.fixture(params=FOLDERS)
def documents(request: pytest.FixtureRequest, corpus: Path) -> Converted:
    folder, count = FOLDERS[request.param]
    found = converted_in(corpus / folder)
    assert len(found) == count
    return found


@cache
def converted_in(folder: Path) -> Converted:
    """Return every document of a folder with its bytes and its conversion; the others are refused by a word."""
    found = []
    for file in sorted(folder.rglob("*.xml")):
        data = file.read_bytes()
        try:
            found.append((file, data, convert(data, OPTIONS)))
        except Unreadable as refusal:
            assert refusal.kind in REFUSALS, file
    return found


def entries(result: ImportResult) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in result.bundle["entry"]:
        yield entry["fullUrl"], entry["resource"]


def references(tree: Any) -> Iterator[str]:
    if isinstance(tree, list):
        for item in tree:
            yield from references(item)
    elif isinstance(tree, dict):
        if isinstance(tree.get("reference"), str):
            yield tree["reference"]
        for value in tree.values():
            yield from references(value)


def divs(sections: list[dict[str, Any]]) -> Iterator[str]:
    for section in sections:
        if "text" in section:
            yield "".join("".join(etree.fromstring(section["text"]["div"]).itertext()).split())
        yield from divs(section.get("section", []))


def test_every_resource_is_valid(documents: Converted, registry: Registry) -> None:
    validator = StructureValidator(registry)
    faults = [
        f"{file.name}: {issue.expression}: {issue.text}"
        for file, _, result in documents
        for _, resource in entries(result)
        for issue in validator.validate(resource)
    ]
    assert faults == []


def test_every_resource_keeps_the_rules_of_its_type(documents: Converted, registry: Registry) -> None:
    options = ValidatorOptions(best_practice=False)
    validator = Validator(registry, LocalConcepts(registry), options)
    faults = [
        f"{file.name}: {issue.expression}: {issue.text}"
        for file, _, result in documents
        for _, resource in entries(result)
        if resource["resourceType"] not in ("Binary", "Provenance")
        for issue in validator.validate(resource, level="base")
        if issue.severity in ("error", "fatal")
    ]
    assert faults == []


def test_every_resource_passes_an_independent_judge(documents: Converted) -> None:
    """The models know no element of choice that is only its extension: those resources are not asked."""
    faults = []
    for file, _, result in documents:
        for url, resource in entries(result):
            if {"_occurrenceDateTime", "_effectiveDateTime"} & resource.keys():
                continue
            try:
                get_fhir_model_class(resource["resourceType"]).model_validate(plain(resource))
            except ValueError as error:
                faults.append(f"{file.name}: {resource['resourceType']} {url}: {error}"[:300])
    assert faults == []


def test_the_original_is_there_to_the_byte(documents: Converted) -> None:
    for _, data, result in documents:
        assert b64decode(result.bundle["entry"][1]["resource"]["data"]) == data


def test_every_reference_leads_to_a_resource_of_the_bundle(documents: Converted) -> None:
    for file, _, result in documents:
        urls = {url for url, _ in entries(result)}
        named = {each for _, resource in entries(result) for each in references(resource)}
        assert {each for each in named if each.startswith("urn:uuid:")} <= urls, file
        assert len(urls) == len(result.bundle["entry"])


def test_all_words_of_the_narrative_are_in_the_composition(documents: Converted) -> None:
    for file, data, result in documents:
        [composition] = [each for _, each in entries(result) if each["resourceType"] == "Composition"]
        written = list(divs(composition.get("section", [])))
        for node in read(data).root.iter(tag_of("text")):
            parent = node.getparent()
            if parent is not None and parent.tag == tag_of("section"):
                words = "".join("".join(node.itertext("*")).split())
                assert not words or any(words in each for each in written), (file, words[:80])


def test_everything_that_was_made_has_its_provenance(documents: Converted) -> None:
    for file, _, result in documents:
        targets = {
            target["reference"]
            for _, resource in entries(result)
            if resource["resourceType"] == "Provenance"
            for target in resource["target"]
        }
        made = {url for url, each in entries(result) if each["resourceType"] != "Provenance"}
        assert made - targets == {result.bundle["entry"][1]["fullUrl"]}, file


def test_at_least_nine_of_ten_statements_become_resources(documents: Converted) -> None:
    met = sum(met for _, _, result in documents for met, _ in result.templates.values())
    structured = sum(made for _, _, result in documents for _, made in result.templates.values())
    assert structured >= 0.9 * met


def test_a_document_has_one_person(documents: Converted) -> None:
    for file, _, result in documents:
        people = [each for _, each in entries(result) if each["resourceType"] == "Patient"]
        assert len(people) == 1, file
        assert people[0]["identifier"], file
