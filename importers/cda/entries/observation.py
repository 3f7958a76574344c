"""Observations: what was found, asked or measured, with all that R4 has a place for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import is_masked
from importers.cda.entries import statement as st
from importers.cda.entries.device import devices
from importers.cda.entries.external import external_documents
from importers.cda.entries.media import media_of_value
from importers.cda.entries.moments import put_when
from importers.cda.entries.observation_related import put_related
from importers.cda.entries.observation_value import interpretations, put_file, values_of
from importers.cda.entries.parties import put_performers
from importers.cda.entries.place import Place
from importers.cda.entries.qualifiers import qualifier_components
from importers.cda.entries.reference_range import reference_ranges
from importers.cda.entries.remarks import remarks
from importers.cda.entries.specimen import put_specimen
from importers.cda.entries.subjects import put_focus
from importers.cda.entries.templates import row_of
from importers.cda.xml import child

STATUS: Mapping[str, str] = {
    "completed": "final",
    "normal": "final",
    "active": "preliminary",
    "new": "registered",
    "held": "registered",
    "suspended": "registered",
    "aborted": "cancelled",
    "cancelled": "cancelled",
    "nullified": "entered-in-error",
    "obsolete": "amended",
}
"""ActStatus → Observation.status.  Spec: http://hl7.org/fhir/R4/valueset-observation-status.html"""

_CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
_DISPLAYS: Mapping[str, str] = {
    "activity": "Activity",
    "exam": "Exam",
    "imaging": "Imaging",
    "laboratory": "Laboratory",
    "procedure": "Procedure",
    "social-history": "Social History",
    "survey": "Survey",
    "therapy": "Therapy",
    "vital-signs": "Vital Signs",
}

_POSITION = "http://hl7.org/fhir/StructureDefinition/observation-bodyPosition"
_POSITIONS: Mapping[str, tuple[str, str]] = {
    "8306-3": ("102538003", "Recumbent body position"),
    "8308-9": ("10904000", "Orthostatic body position"),
    "8459-0": ("33586001", "Sitting position"),
    "8453-3": ("33586001", "Sitting position"),
    "8460-8": ("10904000", "Orthostatic body position"),
    "8454-1": ("10904000", "Orthostatic body position"),
    "8461-6": ("40199007", "Supine body position"),
    "8455-8": ("40199007", "Supine body position"),
}
"""LOINC code that says a position → SNOMED CT position."""


def observation(
    cv: Conversion, statement: Element, place: Place, category: str | None = None
) -> list[Reference]:
    """Make an Observation of a statement that has a code and, mostly, a value."""
    resource = build(cv, statement, place, category)
    return [keep(cv, statement, place, resource)]


def keep(cv: Conversion, statement: Element, place: Place, resource: Resource) -> Reference:
    """Add an Observation, then what refers to it."""
    reference = cv.add(resource, statement)
    cv.made_from[statement] = reference
    put_related(cv, resource, statement, place)
    return reference


def build(cv: Conversion, statement: Element, place: Place, category: str | None) -> Resource:
    """Return an Observation with everything that the statement says itself, not yet added."""
    resource = st.start(cv, statement, "Observation", "subject", "encounter")
    put_context(cv, resource, statement, place, category)
    concept = coded(cv, statement)
    resource["code"] = concept
    negated = st.is_negated(cv, statement) or place.negated
    found, files = values_of(cv, statement, concept, negated)
    resource.update(found)
    for component in qualifier_components(cv, statement):
        st.add(resource, "component", component)
    for each in interpretations(cv, statement):
        st.add(resource, "interpretation", each)
    for file in files:
        put_file(resource, media_of_value(cv, file, statement))
    for name, element in (("method", "methodCode"), ("bodySite", "targetSiteCode")):
        st.put(resource, name, st.code(cv, statement, element))
    st.put(resource, "referenceRange", reference_ranges(cv, statement))
    for document in external_documents(cv, statement):
        st.add(resource, "derivedFrom", document)
    _put_position(resource)
    st.put(resource, "note", remarks(cv, statement, resource))
    return resource


def put_context(
    cv: Conversion, resource: Resource, statement: Element, place: Place, category: str | None
) -> None:
    """Set status, category, time, who and whom of an Observation."""
    resource["status"] = st.status(cv, statement, STATUS, "unknown")
    if category is not None:
        resource["category"] = [category_of(category)]
    put_focus(cv, resource, statement)
    put_when(cv, resource, statement, "effective")
    put_performers(cv, resource, statement, place)
    for device in devices(cv, statement):
        resource.setdefault("device", device)
    put_specimen(cv, resource, statement)


def category_of(code: str) -> dict[str, Any]:
    """Return a category of observations.  Spec: http://terminology.hl7.org/CodeSystem/observation-category"""
    return {"coding": [{"system": _CATEGORIES, "code": code, "display": _DISPLAYS[code]}]}


def coded(cv: Conversion, statement: Element) -> dict[str, Any]:
    """Return the code of a statement, else its text, else the name of its template, with an issue.

    A code that is masked stays masked.
    """
    found = st.code(cv, statement)
    if found and ({"coding", "text"} & found.keys() or is_masked(child(statement, "code"))):
        return found
    words = st.text_of(cv, statement)
    if words:
        return {"text": words}
    row = row_of(statement)
    if row is None or row.generic:
        return found or st.code_or_absent(cv, statement)
    cv.issue(
        "information", "code", "The statement has no code: the name of its template stands in.", statement
    )
    return {"text": row.name}


def _put_position(resource: Resource) -> None:
    for coding in resource["code"].get("coding", ()):
        position = _POSITIONS.get(coding.get("code", ""))
        if position is not None and coding.get("system") == "http://loinc.org":
            code, display = position
            concept = {"coding": [{"system": "http://snomed.info/sct", "code": code, "display": display}]}
            st.add(resource, "extension", {"url": _POSITION, "valueCodeableConcept": concept})


def _exam(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    return observation(cv, statement, place, "exam")


def _survey(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    return observation(cv, statement, place, "survey")


def _imaging(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    return observation(cv, statement, place, "imaging")


def _social(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    return observation(cv, statement, place, "social-history")


MAPPERS = {
    "observation": observation,
    "exam-observation": _exam,
    "survey-observation": _survey,
    "imaging-observation": _imaging,
    "social-history": _social,
    "pregnancy-observation": observation,
}
