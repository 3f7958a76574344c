"""Vaccinations given or refused.

Spec: https://hl7.org/fhir/R4/immunization.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda import datatypes, extensions, people, text
from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.entries import statement as st
from importers.cda.entries.answers import nested, take_frame
from importers.cda.entries.engine import Mapper
from importers.cda.entries.internal import internal_references
from importers.cda.entries.linking import put_reference
from importers.cda.entries.meanings import code_for, is_known_absence, says_something
from importers.cda.entries.medication import put_dispenser_instruction
from importers.cda.entries.medication_dosage import amount_between, instructions, single_amount
from importers.cda.entries.medication_product import product_code, take_product_frame
from importers.cda.entries.notes import notes, notes_beside
from importers.cda.entries.parts import Part
from importers.cda.entries.place import Place
from importers.cda.xml import attr, child, path

_FUNCTION = "http://terminology.hl7.org/CodeSystem/v2-0443"
_ACTORS = frozenset({"Practitioner", "PractitionerRole", "Organization"})
_REACTIONS = frozenset({"CAUS", "MFST"})
_DONE: Mapping[str, str] = {
    "completed": "completed",
    "active": "completed",
    "nullified": "entered-in-error",
    "cancelled": "not-done",
    "aborted": "not-done",
    "new": "not-done",
    "held": "not-done",
    "suspended": "not-done",
}
"""statusCode → Immunization.status, which knows only three: what waits has not been given."""


def immunization(cv: Conversion, statement: Element, _place: Place) -> list[Reference]:
    """Return the Immunization of a vaccination; a negated or cancelled one was not done."""
    resource = st.start(cv, statement, "Immunization", subject="patient", encounter="encounter")
    _put_vaccine(cv, resource, statement)
    status = st.status(cv, statement, _DONE, "completed")
    unheld = st.is_negated(cv, statement) or is_known_absence(resource["vaccineCode"])
    resource["status"] = st.unless_error(status, "not-done") if unheld else status
    _put_occurrence(cv, resource, statement)
    for name, element in (("site", "approachSiteCode"), ("route", "routeCode")):
        node = child(statement, element)
        st.put(resource, name, None if node is None else datatypes.codeable_concept(cv, node))
    dose = child(statement, "doseQuantity")
    st.put(resource, "doseQuantity", single_amount(cv, dose))
    if "doseQuantity" not in resource:
        st.add(resource, "extension", amount_between(cv, dose, extensions.DOSE_RANGE))
    _put_people(cv, resource, statement)
    parts = nested(cv, statement)
    _put_protocol(cv, resource, statement, parts)
    _put_antigens(cv, resource, parts)
    for note in notes_beside(cv, statement, None, resource["vaccineCode"], st.code(cv, statement)):
        st.add(resource, "note", note)
    said = instructions(cv, statement, "patient-instruction")
    st.add(resource, "note", {"text": said} if said else None)
    put_dispenser_instruction(cv, resource, statement)
    for part in parts:
        if part.kind == "problem" and part.relation in _REACTIONS and not st.says_no(part.statement):
            st.add(resource, "reaction", _reaction(cv, part))
        elif part.kind == "refusal-reason":
            st.put(resource, "statusReason", st.code(cv, part.statement))
            take_frame(cv, part.statement)
    reference = cv.add(resource, statement)
    internal_references(cv, statement, lambda target, _: _refer(cv, resource, target))
    return [reference]


def _put_vaccine(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Set the vaccine, its lot, expiry and maker: what the product says, nothing beside it."""
    kind = st.code(cv, statement)
    holder = path(statement, "consumable/manufacturedProduct")
    material = None if holder is None else child(holder, "manufacturedMaterial")
    concept = None if material is None else product_code(cv, material)
    if not says_something(concept):
        words = st.text_of(cv, statement)
        concept = (
            kind if is_known_absence(kind) else {**(concept or {}), **({"text": words} if words else {})}
        )
    resource["vaccineCode"] = concept or st.reasons(cv, None if material is None else child(material, "code"))
    if kind != concept and says_something(kind) and code_for("says-nothing", kind) is None:
        extension = extensions.own(cv.base, extensions.STATEMENT_CODE, "CodeableConcept", kind)
        st.add(resource, "extension", extension)
    if holder is None or material is None:
        return
    lot = child(material, "lotNumberText")
    st.put(resource, "lotNumber", text.said(cv, lot))
    st.put(resource, "_lotNumber", None if lot is None else datatypes.masked(cv, lot))
    for name in ("expirationTime", "pharm:expirationTime"):
        node = child(material, name)
        st.put(resource, "expirationDate", None if node is None else datatypes.date(cv, node))
    maker = child(holder, "manufacturerOrganization")
    st.put(resource, "manufacturer", None if maker is None else people.organization(cv, maker))
    take_product_frame(cv, material)


