"""Encounters that took place; those that are asked for are ServiceRequests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.entries import statement as st
from importers.cda.entries.internal import internal_references
from importers.cda.entries.moments import period_of
from importers.cda.entries.parties import Party, function_of, informants, participants, performers
from importers.cda.entries.parts import Part
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.visit_class import visit_class
from importers.cda.xml import child

_STATUS: Mapping[str, str] = {
    "completed": "finished",
    "normal": "finished",
    "active": "in-progress",
    "new": "planned",
    "held": "onleave",
    "suspended": "onleave",
    "aborted": "cancelled",
    "cancelled": "cancelled",
    "nullified": "entered-in-error",
}
"""ActStatus → EncounterStatus.  Spec: http://hl7.org/fhir/R4/valueset-encounter-status.html"""

_ACTORS = frozenset({"Practitioner", "PractitionerRole", "RelatedPerson"})
_REASONS = frozenset({"Condition", "Procedure", "Observation"})


def encounter(cv: Conversion, statement: Element, _place: Place) -> list[Reference]:
    """Make an Encounter of a visit that is a fact."""
    resource = st.start(cv, statement, "Encounter")
    resource["status"] = st.status(cv, statement, _STATUS, "unknown")
    _put_kind(cv, resource, statement)
    st.put(resource, "priority", st.code(cv, statement, "priorityCode"))
    period = period_of(cv, child(statement, "effectiveTime"))
    st.put(resource, "period", period)
    for party in (*performers(cv, statement), *participants(cv, statement), *informants(cv, statement)):
        _put_party(cv, resource, party)
    for author in st.own_authors(cv, statement):
        _put_party(cv, resource, Party(author, cv.resource(author)["resourceType"], "AUT"))
    _put_words(cv, resource, statement)
    reference = cv.add(resource, statement)
    cv.made_from[statement] = reference
    internal_references(cv, statement, lambda target, part: _refer(cv, resource, target, part))
    return [reference]


def _put_kind(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Set `class` from a code that has one, `type` from a code that says more."""
    concept = st.code(cv, statement) or {}
    resource["class"], says_all = visit_class(concept)
    if not says_all:
        st.add(resource, "type", concept)


def _put_party(cv: Conversion, resource: dict[str, Any], party: Party) -> None:
    if party.resource_type == "Location":
        st.add(resource, "location", {"location": party.reference})
        return
    if party.resource_type == "Organization":
        resource.setdefault("serviceProvider", party.reference)
        return
    if party.resource_type not in _ACTORS:
        return
    st.add(resource, "participant", {"type": [function_of(party)], "individual": party.reference})
    employer = cv.resource(party.reference).get("organization")
    if employer is not None and party.type == "PRF":
        resource.setdefault("serviceProvider", employer)


def _put_words(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Keep the words of the visit as its reason in text: Encounter has no note."""
    for note in remarks(cv, statement, resource):
        if note["text"] not in [concept.get("text") for concept in resource.get("type", ())]:
            st.add(resource, "reasonCode", {"text": note["text"]})


def _refer(cv: Conversion, resource: dict[str, Any], target: Reference, part: Part) -> None:
    kind = cv.resource(target)["resourceType"]
    if kind in _REASONS:
        st.add(resource, "reasonReference", target)
    else:
        cv.issue("information", "reference", f"R4 does not link an Encounter to a {kind}.", part.statement)


MAPPERS = {"encounter": encounter}
