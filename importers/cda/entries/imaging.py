"""Imaging studies: a study with its series and instances, as DICOM counts them."""

from __future__ import annotations

import re
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.datatypes import coding, date_time
from importers.cda.datatypes.absence import ABSENT
from importers.cda.entries import statement as st
from importers.cda.entries.parties import performers
from importers.cda.entries.parts import parts_of, take_statement
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.text import said
from importers.cda.xml import child, children

SERIES, INSTANCE = "imaging-series", "imaging-instance"
_DICOM = "urn:dicom:uid"
_UID = re.compile(r"(?=.{1,64}\Z)[0-9]+(\.[0-9]+)*")
"""Spec: https://dicom.nema.org/medical/dicom/current/output/chtml/part05/chapter_9.html"""
_ABSENT = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


def imaging_study(cv: Conversion, statement: Element, _place: Place) -> list[Reference]:
    """Make an ImagingStudy of a study act.

    Spec: http://hl7.org/fhir/R4/imagingstudy.html
    """
    resource: dict[str, Any] = {"resourceType": "ImagingStudy"}
    uid = _uid(cv, statement)
    if uid:
        resource["identifier"] = [{"system": _DICOM, "value": f"urn:oid:{uid}"}]
    resource |= {"status": "available", "subject": cv.subject}
    st.put(resource, "encounter", cv.encounter)
    moment = child(statement, "effectiveTime")
    st.put(resource, "started", None if moment is None else date_time(cv, moment))
    for party in performers(cv, statement):
        if party.resource_type in ("Practitioner", "PractitionerRole"):
            st.add(resource, "interpreter", party.reference)
    code = child(statement, "code")
    if code is not None:
        cv.take_all(code)
    for part in parts_of(statement):
        if part.kind == SERIES:
            st.add(resource, "series", _series(cv, part.statement))
    for series in resource.get("series", ()):
        st.add(resource, "modality", series["modality"] if series["modality"] != _ABSENT else None)
    st.put(resource, "note", remarks(cv, statement, resource))
    return [cv.add(resource, statement)]


def _series(cv: Conversion, act: Element) -> dict[str, Any]:
    take_statement(cv, act)
    item = _identified(cv, act)
    moment = child(act, "effectiveTime")
    st.put(item, "started", None if moment is None else date_time(cv, moment))
    item["modality"] = _modality(cv, act) or dict(_ABSENT)
    st.put(item, "description", said(cv, child(act, "text")))
    for part in parts_of(act):
        if part.kind == INSTANCE:
            st.add(item, "instance", _instance(cv, part.statement))
    return item


def _instance(cv: Conversion, node: Element) -> dict[str, Any]:
    take_statement(cv, node)
    code = child(node, "code")
    kind = {} if code is None else coding(cv, code) or {}
    if code is not None:
        cv.take_all(code)
    item = _identified(cv, node)
    item["sopClass"] = (
        {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{kind['code']}"} if kind else dict(_ABSENT)
    )
    st.put(item, "title", kind.get("display"))
    text = child(node, "text")
    pointer = None if text is None else child(text, "reference")
    if text is not None and pointer is not None and "://" in (pointer.get("value") or ""):
        cv.issue("information", "reference", "The address of an image has no place in ImagingStudy.", pointer)
    return item


def _modality(cv: Conversion, act: Element) -> dict[str, Any] | None:
    code = child(act, "code")
    if code is None:
        return None
    cv.take(code)
    for qualifier in children(code, "qualifier"):
        node = child(qualifier, "value")
        if node is not None:
            cv.take_all(qualifier)
            return dict(coding(cv, node) or {}) or None
    return None


def _identified(cv: Conversion, node: Element) -> dict[str, Any]:
    uid = _uid(cv, node)
    return {"_uid": dict(_ABSENT)} if uid is None else {"uid": uid}


def _uid(cv: Conversion, node: Element) -> str | None:
    identifier = child(node, "id")
    if identifier is None:
        return None
    uid = ".".join(part for name in ("root", "extension") if (part := identifier.get(name)))
    if not _UID.fullmatch(uid):
        return None
    cv.take(identifier)
    return uid


MAPPERS = {"imaging-study": imaging_study}