def _put_occurrence(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Set when it was: at the precision given.  R4 has no period here: its start, and that is reported.

    R4 demands an occurrence; where there is none the word `unknown` stands, with the reason beside it.
    """
    node = child(statement, "effectiveTime")
    when = st.when(cv, node)
    if when is not None and when[0] == "DateTime":
        resource["occurrenceDateTime"] = when[1]
        return
    period = {} if when is None or not isinstance(when[1], dict) else when[1]
    moment = period.get("start") or period.get("end")
    if moment is None:
        why = {"extension": period["extension"]} if "extension" in period else _why(cv, node, period)
        resource["occurrenceString"] = "unknown"
        resource["_occurrenceString"] = why
        return
    resource["occurrenceDateTime"] = moment
    if period.get("end", moment) != moment:
        cv.issue("warning", "date", "R4 has no period for a vaccination: its start was taken.", node)


def _why(cv: Conversion, node: Element | None, period: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("_start", "_end"):
        if name in period:
            return dict(period[name])
    return st.reasons(cv, node)


def _put_people(cv: Conversion, resource: Resource, statement: Element) -> None:
    st.put(resource, "recorded", st.authored(cv, statement))
    for who in st.performers(cv, statement):
        actor = st.limited(cv, who, _ACTORS)
        function = {"coding": [{"system": _FUNCTION, "code": "AP"}]}
        st.add(resource, "performer", {"function": function, "actor": actor} if actor else None)
    for who in st.informants(cv, statement):
        extension = extensions.own(cv.base, extensions.INFORMANT, "Reference", who)
        st.add(resource, "extension", extension)
    st.own_authors(cv, statement)


def _put_protocol(cv: Conversion, resource: Resource, statement: Element, parts: list[Part]) -> None:
    """Set the rank of the dose with its series and target; without a rank a target is the reason."""
    protocol: dict[str, Any] = {}
    for part in parts:
        if part.kind == "dose-number":
            _put_dose_number(cv, protocol, part.statement)
    number = datatypes.integer(cv, child(statement, "repeatNumber"))
    if number is not None and number > 0 and not protocol:
        protocol["doseNumberPositiveInt"] = number
    for part in parts:
        if part.kind != "problem" or part.relation != "RSON" or st.says_no(part.statement):
            continue
        node = child(part.statement, "value")
        target = None if node is None else datatypes.codeable_concept(cv, node)
        if says_something(target):
            st.add(protocol if protocol else resource, "targetDisease" if protocol else "reasonCode", target)
            take_frame(cv, part.statement)
    series = attr(child(statement, "code"), "displayName")
    if protocol and series and not is_known_absence(resource["vaccineCode"]):
        protocol["series"] = " ".join(series.split())
    st.put(resource, "protocolApplied", [protocol] if protocol else None)


def _put_dose_number(cv: Conversion, protocol: dict[str, Any], observation: Element) -> None:
    found = datatypes.value(cv, child(observation, "value"))
    if found is None:
        return
    number = found[1]
    if found[0] == "Integer" and number > 0:
        protocol["doseNumberPositiveInt"] = number
    elif found[0] in ("Integer", "String"):
        protocol["doseNumberString"] = str(number)
    else:
        return
    take_frame(cv, observation)


def _put_antigens(cv: Conversion, resource: Resource, parts: list[Part]) -> None:
    for part in parts:
        if part.kind != "antigen-dose":
            continue
        material = path(part.statement, "consumable/manufacturedProduct/manufacturedMaterial")
        concept = None if material is None else product_code(cv, material)
        dose = datatypes.quantity(cv, child(part.statement, "doseQuantity"))
        if not says_something(concept):
            continue
        said: dict[str, extensions.Value | None] = {
            "code": ("CodeableConcept", concept),
            "quantity": ("Quantity", dose) if dose else None,
        }
        st.add(resource, "extension", extensions.own_parts(cv.base, extensions.ANTIGEN_DOSE, **said))
        take_frame(cv, part.statement)


def _reaction(cv: Conversion, part: Part) -> dict[str, Any]:
    """Return a reaction with the Observation that R4 wants for its detail."""
    observation = part.statement
    resource = st.start(cv, observation, "Observation", encounter="encounter")
    resource["status"] = "final"
    resource["code"] = st.code_or_absent(cv, observation)
    node = child(observation, "value")
    value = None if node is None else datatypes.codeable_concept(cv, node)
    words = st.text_of(cv, observation)
    if words and "text" not in (value or {}):
        value = {**(value or {}), "text": words}
    st.put(resource, "valueCodeableConcept", value)
    when = st.when(cv, child(observation, "effectiveTime"))
    reaction: dict[str, Any] = {}
    if when is not None:
        resource[f"effective{when[0]}"] = when[1]
        date = when[1] if isinstance(when[1], str) else when[1].get("start")
        st.put(reaction, "date", date)
    for note in notes(cv, observation, own=False):
        st.add(resource, "note", note)
    take_frame(cv, observation)
    reaction["detail"] = cv.made_from[observation] = cv.add(resource, observation)
    return reaction


def _refer(cv: Conversion, resource: Resource, target: Reference) -> None:
    if cv.resource(target)["resourceType"] in ("Condition", "Observation", "DiagnosticReport"):
        put_reference(resource, "reasonReference", target)


MAPPERS: Mapping[str, Mapper] = {"immunization": immunization}
