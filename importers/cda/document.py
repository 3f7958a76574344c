"""The document as a document: DocumentReference, and Binary with the original bytes."""

from __future__ import annotations

from base64 import b64encode
from copy import deepcopy
from hashlib import sha1
from typing import Any

from importers.cda.conversion import Conversion, Reference, Resource
from importers.cda.document_kinds import class_of, format_of
from importers.cda.header.read import Header

Json = dict[str, Any]

MEDIA_TYPE = "application/xml"
_TRAITS = (
    "resourceType", "extension", "identifier", "name", "telecom", "gender", "birthDate", "_birthDate",
    "deceasedBoolean", "deceasedDateTime", "address", "maritalStatus", "multipleBirthBoolean",
    "multipleBirthInteger",
)  # fmt: skip
"""What the document says of the person themselves, kept with the document as it said it."""
_SOURCE_PATIENT = "source-patient"


def original(cv: Conversion) -> Reference:
    """Keep the original bytes, unchanged, as a Binary."""
    binary: Resource = {
        "resourceType": "Binary",
        "contentType": MEDIA_TYPE,
        "securityContext": cv.document,
        "data": b64encode(cv.source.data).decode("ascii"),
    }
    return cv.add(binary, cv.source.root)


def document_reference(cv: Conversion, header: Header, binary: Reference) -> None:
    """Make the DocumentReference of the original; its contained Patient is as the document says."""
    resource: Resource = {"resourceType": "DocumentReference", "contained": [_source_patient(cv)]}
    if header.identifier:
        resource["masterIdentifier"] = header.identifier
        resource["identifier"] = [header.identifier]
    resource |= {"status": "current", "docStatus": header.status, "type": header.type}
    kind = class_of(cv, header.type)
    if kind:
        resource["category"] = [kind]
    resource["subject"] = cv.subject
    if header.instant:
        resource["date"] = header.instant
    if cv.authors:
        resource["author"] = [dict(each) for each in cv.authors]
    if header.participants.responsible:
        resource["authenticator"] = header.participants.responsible
    if header.custodian:
        resource["custodian"] = header.custodian
    if header.relations:
        resource["relatesTo"] = [{"code": each.code, "target": each.reference()} for each in header.relations]
    if header.confidentiality:
        resource["securityLabel"] = [header.confidentiality]
    resource["content"] = [{"attachment": _attachment(cv, header, binary), "format": format_of(cv)}]
    resource["context"] = _context(cv, header)
    cv.add(resource, cv.source.root)


def embedded(cv: Conversion, header: Header, node: Any, attachment: Json) -> list[Reference]:
    """Keep a file that the document consists of as a Binary, and a DocumentReference that leads to it."""
    data = attachment.pop("data")
    reference = {"reference": cv.full_url("DocumentReference", node)}
    binary: Resource = {
        "resourceType": "Binary",
        "contentType": attachment["contentType"],
        "securityContext": reference,
        "data": data,
    }
    file = cv.add(binary, node)
    resource: Resource = {"resourceType": "DocumentReference", "status": "current", "type": header.type}
    kind = class_of(cv, header.type)
    if kind:
        resource["category"] = [kind]
    resource["subject"] = cv.subject
    if header.instant:
        resource["date"] = header.instant
    if cv.authors:
        resource["author"] = [dict(each) for each in cv.authors]
    resource["relatesTo"] = [{"code": "transforms", "target": cv.document}]
    if header.confidentiality:
        resource["securityLabel"] = [header.confidentiality]
    title = {"title": header.title} if header.title else {}
    resource["content"] = [{"attachment": {**attachment, "url": file["reference"], **title}}]
    return [file, cv.add(resource, node)]


def _source_patient(cv: Conversion) -> Resource:
    person = cv.resource(cv.subject)
    kept = {name: deepcopy(person[name]) for name in _TRAITS if name in person}
    return {"resourceType": "Patient", "id": _SOURCE_PATIENT, **kept}


def _attachment(cv: Conversion, header: Header, binary: Reference) -> Json:
    data = cv.source.data
    attachment: Json = {"contentType": MEDIA_TYPE}
    if header.language:
        attachment["language"] = header.language
    attachment |= {
        "url": binary["reference"],
        "size": len(data),
        "hash": b64encode(sha1(data, usedforsecurity=False).digest()).decode("ascii"),
        "title": header.title,
    }
    if header.time:
        attachment["creation"] = header.time
    return attachment


def _context(cv: Conversion, header: Header) -> Json:
    context: Json = {}
    if cv.encounter:
        context["encounter"] = [cv.encounter]
    codes = [event.code for event in header.events if event.code]
    if codes:
        context["event"] = codes
    spans = [event.period for event in header.events if event.period]
    if spans:
        context["period"] = spans[0]
    if header.facility:
        context["facilityType"] = header.facility
    setting = next((event.setting for event in header.events if event.setting), None)
    if setting:
        context["practiceSetting"] = setting
    context["sourcePatientInfo"] = {"reference": f"#{_SOURCE_PATIENT}"}
    if header.orders:
        context["related"] = list(header.orders)
    return context
