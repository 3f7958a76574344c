"""Advance directives: what the person wants, or has appointed, for the time when they cannot say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import value
from importers.cda.datatypes.absence import ABSENT
from importers.cda.entries import statement as st
from importers.cda.entries.external import external_documents
from importers.cda.entries.media_document import ATTACHED, attached_media
from importers.cda.entries.moments import period_of
from importers.cda.entries.narrative_text import narrative_of
from importers.cda.entries.nested import convert_part
from importers.cda.entries.observation import coded
from importers.cda.entries.parties import function_of, participants
from importers.cda.entries.parts import parts_of
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.entries.value_text import as_text
from importers.cda.xml import child, local

_STATUS: Mapping[str, str] = {
    "completed": "active",
    "active": "active",
    "normal": "active",
    "new": "proposed",
    "held": "inactive",
    "suspended": "inactive",
    "aborted": "inactive",
    "cancelled": "rejected",
    "nullified": "entered-in-error",
    "obsolete": "inactive",
}
"""ActStatus → ConsentState.  Spec: http://hl7.org/fhir/R4/valueset-consent-state-codes.html"""

_SCOPE: Mapping[str, Any] = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/consentscope",
            "code": "adr",
            "display": "Advanced Care Directive",
        }
    ]
}
_CATEGORY: Mapping[str, Any] = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/consentcategorycodes",
            "code": "acd",
            "display": "Advance Directive",
        }
    ]
}
_PERFORMERS = frozenset({"Organization", "Patient", "Practitioner", "RelatedPerson", "PractitionerRole"})
_ACTORS = _PERFORMERS | {"Device", "Group", "CareTeam"}
_RELATED = "http://hl7.org/fhir/StructureDefinition/workflow-supportingInfo"


def directive(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make a Consent of the scope `adr`.

    Its code is a category, its value what is provided for, its document the source.  A value or statement
    that is negated makes the provision one that denies.
    """
    resource = st.start(cv, statement, "Consent", "patient")
    resource["status"] = st.status(cv, statement, _STATUS, "active")
    resource["scope"] = dict(_SCOPE)
    resource["category"] = [dict(_CATEGORY), coded(cv, statement)]
    st.put(resource, "dateTime", st.authored(cv, statement))
    for author in st.authors(cv, statement, place):
        if cv.resource(author)["resourceType"] in _PERFORMERS:
            st.add(resource, "performer", author)
    resource["policyRule"] = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    _put_provision(cv, resource, statement, place)
    st.put(resource, "text", narrative_of(remarks(cv, statement, resource)))
    reference = cv.add(resource, statement)
    cv.made_from[statement] = reference
    _put_sources(cv, resource, statement, place)
    return [reference]


def _put_provision(cv: Conversion, resource: Resource, statement: Element, place: Place) -> None:
    provision: dict[str, Any] = {}
    node = child(statement, "value")
    found = None if node is None else value(cv, node)
    negated = st.is_negated(cv, statement) or place.negated
    if found is not None and found[0] == "Boolean":
        negated = negated or not found[1]
    elif found is not None:
        concept = found[1] if found[0] == "CodeableConcept" else {"text": as_text(*found)}
        provision["code"] = [concept]
    if negated or (found is not None and found[0] == "Boolean"):
        provision["type"] = "deny" if negated else "permit"
    st.put(provision, "period", period_of(cv, child(statement, "effectiveTime")))
    for party in participants(cv, statement):
        if party.resource_type in _ACTORS:
            item = {"role": function_of(party), "reference": party.reference}
            st.add(provision, "actor", item)
    st.put(resource, "provision", provision)


def _put_sources(cv: Conversion, resource: Resource, statement: Element, place: Place) -> None:
    """Name the first document as the source; R4 has one, so what follows is supporting information."""
    found = external_documents(cv, statement)
    for part in parts_of(statement):
        if not part.is_part and local(part.statement) == "observationMedia":
            made = attached_media(cv, part.statement, place)
            for reference in made:
                cv.made_from[part.statement] = reference
            found += made
        elif part.kind == ATTACHED:
            found += convert_part(cv, part, statement, cv.made_from[statement], place)
    for reference in found:
        if "sourceReference" not in resource:
            resource["sourceReference"] = reference
        else:
            st.add(resource, "extension", {"url": _RELATED, "valueReference": reference})


MAPPERS = {"advance-directive": directive}
