"""Vital signs: single measurements, panels, and the two pressures of one measurement as one Observation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.datatypes import code_of
from importers.cda.entries import statement as st
from importers.cda.entries.observation import build, keep, observation
from importers.cda.entries.observation_related import put_related
from importers.cda.entries.panel import panel
from importers.cda.entries.parts import statement_in, take_statement
from importers.cda.entries.place import Place
from importers.cda.xml import child, children, local, once

_LOINC = "2.16.840.1.113883.6.1"
SYSTOLIC, DIASTOLIC = "8480-6", "8462-4"
_OTHER: Mapping[str, str] = {SYSTOLIC: DIASTOLIC, DIASTOLIC: SYSTOLIC}
_PRESSURE: Mapping[str, Any] = {
    "coding": [
        {
            "system": "http://loinc.org",
            "code": "85354-9",
            "display": "Blood pressure panel with all children optional",
        }
    ]
}
"""Spec: http://hl7.org/fhir/R4/bp.html"""
_OF_COMPONENT = (
    "code",
    "valueQuantity",
    "valueRange",
    "valueInteger",
    "valueString",
    "valueCodeableConcept",
    "dataAbsentReason",
    "interpretation",
    "referenceRange",
)


def vital_sign(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make an Observation of a measurement; both blood pressures of one measurement make one together."""
    other = _partner(statement)
    if other is None or other in cv.made_from:
        return observation(cv, statement, place, "vital-signs")
    first, second = (statement, other) if _kind(statement) == SYSTOLIC else (other, statement)
    return [_pressure(cv, first, second, place)]


def vital_signs(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make the panel that has the measurements as members."""
    return panel(cv, statement, place, "vital-signs")


def _pressure(cv: Conversion, systolic: Element, diastolic: Element, place: Place) -> Reference:
    parts = []
    for each in (systolic, diastolic):
        take_statement(cv, each)
        parts.append(build(cv, each, place, "vital-signs"))
    resource = {**parts[1], **parts[0]}
    for name in ("identifier", "note", "performer", "derivedFrom"):
        resource.pop(name, None)
        for part in parts:
            for item in part.get(name, ()):
                st.add(resource, name, item)
    resource["component"] = [{name: part[name] for name in _OF_COMPONENT if name in part} for part in parts]
    for name in _OF_COMPONENT:
        resource.pop(name, None)
    resource["code"] = dict(_PRESSURE)
    reference = keep(cv, systolic, place, resource)
    cv.made_from[diastolic] = reference
    put_related(cv, resource, diastolic, place)
    return reference


def _partner(statement: Element) -> Element | None:
    """Return the other pressure of the measurement: beside this one, at the same time, in the same order."""
    link = statement.getparent()
    holder = None if link is None else link.getparent()
    return None if holder is None else _pairs_in(holder).get(statement)


@once
def _pairs_in(holder: Element) -> Mapping[Element, Element]:
    """Return the pressures right inside an element that belong together, each with its other one.

    All of them at once: each for itself would look through all that is beside it again.
    """
    beside: dict[tuple[str, str], list[Element]] = {}
    for link in holder.iterchildren():
        statement = statement_in(link)
        kind = None if statement is None else _kind(statement)
        if statement is not None and kind is not None and kind in _OTHER and _is_simple(statement):
            beside.setdefault((local(link), kind), []).append(statement)
    pairs: dict[Element, Element] = {}
    for name in {name for name, _ in beside}:
        first, second = beside.get((name, SYSTOLIC), []), beside.get((name, DIASTOLIC), [])
        if len(first) != len(second):
            continue
        for one, other in zip(first, second):
            if _context(one) == _context(other):
                pairs |= {one: other, other: one}
    return pairs


def _kind(statement: Element) -> str | None:
    node = child(statement, "code")
    return code_of(node) if node is not None and node.get("codeSystem") == _LOINC else None


def _is_simple(statement: Element) -> bool:
    return (
        local(statement) == "observation"
        and statement.get("moodCode", "EVN") == "EVN"
        and statement.get("negationInd") not in ("true", "1")
        and len(children(statement, "value")) == 1
    )


def _context(statement: Element) -> tuple[Any, ...]:
    """Return what both pressures must agree on: time, status, method and site."""
    return tuple(
        tuple((local(each), tuple(sorted(each.attrib.items()))) for each in node.iter() if _is_element(each))
        for name in ("effectiveTime", "statusCode", "methodCode", "targetSiteCode")
        for node in children(statement, name)
    )


def _is_element(node: Element) -> bool:
    return isinstance(node.tag, str)


MAPPERS = {"vital-sign": vital_sign, "vital-signs": vital_signs}
