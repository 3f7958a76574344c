"""Goals: what is to be reached, and by when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import value
from importers.cda.entries import statement as st
from importers.cda.entries.care_plan import put_in_plan
from importers.cda.entries.internal import internal_references
from importers.cda.entries.nested import convert_part
from importers.cda.entries.observation import coded
from importers.cda.entries.parts import Part, parts_of
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.xml import child, local

_STATUS: Mapping[str, str] = {
    "new": "proposed",
    "active": "active",
    "normal": "active",
    "completed": "completed",
    "held": "on-hold",
    "suspended": "on-hold",
    "aborted": "cancelled",
    "cancelled": "cancelled",
    "nullified": "entered-in-error",
}
"""ActStatus → GoalLifecycleStatus.  Spec: http://hl7.org/fhir/R4/valueset-goal-status.html"""

_RELATED = "http://hl7.org/fhir/StructureDefinition/goal-relationship"
_RELATIONS = "http://terminology.hl7.org/CodeSystem/v3-ActRelationshipType"
_EXPRESSERS = frozenset({"Patient", "Practitioner", "PractitionerRole", "RelatedPerson"})
_ADDRESSED = frozenset({
    "Condition", "Observation", "MedicationStatement", "NutritionOrder", "ServiceRequest", "RiskAssessment",
})  # fmt: skip
_TARGETS = frozenset({"Quantity", "Range", "CodeableConcept", "String", "Boolean", "Integer", "Ratio"})


def goal(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make a Goal; a negated one is `rejected`.

    A code and a value make a target: what is measured, and what it should become.
    """
    resource = st.start(cv, statement, "Goal")
    status = st.status(cv, statement, _STATUS, "proposed")
    negated = st.is_negated(cv, statement) or place.negated
    resource["lifecycleStatus"] = st.unless_error(status, "rejected") if negated else status
    resource["description"] = coded(cv, statement)
    _put_times(cv, resource, statement)
    _put_target(cv, resource, statement)
    for author in st.authors(cv, statement, place):
        if cv.resource(author)["resourceType"] in _EXPRESSERS:
            resource.setdefault("expressedBy", author)
    st.put(resource, "note", remarks(cv, statement, resource))
    reference = cv.add(resource, statement)
    cv.made_from[statement] = reference
    internal_references(cv, statement, lambda target, part: _refer(cv, resource, target, part.statement))
    _put_inside(cv, resource, statement, place)
    return [reference, *put_in_plan(cv, place)]


def _put_inside(cv: Conversion, resource: Resource, statement: Element, place: Place) -> None:
    """Refer to the goals inside as related, to what is found of the goal as its outcome."""
    for part in parts_of(statement):
        if part.is_part or cv.is_used(part.statement) or local(part.statement) != "observation":
            continue
        for reference in convert_part(cv, part, statement, cv.made_from[statement], place):
            if cv.resource(reference)["resourceType"] == "Goal":
                st.add(resource, "extension", _related(reference, part))
            else:
                st.add(resource, "outcomeReference", reference)


def _related(reference: Reference, part: Part) -> dict[str, Any]:
    concept = {"coding": [{"system": _RELATIONS, "code": part.relation}]}
    parts = [
        {"url": "type", "valueCodeableConcept": concept},
        {"url": "target", "valueReference": reference},
    ]
    return {"url": _RELATED, "extension": parts}


def _put_times(cv: Conversion, resource: Resource, statement: Element) -> None:
    when = st.when(cv, child(statement, "effectiveTime"))
    if when is None:
        node = child(statement, "effectiveTime")
        if node is not None and node.get("nullFlavor") is not None:
            cv.take(node)
            resource["_startDate"] = {"extension": [st.absent(node)]}
        return
    period: dict[str, Any] = {"start": when[1]} if when[0] == "DateTime" else dict(when[1])
    if "start" in period:
        resource["startDate"] = period["start"][:10]
    if "end" in period:
        resource["target"] = [{"dueDate": period["end"][:10]}]


def _put_target(cv: Conversion, resource: Resource, statement: Element) -> None:
    node = child(statement, "value")
    found = None if node is None else value(cv, node)
    if found is None or found[0] not in _TARGETS:
        return
    due = resource.pop("target", [{}])[0]
    resource["target"] = [{"measure": resource["description"], f"detail{found[0]}": found[1], **due}]


def _refer(cv: Conversion, resource: dict[str, Any], target: Reference, node: Element) -> None:
    if cv.resource(target)["resourceType"] in _ADDRESSED:
        st.add(resource, "addresses", target)
    else:
        cv.issue("information", "reference", "R4 does not link these two entries.", node)


MAPPERS = {"goal": goal}
