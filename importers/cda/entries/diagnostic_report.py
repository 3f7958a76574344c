"""Reports: an organizer or a chapter of results, with who answers for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.datatypes import instant
from importers.cda.entries import statement as st
from importers.cda.entries.external import external_documents
from importers.cda.entries.internal import internal_references
from importers.cda.entries.linking import link
from importers.cda.entries.moments import put_when
from importers.cda.entries.nested import convert_part
from importers.cda.entries.observation import coded
from importers.cda.entries.parties import ACTORS, put_performers
from importers.cda.entries.parts import Part, parts_of
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.entries.specimen import specimens_of
from importers.cda.xml import attr, child

STATUS: Mapping[str, str] = {
    "completed": "final",
    "normal": "final",
    "active": "partial",
    "new": "registered",
    "held": "registered",
    "suspended": "registered",
    "aborted": "cancelled",
    "cancelled": "cancelled",
    "nullified": "entered-in-error",
    "obsolete": "amended",
}
"""ActStatus → DiagnosticReport.status.  Spec: http://hl7.org/fhir/R4/valueset-diagnostic-report-status.html"""

_SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"
_DISPLAYS: Mapping[str, str] = {"LAB": "Laboratory", "RAD": "Radiology"}
_TO_THE_MINUTE = len("YYYYMMDDHHMM")
_INTERPRETERS = frozenset({"AUTHEN", "RESP", "LA"})
"""The functions of those who answer for the results as a whole."""


def report(cv: Conversion, statement: Element, place: Place, service: str | None = None) -> list[Reference]:
    """Make a DiagnosticReport; the results inside become its `result`, in order."""
    resource = st.start(cv, statement, "DiagnosticReport", "subject", "encounter")
    resource["status"] = st.status(cv, statement, STATUS, "unknown")
    if service is not None:
        coding = {"system": _SECTIONS, "code": service, "display": _DISPLAYS[service]}
        resource["category"] = [{"coding": [coding]}]
        st.put(resource, "issued", _issued(cv))
    resource["code"] = coded(cv, statement)
    put_when(cv, resource, statement, "effective")
    put_performers(cv, resource, statement, place)
    _put_interpreters(cv, resource)
    resource.pop("device", None)
    st.put(resource, "specimen", specimens_of(cv, statement))
    st.put(resource, "conclusion", "\n\n".join(note["text"] for note in remarks(cv, statement, resource)))
    reference = cv.add(resource, statement)
    cv.made_from[statement] = reference
    for document in external_documents(cv, statement):
        st.add(resource, "extension", {"url": _SUPPORTING, "valueReference": document})
    internal_references(cv, statement, lambda target, _part: _refer(cv, resource, target))
    _put_results(cv, statement, reference, place)
    _put_relevant_time(cv, resource)
    return [reference]


_SUPPORTING = "http://hl7.org/fhir/StructureDefinition/workflow-supportingInfo"


def _issued(cv: Conversion) -> str | None:
    """Return when a report that is the matter of its document was issued: with the document."""
    node = child(cv.source.root, "effectiveTime")
    is_exact = node is not None and len(attr(node, "value") or "") >= _TO_THE_MINUTE
    return instant(cv, node) if is_exact else None


def _put_relevant_time(cv: Conversion, resource: dict[str, Any]) -> None:
    """Set the time of a report that names none: when its only specimen was taken, else that of its results.

    Spec: https://hl7.org/fhir/R4/diagnosticreport-definitions.html#DiagnosticReport.effective_x_
    """
    if any(name.lstrip("_").startswith("effective") for name in resource):
        return
    specimens = resource.get("specimen", ())
    taken = cv.resource(specimens[0]).get("collection", {}) if len(specimens) == 1 else {}
    times = _points(taken, "collected") or _result_times(cv, resource)
    if len(times) == 1:
        resource["effectiveDateTime"] = next(iter(times))
    elif times and len({(len(time), time[19:]) for time in times}) == 1:
        resource["effectivePeriod"] = {"start": min(times), "end": max(times)}


def _result_times(cv: Conversion, resource: Mapping[str, Any]) -> set[str]:
    """Return the times of all results of a report, those inside a battery as well."""
    times: set[str] = set()
    waiting = list(resource.get("result", ()))
    seen = set()
    while waiting:
        reference = waiting.pop()["reference"]
        if reference not in seen:
            seen.add(reference)
            result = cv.resource({"reference": reference})
            times |= _points(result, "effective")
            waiting += result.get("hasMember", ())
    return times


def _points(holder: Mapping[str, Any], name: str) -> set[str]:
    """Return a time as the one point that it is, or the bounds of its period."""
    period = holder.get(f"{name}Period", {})
    return set(filter(None, (holder.get(f"{name}DateTime"), period.get("start"), period.get("end"))))


def _put_interpreters(cv: Conversion, resource: dict[str, Any]) -> None:
    """Repeat as interpreters those performers whose function is to answer for the results."""
    for performer in resource.get("performer", ()):
        functions = [
            coding.get("code")
            for extension in performer.get("extension", ())
            for coding in extension.get("valueCodeableConcept", {}).get("coding", ())
        ]
        kind = cv.resource(performer)["resourceType"]
        if not _INTERPRETERS.isdisjoint(functions) and kind in ACTORS - {"Patient", "RelatedPerson"}:
            st.add(resource, "resultsInterpreter", {"reference": performer["reference"]})


def _put_results(cv: Conversion, statement: Element, reference: Reference, place: Place) -> None:
    for part in parts_of(statement):
        if part.is_part or cv.is_used(part.statement) or part.statement in cv.made_from:
            continue
        for made in convert_part(cv, part, statement, reference, place):
            _put_result(cv, reference, made, part)


def _put_result(cv: Conversion, reference: Reference, made: Reference, part: Part) -> None:
    resource = cv.resource(reference)
    kind = cv.resource(made)["resourceType"]
    if kind == "Specimen":
        st.add(resource, "specimen", made)
    elif kind == "ImagingStudy":
        st.add(resource, "imagingStudy", made)
    elif kind in ("Observation", "Media"):
        link(cv, reference, made, part)
    else:
        _refer(cv, resource, made)


def _refer(cv: Conversion, resource: dict[str, Any], target: Reference) -> None:
    if cv.resource(target)["resourceType"] == "Observation":
        st.add(resource, "result", target)
    else:
        st.add(resource, "extension", {"url": _SUPPORTING, "valueReference": target})


MAPPERS = {"diagnostic-report": report}
