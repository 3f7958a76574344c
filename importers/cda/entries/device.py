"""Devices: what they are, that they are used, and that they were ordered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import codeable_concept, identifier, quantity
from importers.cda.entries import statement as st
from importers.cda.entries.internal import internal_references
from importers.cda.entries.moments import period_of
from importers.cda.entries.parties import participants, performers
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.entries.requests import INTENT, REQUEST_STATUS
from importers.cda.entries.templates import mood_of
from importers.cda.section_names import holds_prescriptions
from importers.cda.text import text_of
from importers.cda.xml import child, children, path

_USE_STATUS: Mapping[str, str] = {
    "completed": "completed",
    "normal": "active",
    "active": "active",
    "new": "intended",
    "held": "on-hold",
    "suspended": "on-hold",
    "aborted": "stopped",
    "cancelled": "stopped",
    "nullified": "entered-in-error",
}
"""ActStatus → DeviceUseStatementStatus.  Spec: http://hl7.org/fhir/R4/valueset-device-statement-status.html"""

_PARAMETERS = {
    "quantity": "quantity",
    "repeatNumber": "number of repeats",
    "expectedUseTime/width": "expected time of use",
}
"""What is said of an order → what the parameter is called."""
_SOURCES = frozenset({"Patient", "Practitioner", "PractitionerRole", "RelatedPerson"})
_REQUESTERS = frozenset({"Device", "Practitioner", "PractitionerRole", "Organization"})
_PERFORMERS = _REQUESTERS | {"CareTeam", "HealthcareService", "Patient", "RelatedPerson"}
_REASONS = frozenset({"Condition", "Observation", "DiagnosticReport", "DocumentReference"})


def devices(cv: Conversion, statement: Element) -> Iterator[Reference]:
    """Yield the devices that a statement's participants or product are."""
    for holder in (*children(statement, "participant"), *children(statement, "device")):
        role = child(holder, "participantRole")
        if role is None:
            continue
        played = child(role, "playingDevice")
        if played is not None or (role.get("classCode") == "MANU" and child(role, "playingEntity") is None):
            cv.take(holder, "typeCode")
            for template in children(holder, "templateId"):
                cv.take(template)
            found = _device(cv, role, played)
            if found is not None:
                yield found


def device_use(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make a DeviceUseStatement for each device of a supply that is a fact; nothing if it names none."""
    return [_use(cv, statement, place, device) for device in devices(cv, statement)]


def device_request(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make a DeviceRequest for each device of a supply that is an order; nothing if it names none."""
    return [_request(cv, statement, place, device) for device in devices(cv, statement)]


def _use(cv: Conversion, statement: Element, place: Place, device: Reference) -> Reference:
    resource = st.start(cv, statement, "DeviceUseStatement")
    period = period_of(cv, child(statement, "effectiveTime"))
    ended = bool(period and period.get("end"))
    resource["status"] = st.status(cv, statement, _USE_STATUS, "completed" if ended else "active")
    st.put(resource, "timingPeriod", period)
    st.put(resource, "recordedOn", st.authored(cv, statement))
    named = [party.reference for party in performers(cv, statement)]
    for source in (*named, *st.authors(cv, statement, place)):
        if cv.resource(source)["resourceType"] in _SOURCES:
            resource.setdefault("source", source)
    resource["device"] = device
    st.put(resource, "bodySite", st.code(cv, statement, "targetSiteCode"))
    return _finish(cv, statement, resource, device)


def _request(cv: Conversion, statement: Element, place: Place, device: Reference) -> Reference:
    resource = st.start(cv, statement, "DeviceRequest", "subject", "encounter")
    resource["status"] = st.status(cv, statement, REQUEST_STATUS, "unknown")
    mood = mood_of(statement)
    ordered = mood == "INT" and holds_prescriptions(place.section_templates)
    resource["intent"] = "order" if ordered else INTENT.get(mood, "order")
    resource["codeReference"] = device
    st.put(resource, "parameter", _parameters(cv, statement))
    st.put(resource, "occurrencePeriod", period_of(cv, child(statement, "effectiveTime")))
    st.put(resource, "authoredOn", st.authored(cv, statement) or st.written(cv, statement, place))
    author = next(iter(st.authors(cv, statement, place)), None)
    if author is not None and cv.resource(author)["resourceType"] in _REQUESTERS:
        resource["requester"] = author
    for party in (*performers(cv, statement), *participants(cv, statement, {"PRF"})):
        if party.resource_type in _PERFORMERS:
            resource.setdefault("performer", party.reference)
    return _finish(cv, statement, resource, device)


def _parameters(cv: Conversion, statement: Element) -> list[dict[str, Any]]:
    """Return how much was ordered, how often again and for how long, which R4 has no elements for."""
    found = ((words, path(statement, name)) for name, words in _PARAMETERS.items())
    said = ((words, quantity(cv, node)) for words, node in found if node is not None)
    return [{"code": {"text": words}, "valueQuantity": value} for words, value in said if value]


def _finish(cv: Conversion, statement: Element, resource: Resource, device: Reference) -> Reference:
    st.put(resource, "note", remarks(cv, statement, resource))
    reference = cv.add(resource, statement, device["reference"])
    cv.made_from.setdefault(statement, reference)

    def refer(target: Reference, part: Any) -> None:
        if cv.resource(target)["resourceType"] in _REASONS:
            st.add(resource, "reasonReference", target)
        else:
            cv.issue("information", "reference", "R4 does not link these two entries.", part.statement)

    internal_references(cv, statement, refer)
    return reference


def _device(cv: Conversion, role: Element, played: Element | None) -> Reference | None:
    cv.take(role, "classCode")
    for template in children(role, "templateId"):
        cv.take(template)
    resource: dict[str, Any] = {"resourceType": "Device"}
    for node in children(role, "id"):
        st.add(resource, "identifier", identifier(cv, node))
    if played is not None:
        _put_played(cv, resource, played)
    scoping = child(role, "scopingEntity")
    if scoping is not None:
        cv.take(scoping, "classCode", "determinerCode")
        st.put(resource, "manufacturer", _words(cv, child(scoping, "desc")))
        for node in children(scoping, "id"):
            cv.leave(node, "the identifier of a manufacturer has no place in Device")
    if len(resource) == 1:
        return None
    resource["patient"] = cv.subject
    return cv.add(resource, role)


def _put_played(cv: Conversion, resource: Resource, played: Element) -> None:
    cv.take(played, "classCode", "determinerCode")
    for name, kind in (("manufacturerModelName", "model-name"), ("softwareName", "other")):
        words = _words(cv, child(played, name))
        if words:
            st.add(resource, "deviceName", {"name": words, "type": kind})
    code = child(played, "code")
    st.put(resource, "type", None if code is None else codeable_concept(cv, code))


def _words(cv: Conversion, node: Element | None) -> str | None:
    if node is None:
        return None
    words = text_of(node) or node.get("displayName")
    if words:
        cv.take(node)
    return words or None


MAPPERS = {"device-use": device_use, "device-request": device_request}
