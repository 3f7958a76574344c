"""Adverse events: what happened, which medicine is suspected, how grave it was and how it ended.

Spec: https://hl7.org/fhir/R4/adverseevent.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda import datatypes, extensions
from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.entries import engine
from importers.cda.entries import statement as st
from importers.cda.entries.answers import answer, nested
from importers.cda.entries.engine import Mapper
from importers.cda.entries.meanings import Concept, meaning, says_something, with_code
from importers.cda.entries.notes import notes
from importers.cda.entries.parts import Part
from importers.cda.entries.place import Place
from importers.cda.entries.templates import name_of
from importers.cda.xml import child, children

_SEVERITY = "http://terminology.hl7.org/CodeSystem/adverse-event-severity"
_OUTCOME = "http://terminology.hl7.org/CodeSystem/adverse-event-outcome"
_SUSPECTS = frozenset({
    "Device", "Immunization", "Medication", "MedicationAdministration", "MedicationStatement", "Procedure",
    "Substance",
})  # fmt: skip
_PRODUCTS = frozenset({"substanceAdministration", "supply", "procedure"})


def adverse_event(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Return the AdverseEvent that an observation states; what it suspects are resources of their own."""
    resource = st.start(cv, statement, "AdverseEvent", encounter="encounter")
    identifiers = resource.pop("identifier", [])
    st.put(resource, "identifier", identifiers[0] if identifiers else None)
    resource["actuality"] = "actual"
    parts = nested(cv, statement)
    _put_event(cv, resource, statement)
    when = st.when(cv, child(statement, "effectiveTime"))
    if when is not None:
        moment = when[1] if isinstance(when[1], str) else when[1].get("start")
        st.put(resource, "date", moment)
    _put_grades(cv, resource, parts)
    st.put(resource, "recordedDate", st.authored(cv, statement))
    recorders = (st.limited(cv, author, st.PEOPLE) for author in st.authors(cv, statement, place))
    st.put(resource, "recorder", next((found for found in recorders if found), None))
    for node in children(statement, "statusCode"):
        cv.take(node)
    for note in notes(cv, statement, own=False):
        st.add(resource, "extension", extensions.own(cv.base, extensions.COMMENT, "Annotation", note))
    if st.is_negated(cv, statement):
        return []
    reference = cv.add(resource, statement)
    cv.made_from[statement] = reference
    _put_suspects(cv, resource, reference, statement, place, parts)
    return [reference]


def _put_event(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Set what happened: the value, with the statement's own code beside it."""
    kind, node = st.code(cv, statement), child(statement, "value")
    value = None if node is None else datatypes.codeable_concept(cv, node)
    if not says_something(value):
        value, kind = kind, None
    words = st.text_of(cv, statement)
    if words and "text" not in (value or {}):
        value = {**(value or {}), "text": words}
    st.put(resource, "event", value)
    if says_something(kind) and kind is not None:
        extension = extensions.own(cv.base, extensions.STATEMENT_CODE, "CodeableConcept", kind)
        st.add(resource, "extension", extension)


def _put_grades(cv: Conversion, resource: Resource, parts: list[Part]) -> None:
    said = answer(cv, parts, "seriousness")
    st.put(resource, "seriousness", said if says_something(said) else None)
    _put_closed(cv, resource, "severity", "adverse-severity", _SEVERITY, said)
    _put_closed(cv, resource, "outcome", "adverse-outcome", _OUTCOME, answer(cv, parts, "event-outcome"))


def _put_closed(
    cv: Conversion, resource: Resource, name: str, table: str, system: str, said: Concept | None
) -> None:
    found = meaning(table, said)
    if found is not None:
        resource[name] = with_code(said, system, found.code)
    elif name == "outcome" and says_something(said):
        cv.issue("warning", "code", "The outcome has no code of R4; its words alone are kept.")
        resource["outcome"] = with_code(said, system, "unknown")


def _put_suspects(
    cv: Conversion,
    resource: Resource,
    reference: Reference,
    statement: Element,
    place: Place,
    parts: list[Part],
) -> None:
    causality = answer(cv, parts, "causality")
    for part in parts:
        if part.is_part or part.statement in cv.made_from or cv.is_used(part.statement):
            continue
        inside = place.within(statement, reference, part.relation, part.inverted, part.negated)
        for made in engine.convert_statement(cv, part.statement, inside):
            kind = cv.resource(made)["resourceType"]
            if kind in _SUSPECTS and name_of(part.statement) in _PRODUCTS:
                suspect: dict[str, Any] = {"instance": made}
                st.put(suspect, "causality", [{"assessment": causality}] if causality else None)
                st.add(resource, "suspectEntity", suspect)
            elif kind == "Condition":
                st.add(resource, "resultingCondition", made)
    if causality and "suspectEntity" not in resource:
        cv.issue("warning", "structure", "A causality is said of no suspect.", statement)


MAPPERS: Mapping[str, Mapper] = {"adverse-event": adverse_event}
