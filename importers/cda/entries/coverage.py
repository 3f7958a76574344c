"""Who pays: what a document says of the person's cover is a Coverage."""

from __future__ import annotations

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import identifier
from importers.cda.datatypes.absence import ABSENT
from importers.cda.entries import statement as st
from importers.cda.entries.moments import period_of
from importers.cda.entries.narrative_text import narrative_of
from importers.cda.entries.parties import participants, performers
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.xml import child, children

_PAYORS = frozenset({"Organization", "Patient", "RelatedPerson"})
_HOLDERS = frozenset({"Patient", "RelatedPerson", "Organization"})
_SUBSCRIBERS = frozenset({"Patient", "RelatedPerson"})


def coverage(cv: Conversion, statement: Element, _place: Place) -> list[Reference]:
    """Make a Coverage of an act that says who pays, for what the person is covered."""
    resource: Resource = st.start(cv, statement, "Coverage", "")
    status = child(statement, "statusCode")
    if status is not None:
        cv.leave(status, "the status of the act is not that of the cover")
    resource["status"] = "active"
    st.put(resource, "type", st.code(cv, statement))
    resource["beneficiary"] = cv.subject
    st.put(resource, "period", period_of(cv, child(statement, "effectiveTime")))
    _put_payors(cv, resource, statement)
    for party in participants(cv, statement):
        if party.type == "HLD" and party.resource_type in _HOLDERS:
            resource.setdefault("policyHolder", party.reference)
        elif party.type == "COV" and party.resource_type in _SUBSCRIBERS:
            resource.setdefault("subscriber", party.reference)
    _put_subscriber_id(cv, resource, statement)
    st.put(resource, "text", narrative_of(remarks(cv, statement, resource)))
    return [cv.add(resource, statement)]


def _put_payors(cv: Conversion, resource: Resource, statement: Element) -> None:
    for party in performers(cv, statement):
        target = party.reference
        kind = party.resource_type
        if kind == "PractitionerRole":
            target = cv.resource(target).get("organization", target)
            kind = cv.resource(target)["resourceType"]
        if kind in _PAYORS:
            st.add(resource, "payor", target)
    if "payor" not in resource:
        resource["payor"] = [{"extension": [{"url": ABSENT, "valueCode": "unknown"}]}]


def _put_subscriber_id(cv: Conversion, resource: Resource, statement: Element) -> None:
    for node in children(statement, "participant"):
        role = child(node, "participantRole")
        number = None if role is None else child(role, "id")
        if node.get("typeCode") == "COV" and number is not None and number.get("extension"):
            found = identifier(cv, number)
            st.put(resource, "subscriberId", (found or {}).get("value"))


MAPPERS = {"coverage": coverage}
