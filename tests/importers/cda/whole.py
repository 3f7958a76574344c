"""Whole documents for tests: a header that is as small as it can be, and what a test adds to it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import Raw

from importers.cda.convert import Options, convert
from importers.result import ImportResult
from tests.importers.cda.documents import BASE, ZONE

HEAD = (
    '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:sdtc="urn:hl7-org:sdtc" xmlns:lab="urn:oid:1.3.6.1.4.1.19376.1.3.2"'
    ' xmlns:ps3-20="urn:dicom-org:ps3-20">'
)
PERSON = (
    '<name><family>Doe</family><given>Jane</given></name><administrativeGenderCode code="F"'
    ' codeSystem="2.16.840.1.113883.5.1"/><birthTime value="19790328"/>'
)
IDENTITY = '<id root="2.999.1" extension="P1"/>'
CODE = '<code code="60591-5" codeSystem="2.16.840.1.113883.6.1" displayName="Summary"/>'
OPTIONS = Options(zone=ZONE, base=BASE)


def document(
    *,
    before: str = "",
    after: str = "",
    identity: str = IDENTITY,
    person: str = PERSON,
    top: str = '<id root="2.999.5" extension="D1"/>' + CODE,
    time: str = '<effectiveTime value="20200312111700+0100"/>',
    title: str = "<title>A summary</title>",
) -> bytes:
    """Return a document about Jane Doe; `before` stands before the recordTarget, `after` behind it."""
    return (
        f"{HEAD}{top}{title}{time}{before}"
        f"<recordTarget><patientRole>{identity}<patient>{person}</patient></patientRole></recordTarget>"
        f"{after}</ClinicalDocument>"
    ).encode()


def body(sections: str) -> str:
    """Return a structured body of these sections, each wrapped in its component."""
    return f"<component><structuredBody>{sections}</structuredBody></component>"


def section(inner: str, code: str = "11450-4", title: str = "<title>Problems</title>") -> str:
    """Return a section in its component."""
    return (
        f'<component><section><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/>'
        f"{title}{inner}</section></component>"
    )


def converted(**parts: str) -> ImportResult:
    """Return the conversion of `document(**parts)`."""
    return convert(document(**parts), OPTIONS)


def resources(result: ImportResult, resource_type: str) -> list[dict[str, Any]]:
    """Return all resources of a type, in the order of the bundle."""
    found = (entry["resource"] for entry in result.bundle["entry"])
    return [resource for resource in found if resource["resourceType"] == resource_type]


def only(result: ImportResult, resource_type: str) -> dict[str, Any]:
    """Return the one resource of a type."""
    [resource] = resources(result, resource_type)
    return resource


def behind(result: ImportResult, reference: dict[str, Any]) -> dict[str, Any]:
    """Return the resource that a reference leads to."""
    [found] = [each for each in result.bundle["entry"] if each["fullUrl"] == reference["reference"]]
    resource: dict[str, Any] = found["resource"]
    return resource


def plain(tree: Any) -> Any:
    """Return a resource tree with its decimals as `Decimal`, as other libraries take them."""
    if isinstance(tree, dict):
        return {name: plain(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [plain(value) for value in tree]
    return Decimal(bytes(tree).decode()) if type(tree) is Raw else tree
