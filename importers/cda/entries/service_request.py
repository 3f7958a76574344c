"""Orders, proposals and plans of an act, a procedure, an observation or a visit."""

from __future__ import annotations

from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import code_of, codeable_concept, value
from importers.cda.entries import statement as st
from importers.cda.entries.care_plan import put_in_plan
from importers.cda.entries.external import external_documents
from importers.cda.entries.internal import internal_references
from importers.cda.entries.moments import put_when
from importers.cda.entries.observation import coded
from importers.cda.entries.parties import participants, performers
from importers.cda.entries.parts import Part
from importers.cda.entries.place import Place
from importers.cda.entries.qualifiers import put_attribute
from importers.cda.entries.remarks import remarks
from importers.cda.entries.requests import INTENT, PRIORITY, REQUEST_STATUS
from importers.cda.entries.specimen import specimens_of
from importers.cda.entries.templates import mood_of
from importers.cda.entries.value_text import as_text
from importers.cda.xml import child, children

_REQUESTERS = frozenset({
    "Practitioner", "PractitionerRole", "Organization", "Patient", "RelatedPerson", "Device",
})  # fmt: skip
_PERFORMERS = _REQUESTERS | {"CareTeam", "HealthcareService"}
_REASONS = frozenset({"Condition", "Observation", "DiagnosticReport", "DocumentReference"})


def service_request(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make a ServiceRequest; a negated one says not to do it (`doNotPerform`).

    A value is what is asked for in detail (`orderDetail`).
    """
    resource = st.start(cv, statement, "ServiceRequest", "subject", "encounter")
    resource["status"] = st.status(cv, statement, REQUEST_STATUS, "unknown")
    resource["intent"] = INTENT.get(mood_of(statement), "order")
    if st.is_negated(cv, statement) or place.negated:
        resource["doNotPerform"] = True
    _put_priority(cv, resource, statement)
    resource["code"] = coded(cv, statement)
    for node in children(statement, "value"):
        st.add(resource, "orderDetail", _detail(cv, node))
    put_when(cv, resource, statement, "occurrence")
    st.put(resource, "authoredOn", st.authored(cv, statement) or st.written(cv, statement, place))
    _put_parties(cv, resource, statement, place)
    for name in ("targetSiteCode", "approachSiteCode"):
        for node in children(statement, name):
            st.add(resource, "bodySite", codeable_concept(cv, node))
    method = st.code(cv, statement, "methodCode")
    st.add(resource, "orderDetail", method)
    if child(statement, "specimen") is not None:
        st.put(resource, "specimen", specimens_of(cv, statement))
    for document in external_documents(cv, statement):
        st.add(resource, "supportingInfo", document)
    st.put(resource, "note", remarks(cv, statement, resource))
    reference = cv.add(resource, statement)
    cv.made_from[statement] = reference
    internal_references(cv, statement, lambda target, part: _refer(cv, resource, target, part))
    return [reference, *put_in_plan(cv, place)]


def _put_priority(cv: Conversion, resource: Resource, statement: Element) -> None:
    node = child(statement, "priorityCode")
    known = PRIORITY.get(code_of(node) or "") if node is not None else None
    if node is not None and known is not None:
        cv.take(node)
        resource["priority"] = known
    elif node is not None:
        put_attribute(cv, resource, "priorityCode", codeable_concept(cv, node))


def _detail(cv: Conversion, node: Element) -> dict[str, Any] | None:
    found = value(cv, node)
    if found is None:
        return None
    suffix, content = found
    if suffix == "CodeableConcept":
        return dict(content)
    text = as_text(suffix, content)
    return {"text": text} if text else None


def _put_parties(cv: Conversion, resource: Resource, statement: Element, place: Place) -> None:
    for author in st.authors(cv, statement, place):
        if cv.resource(author)["resourceType"] in _REQUESTERS:
            resource.setdefault("requester", author)
    for party in (*performers(cv, statement), *participants(cv, statement)):
        if party.resource_type == "Location":
            st.add(resource, "locationReference", party.reference)
        elif party.resource_type in _PERFORMERS:
            st.add(resource, "performer", party.reference)


def _refer(cv: Conversion, resource: dict[str, Any], target: Reference, part: Part) -> None:
    kind = cv.resource(target)["resourceType"]
    is_reason = kind in _REASONS and part.relation in ("RSON", "REFR", "SUBJ")
    st.add(resource, "reasonReference" if is_reason else "supportingInfo", target)


MAPPERS = {"service-request": service_request}
