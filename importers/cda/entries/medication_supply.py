"""Medicines supplied: what was dispensed, and orders to supply.

Spec: https://hl7.org/fhir/R4/medicationdispense.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda import datatypes
from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.entries import statement as st
from importers.cda.entries.answers import nested, take_frame
from importers.cda.entries.engine import Mapper
from importers.cda.entries.medication import (
    ACTORS,
    ORDERED,
    around_of,
    put_dispenser_instruction,
    put_repeats,
    put_requester,
)
from importers.cda.entries.medication_dosage import dosages, instructions, without_product
from importers.cda.entries.medication_product import put_medication
from importers.cda.entries.notes import notes
from importers.cda.entries.place import Place
from importers.cda.entries.templates import name_of
from importers.cda.xml import attr, child, children

_DISPENSED: Mapping[str, str] = {
    "new": "preparation",
    "active": "in-progress",
    "completed": "completed",
    "aborted": "stopped",
    "suspended": "on-hold",
    "held": "on-hold",
    "cancelled": "cancelled",
    "nullified": "entered-in-error",
}
"""statusCode → MedicationDispense.status."""

_PERFORMERS = ACTORS | {"Organization"}
_SUBSTITUTION = "SUBST"
"""The act of substituting, in documents that give it no template.  Spec: v3-ActClass"""
_NOT_SUBSTITUTED = frozenset({"N", "NOREASON"})


def medication_dispense(cv: Conversion, supply: Element, place: Place) -> list[Reference]:
    """Return the MedicationDispense of a medicine that was handed out."""
    resource = st.start(cv, supply, "MedicationDispense", encounter="context")
    status = st.status(cv, supply, _DISPENSED, "completed")
    resource["status"] = st.unless_error(status, "declined") if st.is_negated(cv, supply) else status
    put_medication(cv, resource, supply, around_of(cv, place))
    quantity = child(supply, "quantity")
    st.put(resource, "quantity", None if quantity is None else datatypes.quantity(cv, quantity))
    for who in st.performers(cv, supply) or st.own_authors(cv, supply):
        actor = st.limited(cv, who, _PERFORMERS)
        st.add(resource, "performer", {"actor": actor} if actor else None)
    _put_handed_over(cv, resource, supply)
    _put_dosage(cv, resource, supply)
    _put_substitution(cv, resource, supply)
    put_dispenser_instruction(cv, resource, supply)
    for note in notes(cv, supply, own=not _is_named(resource)):
        st.add(resource, "note", note)
    return [cv.add(resource, supply)]


def supplied_prescription(cv: Conversion, supply: Element, place: Place) -> list[Reference]:
    """Return the MedicationRequest behind a supply; who carried it out is in a MedicationDispense.

    The author of the supply prescribed it, its performer dispensed.
    """
    made: list[Reference] = []
    if child(supply, "author") is not None:
        made.append(_prescription(cv, supply, place))
    if child(supply, "performer") is not None or not made:
        made += medication_dispense(cv, supply, place)
    if len(made) > 1:
        cv.resource(made[1])["authorizingPrescription"] = [made[0]]
    return made[:1]


def _prescription(cv: Conversion, supply: Element, place: Place) -> Reference:
    resource = st.start(cv, supply, "MedicationRequest", encounter="encounter")
    resource |= {"status": "unknown", "intent": "order"}
    put_medication(cv, resource, supply, around_of(cv, place))
    put_requester(cv, resource, supply, place)
    return cv.add(resource, supply)


def supply_order(cv: Conversion, supply: Element, place: Place) -> list[Reference]:
    """Return the MedicationRequest of an order to supply; without a product, that of the statement around."""
    resource = st.start(cv, supply, "MedicationRequest", encounter="encounter")
    resource["status"] = st.status(cv, supply, ORDERED, "unknown")
    resource["intent"] = "order"
    if st.is_negated(cv, supply):
        resource["doNotPerform"] = True
    put_medication(cv, resource, supply, around_of(cv, place))
    put_requester(cv, resource, supply, place)
    request: dict[str, Any] = {}
    put_repeats(cv, request, supply)
    quantity = child(supply, "quantity")
    st.put(request, "quantity", None if quantity is None else datatypes.quantity(cv, quantity))
    valid = st.when(cv, child(supply, "effectiveTime"))
    if valid is not None:
        both = {"start": valid[1], "end": valid[1]} if valid[0] == "DateTime" else valid[1]
        request["validityPeriod"] = both
    st.put(resource, "dispenseRequest", request)
    for node in children(supply, "independentInd"):
        cv.take(node)
    for note in notes(cv, supply, own=not _is_named(resource)):
        st.add(resource, "note", note)
    said = instructions(cv, supply, "patient-instruction")
    if said:
        resource["dosageInstruction"] = [{"patientInstruction": said}]
    put_dispenser_instruction(cv, resource, supply)
    return [cv.add(resource, supply)]


def _is_named(resource: Resource) -> bool:
    """Return whether the words of the statement are already its product's."""
    return set(resource.get("medicationCodeableConcept", {})) == {"text"}


def _put_handed_over(cv: Conversion, resource: Resource, supply: Element) -> None:
    when = st.when(cv, child(supply, "effectiveTime"))
    if when is not None and when[0] == "DateTime":
        resource["whenHandedOver"] = when[1]
    elif when is not None and isinstance(when[1], dict):
        st.put(resource, "whenPrepared", when[1].get("start"))
        st.put(resource, "whenHandedOver", when[1].get("end"))
    performer = child(supply, "performer")
    time = None if performer is None else child(performer, "time")
    if time is not None and "whenHandedOver" not in resource and attr(time, "value"):
        resource["whenHandedOver"] = datatypes.date_time(cv, time)


def _put_dosage(cv: Conversion, resource: Resource, supply: Element) -> None:
    """Set the dosage from a statement inside that names no product: it only says how to take this one."""
    for part in nested(cv, supply):
        if name_of(part.statement) != "substanceAdministration" or part.relation != "COMP":
            continue
        if part.is_part or not without_product(part.statement):
            continue
        times = children(part.statement, "effectiveTime")
        resource.setdefault("dosageInstruction", []).extend(dosages(cv, part.statement, times))
        take_frame(cv, part.statement)
        for node in children(part.statement, "consumable"):
            cv.take_all(node)
    said = instructions(cv, supply, "patient-instruction")
    if said:
        found = resource.setdefault("dosageInstruction", []) or [{}]
        found[0]["patientInstruction"] = said
        resource["dosageInstruction"] = found
    if not resource.get("dosageInstruction", True):
        del resource["dosageInstruction"]


def _put_substitution(cv: Conversion, resource: Resource, supply: Element) -> None:
    for part in nested(cv, supply):
        said = attr(child(part.statement, "code"), "code")
        if part.kind != "substitution" and said != _SUBSTITUTION:
            continue
        code = st.code(cv, part.statement)
        if code is None or said is None:
            continue
        was = said not in _NOT_SUBSTITUTED and not st.is_negated(cv, part.statement)
        resource["substitution"] = {"wasSubstituted": was, "type": code}
        take_frame(cv, part.statement)


MAPPERS: Mapping[str, Mapper] = {
    "medication-dispense": medication_dispense,
    "supplied-prescription": supplied_prescription,
    "supply-order": supply_order,
}
