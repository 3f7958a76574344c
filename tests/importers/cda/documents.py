"""Small documents of CDA for tests: a fragment becomes a whole document and its conversion."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

from importers.cda.conversion import Conversion, Element
from importers.cda.reader import read
from importers.cda.xml import children

ZONE = ZoneInfo("Europe/Paris")
BASE = "https://example.org/fhir"
HEAD = (
    '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:v3="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:pharm="urn:ihe:pharm:medication">'
)
TAIL = "</ClinicalDocument>"


def conversion_of(inner: str) -> Conversion:
    """Return the conversion of a ClinicalDocument that holds `inner`."""
    source = read(f"{HEAD}{inner}{TAIL}".encode())
    return Conversion(source, UUID(int=1), ZONE, BASE)


def first(inner: str) -> tuple[Conversion, Element]:
    """Return a conversion and its first element below the root."""
    cv = conversion_of(inner)
    return cv, children(cv.source.root)[0]


def unused(cv: Conversion) -> set[str]:
    """Return what nothing has carried over, as `step@attribute`, the root left out."""
    return {
        f"{cv.xpath(node).removeprefix('/ClinicalDocument/')}@{name.rpartition('}')[2]}"
        for node, names, reason in cv.unused()
        for name in names
        if node is not cv.source.root and reason is None
    }
