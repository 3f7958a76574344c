"""The document as a Composition: its header and its sections."""

from __future__ import annotations

from typing import Any

from importers.cda.conversion import Conversion, Reference, Resource
from importers.cda.extensions import CONSENT, own
from importers.cda.header.events import Event
from importers.cda.header.participants import Attester, reference_to
from importers.cda.header.read import Header
from importers.cda.header.relations import Relation
from importers.cda.level_one import file_section
from importers.cda.sections import sections

Json = dict[str, Any]

_VERSION = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Composition.version"
_BASED_ON = "http://hl7.org/fhir/StructureDefinition/event-basedOn"
_LEVELS = frozenset("ULMNRV")
"""Spec: http://terminology.hl7.org/ValueSet/v3-ConfidentialityClassification"""
_UNKNOWN: Json = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}


def composition(cv: Conversion, header: Header) -> Reference:
    """Make the Composition, with all that the sections hold."""
    resource: Resource = {"resourceType": "Composition"}
    if header.language:
        resource["language"] = header.language
    extensions = _extensions(cv, header)
    if extensions:
        resource["extension"] = extensions
    if header.set_identifier:
        resource["identifier"] = header.set_identifier
    resource |= {"status": header.status, "type": header.type, "subject": cv.subject}
    if cv.encounter:
        resource["encounter"] = cv.encounter
    if header.time:
        resource["date"] = header.time
    else:
        resource["_date"] = _UNKNOWN
    authors = [reference_to(each, cv.base) for each in header.participants.authors]
    resource |= {"author": authors or [_UNKNOWN], "title": header.title}
    _surround(header, resource)
    kept = sections(cv) or file_section(cv, header)
    if kept:
        resource["section"] = kept
    return cv.add(resource, cv.source.root)


def _surround(header: Header, resource: Resource) -> None:
    """Add the confidentiality, the attesters, the custodian, the relations and the events."""
    confidentiality = next(filter(_LEVELS.__contains__, (each.get("code") for each in header.security)), None)
    if confidentiality:
        resource["confidentiality"] = confidentiality
    attesters = [_attester(each) for each in header.participants.attesters]
    if attesters:
        resource["attester"] = attesters
    if header.custodian:
        resource["custodian"] = header.custodian
    if header.relations:
        resource["relatesTo"] = [_relation(each) for each in header.relations]
    events = [_event(each) for each in header.events]
    if any(events):
        resource["event"] = [each for each in events if each]


def _extensions(cv: Conversion, header: Header) -> list[Json]:
    found = list(header.participants.others)
    if header.version:
        found.append({"url": _VERSION, "valueString": header.version})
    found += [{"url": _BASED_ON, "valueReference": each} for each in header.orders]
    found += [own(cv.base, CONSENT, "Reference", each) for each in header.consents]
    return found


def _attester(attester: Attester) -> Json:
    said: Json = {"mode": attester.mode}
    if attester.time:
        said["time"] = attester.time
    if attester.who:
        said["party"] = attester.who
    return said


def _relation(relation: Relation) -> Json:
    said: Json = {"extension": list(relation.extensions)} if relation.extensions else {}
    return {**said, "code": relation.code, "targetIdentifier": relation.target}


def _event(event: Event) -> Json:
    said: Json = {}
    if event.performers:
        said["extension"] = list(event.performers)
    if event.code:
        said["code"] = [event.code]
    if event.period:
        said["period"] = event.period
    if event.identifiers:
        said["detail"] = [{"identifier": each} for each in event.identifiers]
    return said
