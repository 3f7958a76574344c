"""Statements inside an observation that R4 relates to it in another way than as its members."""

from __future__ import annotations

from collections.abc import Mapping

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.entries import statement as st
from importers.cda.entries.internal import internal_references
from importers.cda.entries.nested import convert_part
from importers.cda.entries.parts import Part, parts_of
from importers.cda.entries.place import Place
from importers.cda.xml import local

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_SUPPORTING = _BASE + "workflow-supportingInfo"
_EXTENSIONS: Mapping[str, str] = {
    "CAUS": _SUPPORTING,
    "REFR": _SUPPORTING,
    "RSON": _BASE + "workflow-reasonReference",
    "XCRPT": _SUPPORTING,
}
"""Relation → extension that refers to what it leads to."""
_MEMBERS = frozenset({"observation", "observationMedia", "organizer", "regionOfInterest"})
_REASONS = frozenset({"Condition", "Observation", "DiagnosticReport", "DocumentReference"})
_SOURCES = frozenset({"DocumentReference", "ImagingStudy", "Media", "Observation"})


def put_related(cv: Conversion, resource: Resource, statement: Element, place: Place) -> None:
    """Convert what an observation refers to, is caused or supported by, and refer to it.

    Members (`COMP`, `SUBJ` …) are left to the engine.
    """
    internal_references(cv, statement, lambda target, part: relate(cv, resource, target, part))
    for part in parts_of(statement):
        if part.is_part or cv.is_used(part.statement) or _is_member(part):
            continue
        for reference in convert_part(cv, part, statement, cv.made_from[statement], place):
            relate(cv, resource, reference, part)


def _is_member(part: Part) -> bool:
    return local(part.statement) in _MEMBERS and part.relation not in {*_EXTENSIONS, "SPRT"}


def relate(cv: Conversion, resource: Resource, reference: Reference, part: Part) -> None:
    """Refer from an Observation to another resource, as the relation between them says."""
    kind = cv.resource(reference)["resourceType"]
    if part.relation == "SPRT" and kind in _SOURCES:
        st.add(resource, "derivedFrom", reference)
        return
    url = _EXTENSIONS.get(part.relation, _SUPPORTING)
    if url.endswith("reasonReference") and kind not in _REASONS:
        url = _SUPPORTING
    st.add(resource, "extension", {"url": url, "valueReference": reference})
