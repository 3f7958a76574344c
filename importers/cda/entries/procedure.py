"""Procedures that were done, or expressly were not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import codeable_concept, value
from importers.cda.entries import statement as st
from importers.cda.entries.device import devices
from importers.cda.entries.external import external_documents
from importers.cda.entries.internal import internal_references
from importers.cda.entries.meanings import Concept, is_known_absence
from importers.cda.entries.moments import put_when
from importers.cda.entries.observation import coded
from importers.cda.entries.parties import Party, function_of, participants, performers
from importers.cda.entries.parts import Part
from importers.cda.entries.place import Place
from importers.cda.entries.qualifiers import put_attribute
from importers.cda.entries.remarks import remarks
from importers.cda.entries.specimen import specimens_of
from importers.cda.xml import child, children

STATUS: Mapping[str, str] = {
    "completed": "completed",
    "normal": "completed",
    "active": "in-progress",
    "new": "preparation",
    "held": "on-hold",
    "suspended": "on-hold",
    "aborted": "stopped",
    "cancelled": "not-done",
    "nullified": "entered-in-error",
}
"""ActStatus → EventStatus.  Spec: http://hl7.org/fhir/R4/valueset-event-status.html"""

_ACTORS = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Patient", "RelatedPerson", "Device"}
)
_ASSERTERS = frozenset({"Patient", "RelatedPerson", "Practitioner", "PractitionerRole"})
_TARGETS: Mapping[str, str] = {
    "Condition": "reasonReference",
    "Observation": "reasonReference",
    "Procedure": "reasonReference",
    "DiagnosticReport": "report",
    "DocumentReference": "report",
    "Device": "usedReference",
    "Medication": "usedReference",
}
"""Type → element of Procedure that refers to what an internal reference names."""
_METHOD = "http://hl7.org/fhir/StructureDefinition/procedure-method"
_BASED_ON = frozenset({"CarePlan", "ServiceRequest"})


def procedure(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make a Procedure; a negated one has status `not-done`, that none is known of the status `unknown`."""
    resource = st.start(cv, statement, "Procedure", "subject", "encounter")
    resource["code"] = coded(cv, statement)
    resource["status"] = _status(cv, statement, place, resource["code"])
    put_when(cv, resource, statement, "performed")
    _put_parties(cv, resource, statement)
    _put_body(cv, resource, statement)
    for reference in external_documents(cv, statement):
        st.add(resource, "report", reference)
    put_attribute(cv, resource, "priorityCode", st.code(cv, statement, "priorityCode"))
    st.put(resource, "note", remarks(cv, statement, resource))
    reference = cv.add(resource, statement)
    cv.made_from[statement] = reference
    internal_references(cv, statement, lambda target, part: _refer(cv, resource, target, part))
    taken = specimens_of(cv, statement) if child(statement, "specimen") is not None else []
    return [reference, *taken]


def _status(cv: Conversion, statement: Element, place: Place, code: Concept) -> str:
    status = st.status(cv, statement, STATUS, "unknown")
    if st.is_negated(cv, statement) or place.negated:
        return st.unless_error(status, "not-done")
    return st.unless_error(status, "unknown") if is_known_absence(code) else status


def _put_body(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Set where on the body and how it was done, and what an observation of a procedure found."""
    for name in ("targetSiteCode", "approachSiteCode"):
        for node in children(statement, name):
            st.add(resource, "bodySite", codeable_concept(cv, node))
    method = st.code(cv, statement, "methodCode")
    if method:
        st.add(resource, "extension", {"url": _METHOD, "valueCodeableConcept": method})
    result = child(statement, "value")
    found = None if result is None else value(cv, result)
    if found is not None and found[0] == "CodeableConcept":
        resource["outcome"] = found[1]


def _put_parties(cv: Conversion, resource: Resource, statement: Element) -> None:
    for author in st.own_authors(cv, statement):
        kind = cv.resource(author)["resourceType"]
        if kind in _ASSERTERS:
            resource.setdefault("recorder", author)
    for party in performers(cv, statement):
        _put_performer(resource, party)
    for device in devices(cv, statement):
        st.add(resource, "focalDevice", {"manipulated": device})
    for party in participants(cv, statement):
        if party.resource_type == "Location":
            resource.setdefault("location", party.reference)
        else:
            _put_performer(resource, party)


def _put_performer(resource: dict[str, Any], party: Party) -> None:
    if party.resource_type not in _ACTORS:
        return
    item: dict[str, Any] = {"actor": party.timed()}
    if party.function or party.type not in ("", "PRF"):
        item = {"function": function_of(party), **item}
    st.add(resource, "performer", item)


def _refer(cv: Conversion, resource: dict[str, Any], target: Reference, part: Part) -> None:
    kind = cv.resource(target)["resourceType"]
    if kind == "DeviceUseStatement":
        target, kind = cv.resource(target)["device"], "Device"
    if kind in _BASED_ON:
        st.add(resource, "basedOn", target)
    elif kind in _TARGETS:
        element = "reasonReference" if part.relation == "RSON" and kind != "Device" else _TARGETS[kind]
        st.add(resource, element, target)
    else:
        text = f"R4 does not link a Procedure to a {kind} ({part.relation})."
        cv.issue("information", "reference", text, part.statement)


MAPPERS = {"procedure": procedure}
