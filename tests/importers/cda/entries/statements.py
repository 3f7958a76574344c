"""Statements of CDA for tests: one entry of a section, converted, and what became of it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from importers.cda.conversion import Conversion
from importers.cda.entries.engine import convert_entry, finish
from importers.cda.entries.place import Place
from importers.cda.xml import child, every
from tests.importers.cda.documents import conversion_of

PATIENT = {"reference": "urn:uuid:00000000-0000-0000-0000-000000000000"}


def section_of(
    *entries: str,
    code: str = "30954-2",
    text: str = "",
    strict: bool = True,
    written: str = "",
    templates: tuple[str, ...] = (),
) -> Conversion:
    """Return the conversion of a document with one section of these entries; a defect is raised.

    `written` is the time of the document, `templates` are those of the section.
    """
    inside = "".join(f"<entry>{entry}</entry>" for entry in entries)
    section = (
        f'<section><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/>'
        f"<title>Section</title><text>{text}</text>{inside}</section>"
    )
    time = f'<effectiveTime value="{written}"/>' if written else ""
    cv = conversion_of(
        f"{time}<component><structuredBody><component>{section}</component></structuredBody></component>"
    )
    cv.strict = strict
    cv.subject = dict(PATIENT)
    cv.resources[PATIENT["reference"]] = {"resourceType": "Patient"}
    for node in every(cv.source.root, "component/structuredBody/component/section"):
        place = Place(section=node, section_code=code, section_templates=frozenset(templates))
        for entry in node.iterchildren(child(node, "entry").tag):
            convert_entry(cv, entry, place)
    finish(cv)
    return cv


def made(cv: Conversion, resource_type: str) -> list[dict[str, Any]]:
    """Return the resources of a type as JSON, in the order in which they were made."""
    found = [each for each in cv.resources.values() if each["resourceType"] == resource_type]
    return [json.loads(msgspec.json.encode(each), parse_float=str) for each in found]


def one(cv: Conversion, resource_type: str) -> dict[str, Any]:
    """Return the only resource of a type."""
    (found,) = made(cv, resource_type)
    return found


def behind(cv: Conversion, reference: dict[str, Any]) -> dict[str, Any]:
    """Return the resource that a reference leads to."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(cv.resource(reference)), parse_float=str)
    return found


def codes(concept: dict[str, Any]) -> list[str]:
    """Return the codes of a CodeableConcept."""
    return [coding["code"] for coding in concept.get("coding", [])]


def kinds(cv: Conversion) -> set[str]:
    """Return the kinds of the issues that were reported."""
    return {issue.kind for issue in cv.issues}
