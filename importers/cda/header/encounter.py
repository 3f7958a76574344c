"""The encounter in which the document came about, and the place of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from importers.cda.conversion import Conversion, Element, Resource
from importers.cda.datatypes import codeable_concept, identifiers, period
from importers.cda.header.participants import PARTICIPATION_TYPE
from importers.cda.people import location, party
from importers.cda.visit_class import visit_class
from importers.cda.xml import child, children

Json = dict[str, Any]


def encounter(cv: Conversion) -> Json | None:
    """Make the encompassing Encounter, if there is one; return the type of its facility, or None."""
    holder = child(cv.source.root, "componentOf")
    node = None if holder is None else child(holder, "encompassingEncounter")
    if node is None:
        return None
    resource: Resource = {"resourceType": "Encounter"}
    known = identifiers(cv, node)
    if known:
        resource["identifier"] = known
    time = child(node, "effectiveTime")
    span = None if time is None else period(cv, time)
    resource["status"] = "finished" if span and "end" in span else "unknown"
    _classify(cv, node, resource)
    resource["subject"] = cv.subject
    if span:
        resource["period"] = span
    taking_part = list(_participants(cv, node))
    if taking_part:
        resource["participant"] = taking_part
    _discharge(cv, node, resource)
    facility = _place(cv, node, resource)
    cv.encounter = cv.add(resource, node)
    return facility


def _classify(cv: Conversion, node: Element, resource: Resource) -> None:
    concept = codeable_concept(cv, child(node, "code"))
    resource["class"], _ = visit_class(concept)
    if concept:
        resource["type"] = [concept]


def _participants(cv: Conversion, node: Element) -> Iterator[Json]:
    for name, default in (("responsibleParty", "RESP"), ("encounterParticipant", "")):
        for each in children(node, name):
            who = party(cv, each)
            if who is None:
                continue
            cv.take(each, "typeCode")
            kind = each.get("typeCode") or default
            said: Json = {}
            if kind:
                said["type"] = [{"coding": [{"system": PARTICIPATION_TYPE, "code": kind}]}]
            time = child(each, "time")
            span = None if time is None else period(cv, time)
            if span:
                said["period"] = span
            yield {**said, "individual": who}


def _discharge(cv: Conversion, node: Element, resource: Resource) -> None:
    concept = codeable_concept(cv, child(node, "dischargeDispositionCode"))
    if concept:
        resource["hospitalization"] = {"dischargeDisposition": concept}


def _place(cv: Conversion, node: Element, resource: Resource) -> Json | None:
    holder = child(node, "location")
    facility = None if holder is None else child(holder, "healthCareFacility")
    if facility is None:
        return None
    where = location(cv, facility)
    if where is None:
        return None
    resource["location"] = [{"location": where}]
    kinds = cv.resource(where).get("type", ())
    return kinds[0] if kinds else None
