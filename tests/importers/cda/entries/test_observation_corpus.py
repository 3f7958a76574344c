"""Every statement of the public documents: made into something legal, no denial, literal or unit changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from fhir.resources.R4B import get_fhir_model_class
from lxml import etree

from fhir_server.validation.structure import StructureValidator
from importers.cda.conversion import Conversion, Element
from importers.cda.entries.engine import convert_entry, finish
from importers.cda.entries.place import Place
from importers.cda.reader import read
from importers.cda.xml import XSI_TYPE, child, children
from importers.result import Unreadable
from profiles.registry import Registry
from tests.importers.cda.documents import BASE, ZONE
from tests.importers.cda.entries.statements import PATIENT

pytestmark = pytest.mark.corpus

FOLDERS = ("french/cda", "eu/myhealth-eu-cda", "ccda")
SECTION = "{urn:hl7-org:v3}section"
KINDS = frozenset({
    "Binary", "CarePlan", "Consent", "Coverage", "Device", "DeviceRequest", "DeviceUseStatement",
    "DiagnosticReport", "DocumentReference", "Encounter", "FamilyMemberHistory", "Goal", "ImagingStudy",
    "Media", "Observation", "Procedure", "ServiceRequest", "Specimen",
})  # fmt: skip
"""The types of the kinds that are looked at here."""


@dataclass(frozen=True, slots=True)
class Document:
    name: str
    cv: Conversion


def converted(file: Path) -> Conversion | None:
    try:
        source = read(file.read_bytes())
    except Unreadable:
        return None
    cv = Conversion(source, UUID(int=1), ZONE, BASE)
    cv.strict = True
    cv.subject = dict(PATIENT)
    cv.resources[PATIENT["reference"]] = {"resourceType": "Patient"}
    for section in source.root.iter(SECTION):
        code = child(section, "code")
        place = Place(section=section, section_code=None if code is None else code.get("code"))
        for entry in children(section, "entry"):
            convert_entry(cv, entry, place)
    finish(cv)
    return cv


@cache
def documents(corpus: Path, folder: str) -> tuple[Document, ...]:
    files = sorted((corpus / folder).rglob("*.xml"))
    found = ((file.name, converted(file)) for file in files)
    return tuple(Document(name, cv) for name, cv in found if cv is not None)


def statements(cv: Conversion) -> Iterator[tuple[Element, dict[str, Any]]]:
    for node, reference in cv.made_from.items():
        resource = cv.resource(reference)
        if resource["resourceType"] in KINDS:
            yield node, resource


def is_denied(node: Element) -> bool:
    around = node.getparent()
    return any(each is not None and each.get("negationInd") in ("true", "1") for each in (node, around))


def says_no(resource: dict[str, Any], node: Element) -> bool:
    match resource["resourceType"]:
        case "Observation":
            parts = resource.get("component", [])
            denied = [each for each in parts if each.get("valueBoolean") is False or "interpretation" in each]
            has_value = any(name.startswith("value") and name != "valueBoolean" for name in resource)
            return (resource.get("valueBoolean") is False or bool(denied)) and not has_value
        case "Procedure":
            return bool(resource["status"] == "not-done")
        case "ServiceRequest":
            return resource.get("doNotPerform") is True
        case "Goal":
            return bool(resource["lifecycleStatus"] == "rejected")
        case "Consent":
            return bool(resource["provision"]["type"] == "deny")
        case "FamilyMemberHistory":
            return codes_of(node).isdisjoint(
                coding["code"] for each in resource.get("condition", []) for coding in each["code"]["coding"]
            )
    return False


def codes_of(node: Element) -> set[str]:
    return {each.get("code", "") for each in children(node, "value")}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_denial_is_lost(corpus: Path, folder: str) -> None:
    lost = [
        (document.name, document.cv.xpath(node))
        for document in documents(corpus, folder)
        for node, resource in statements(document.cv)
        if is_denied(node) and not says_no(resource, node)
    ]
    assert lost == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_literal_or_unit_of_a_measure_changes(corpus: Path, folder: str) -> None:
    changed, seen = [], 0
    for document in documents(corpus, folder):
        for node, resource in statements(document.cv):
            for value in children(node, "value"):
                kind = value.get(XSI_TYPE, "").rpartition(":")[2]
                literal = value.get("value")
                if kind != "PQ" or literal is None or resource["resourceType"] != "Observation":
                    continue
                seen += 1
                if (literal.strip(), value.get("unit")) not in set(quantities(resource)):
                    changed.append((document.name, document.cv.xpath(node), literal, value.get("unit")))
    assert changed == []
    assert seen > 20


def quantities(resource: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    for holder in (resource, *resource.get("component", [])):
        quantity = holder.get("valueQuantity")
        if quantity is not None:
            value = quantity["value"]
            yield str(value) if isinstance(value, int) else bytes(value).decode(), quantity.get("unit")


@pytest.mark.parametrize("folder", FOLDERS)
def test_everything_made_is_legal_and_refers_to_legal_types(
    corpus: Path, registry: Registry, folder: str
) -> None:
    validator = StructureValidator(registry, strict=True)
    wrong: Counter[str] = Counter()
    for document in documents(corpus, folder):
        for resource in document.cv.resources.values():
            if resource["resourceType"] not in KINDS:
                continue
            for issue in validator.validate(typed(document.cv, resource)):
                wrong[f"{document.name}: {issue.text}"] += 1
            tree = json.loads(msgspec.json.encode(resource))
            get_fhir_model_class(resource["resourceType"]).model_validate(tree)
    assert wrong == {}


def typed(cv: Conversion, value: Any) -> Any:
    """Return a resource whose references name the type that they lead to, for the validator to see."""
    if isinstance(value, list):
        return [typed(cv, each) for each in value]
    if not isinstance(value, dict):
        return value
    result = {name: typed(cv, each) for name, each in value.items()}
    target = cv.resources.get(value.get("reference", "")) if isinstance(value.get("reference"), str) else None
    if target is not None:
        result["reference"] = f"{target['resourceType']}/{value['reference'].rpartition(':')[2]}"
    return result


@pytest.mark.parametrize(
    ("folder", "share"),
    [
        pytest.param("french/cda", 0.99, id="french"),
        pytest.param("eu/myhealth-eu-cda", 0.99, id="european"),
        pytest.param("ccda", 0.98, id="american"),
    ],
)
def test_nearly_every_statement_becomes_structured(corpus: Path, folder: str, share: float) -> None:
    met: Counter[str] = Counter()
    structured: Counter[str] = Counter()
    for document in documents(corpus, folder):
        met += document.cv.met
        structured += document.cv.structured
    assert structured.total() >= share * met.total() > 0


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_became_nothing_is_reported(corpus: Path, folder: str) -> None:
    for document in documents(corpus, folder):
        cv = document.cv
        missing = cv.met.total() - cv.structured.total()
        reported = [issue for issue in cv.issues if issue.text.startswith("Nothing was made")]
        assert len(reported) == missing, document.name
        assert sum(1 for node in cv.source.root.iter(etree.Element) if node in cv.made_from) > 0 or not cv.met
