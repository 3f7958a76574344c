"""How a resource points at the one made from the statement around it, where no mapper did it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Reference
from importers.cda.entries.parts import Part
from importers.cda.entries.statement import says_no

_REASON = frozenset({"RSON"})
_REASON_TOO = frozenset({"COMP", "REFR", "RSON", "SUBJ", "SPRT"})
_EVIDENCE = frozenset({"MFST", "RSON", "SPRT"})
_DUE_TO = "http://hl7.org/fhir/StructureDefinition/condition-dueTo"
_BASED_ON = "http://hl7.org/fhir/StructureDefinition/event-basedOn"

_TO_CHILD: Mapping[tuple[str, str], str] = {
    ("DiagnosticReport", "Observation"): "result",
    ("DiagnosticReport", "Media"): "media.link",
    ("Observation", "Media"): "derivedFrom",
    ("Condition", "DocumentReference"): "evidence.detail",
    ("MedicationStatement", "MedicationRequest"): "basedOn",
    ("MedicationAdministration", "MedicationRequest"): "request",
    ("MedicationDispense", "MedicationRequest"): "authorizingPrescription",
    ("FamilyMemberHistory", "Observation"): "reasonReference",
    ("Procedure", "Media"): "report",
    ("Procedure", "DocumentReference"): "report",
    ("Encounter", "Condition"): "diagnosis.condition",
    ("Encounter", "Procedure"): "diagnosis.condition",
    ("CarePlan", "Goal"): "goal",
    ("CarePlan", "Condition"): "addresses",
    ("CarePlan", "ServiceRequest"): "activity.reference",
    ("CarePlan", "MedicationRequest"): "activity.reference",
    ("DocumentReference", "Observation"): "context.related",
}
"""(type around, type inside) → element of the one around that refers to what is inside."""

_REASONS: Mapping[str, frozenset[str]] = {
    "DeviceUseStatement": frozenset({"Condition", "Observation", "DiagnosticReport", "DocumentReference"}),
    "Encounter": frozenset({"Condition", "Procedure", "Observation"}),
    "Immunization": frozenset({"Condition", "Observation", "DiagnosticReport"}),
    "MedicationAdministration": frozenset({"Condition", "Observation", "DiagnosticReport"}),
    "MedicationRequest": frozenset({"Condition", "Observation"}),
    "MedicationStatement": frozenset({"Condition", "Observation", "DiagnosticReport"}),
    "Procedure": frozenset(
        {"Condition", "Observation", "Procedure", "DiagnosticReport", "DocumentReference"}
    ),
    "ServiceRequest": frozenset({"Condition", "Observation", "DiagnosticReport", "DocumentReference"}),
}
"""Type → what its reasonReference may refer to."""

_TO_PARENT: Mapping[tuple[str, str], str] = {
    ("Procedure", "Procedure"): "partOf",
    ("MedicationAdministration", "Procedure"): "partOf",
    ("MedicationAdministration", "MedicationRequest"): "request",
    ("MedicationDispense", "MedicationRequest"): "authorizingPrescription",
    ("MedicationRequest", "ServiceRequest"): "basedOn",
    ("MedicationRequest", "MedicationRequest"): "basedOn",
    ("MedicationStatement", "MedicationStatement"): "partOf",
    ("ServiceRequest", "ServiceRequest"): "basedOn",
    ("ServiceRequest", "MedicationRequest"): "basedOn",
    ("ServiceRequest", "CarePlan"): "basedOn",
    ("Procedure", "ServiceRequest"): "basedOn",
    ("Procedure", "CarePlan"): "basedOn",
}
"""(type inside, type around) → element of what is inside that refers to the one around."""


_SINGLE = frozenset({"request"})


def link(cv: Conversion, parent: Reference, child: Reference, part: Part) -> None:
    """Make the resource of a statement and that of one inside it refer to each other, once.

    Where R4 has no element for the pair, an Observation names the one around as its `focus`; what is left is
    an issue of kind `reference`.
    """
    if child == parent:
        return
    outer, inner = cv.resource(parent), cv.resource(child)
    types = outer["resourceType"], inner["resourceType"]
    if _link_as_said(outer, inner, parent, child, part):
        return
    if types in _TO_CHILD:
        put_reference(outer, _TO_CHILD[types], child)
    elif (types[1], types[0]) in _TO_PARENT:
        put_reference(inner, _TO_PARENT[types[1], types[0]], parent)
    elif types[1] == "Observation":
        put_reference(inner, "focus", parent)
    elif part.relation in _REASON_TOO and _may_be_reason(types, part):
        put_reference(outer, "reasonReference", child)
    else:
        text = f"No element of R4 links {types[1]} to the {types[0]} around it ({part.relation})."
        cv.issue("information", "reference", text, part.link)


def _link_as_said(
    outer: dict[str, Any], inner: dict[str, Any], parent: Reference, child: Reference, part: Part
) -> bool:
    """Link by what the relation says: a reason, evidence, a cause, a member; return whether it said so."""
    types = outer["resourceType"], inner["resourceType"]
    if part.relation in _REASON and _may_be_reason(types, part):
        put_reference(outer, "reasonReference", child)
    elif types == ("Observation", "Observation") and part.relation == "COMP":
        put_reference(outer, "hasMember", child)
    elif types[0] == "Condition" and types[1] in ("Condition", "Observation") and part.relation in _EVIDENCE:
        put_reference(outer, "evidence.detail", child)
    elif types == ("Condition", "Condition") and part.relation == "CAUS":
        effect, cause = (outer, child) if part.inverted else (inner, parent)
        _put_extension(effect, _DUE_TO, cause)
    elif types == ("Immunization", "MedicationRequest"):
        _put_extension(outer, _BASED_ON, child)
    elif part.kind == "related-to" and inner.get("valueBoolean") and _may_be_reason(types, part):
        put_reference(outer, "reasonReference", child)
        put_reference(inner, "focus", parent)
    else:
        return False
    return True


def _may_be_reason(types: tuple[str, str], part: Part) -> bool:
    return types[1] in _REASONS.get(types[0], ()) and not says_no(part.statement)


def _put_extension(resource: dict[str, Any], url: str, reference: Reference) -> None:
    extension = {"url": url, "valueReference": reference}
    extensions = resource.setdefault("extension", [])
    if extension not in extensions:
        extensions.append(extension)


def put_reference(resource: dict[str, Any], element: str, reference: Reference) -> None:
    """Add a reference at `element`, or at `element.inner` of a new item, unless it is there already."""
    name, _, inner = element.partition(".")
    if name == "context":
        resource, name, inner = resource.setdefault("context", {}), inner, ""
    if name in _SINGLE:
        resource.setdefault(name, reference)
        return
    item: Any = {inner: _as_many(name, inner, reference)} if inner else reference
    items = resource.setdefault(name, [])
    if item not in items:
        items.append(item)


def _as_many(name: str, inner: str, reference: Reference) -> Any:
    return [reference] if (name, inner) == ("evidence", "detail") else reference
