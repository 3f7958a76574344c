"""Medicines taken and ordered: MedicationStatement, MedicationRequest and MedicationAdministration.

The mood tells them apart: a fact is a statement, an intent or an order is a request.
Spec: https://hl7.org/fhir/R4/medicationstatement.html, https://hl7.org/fhir/R4/medicationrequest.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda import datatypes, extensions
from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes.absence import ABSENT
from importers.cda.entries import statement as st
from importers.cda.entries.answers import flag, nested, take_frame
from importers.cda.entries.engine import Mapper
from importers.cda.entries.internal import internal_references
from importers.cda.entries.linking import put_reference
from importers.cda.entries.meanings import code_for, is_known_absence, says_something
from importers.cda.entries.medication_dosage import (
    amount_between,
    dosages,
    instructions,
    single_amount,
    times_of,
)
from importers.cda.entries.medication_product import put_medication
from importers.cda.entries.notes import notes
from importers.cda.entries.parts import Part, take_statement
from importers.cda.entries.place import Place
from importers.cda.entries.templates import mood_of, name_of, row_of
from importers.cda.xml import attr, child, children

_TAKEN: Mapping[str, str] = {
    "new": "intended",
    "active": "active",
    "completed": "completed",
    "aborted": "stopped",
    "suspended": "on-hold",
    "held": "on-hold",
    "cancelled": "not-taken",
    "nullified": "entered-in-error",
}
"""statusCode → MedicationStatement.status."""

ORDERED: Mapping[str, str] = {
    "new": "draft",
    "active": "active",
    "completed": "completed",
    "aborted": "stopped",
    "suspended": "on-hold",
    "held": "on-hold",
    "cancelled": "cancelled",
    "nullified": "entered-in-error",
}
"""statusCode → MedicationRequest.status."""

WRITTEN: Mapping[str, str] = {**ORDERED, "completed": "unknown"}
"""The same for an item of a prescription or a plan, where `completed` says that it was written, no more."""

_SAYS_OVER = frozenset({"2.16.840.1.113883.10.20.22.4.16"})
"""Templates whose `completed` says that it is taken no more; elsewhere it says that the entry was made.
Spec: http://hl7.org/cda/us/ccda/StructureDefinition/MedicationActivity"""

_TAKEN_NOW = frozenset({"10160-0", "10183-2"})
"""Codes of sections (LOINC) with what is taken when the document is written."""

_ADMINISTERED = "18610-6"
"""The code of a section (LOINC) with what was given."""

_GIVEN: Mapping[str, str] = {
    "active": "in-progress",
    "completed": "completed",
    "aborted": "stopped",
    "suspended": "on-hold",
    "held": "on-hold",
    "cancelled": "not-done",
    "nullified": "entered-in-error",
}
"""statusCode → MedicationAdministration.status."""

_INTENTS: Mapping[str, str] = {"PRP": "proposal", "RQO": "order", "PRMS": "order"}
_PRIORITIES: Mapping[str, str] = {
    "R": "routine", "UR": "urgent", "EM": "stat", "S": "stat", "A": "asap",
}  # fmt: skip
"""ActPriority → MedicationRequest.priority.  Spec: http://terminology.hl7.org/CodeSystem/v3-ActPriority"""

_SUBSTITUTION = "SUBST"
_COUNTS_FILLS = frozenset({"2.16.840.1.113883.10.20.22.4.17", "2.16.840.1.113883.10.20.22.4.43"})
"""Templates of supplies whose repeatNumber says how often may be supplied in all, not again.
Spec: http://hl7.org/cda/us/ccda/StructureDefinition/MedicationSupplyOrder"""

_COUNTS_DOSES = frozenset({"2.16.840.1.113883.10.20.22.4.16", "2.16.840.1.113883.10.20.22.4.42"})
"""Templates of administrations whose repeatNumber says how often it may be given.
Spec: http://hl7.org/cda/us/ccda/StructureDefinition/MedicationActivity"""

_SOURCES = st.PEOPLE | {"Organization"}
REQUESTERS = st.PEOPLE | {"Organization", "Device"}
ACTORS = st.PEOPLE | {"Device"}
_FLAGS: Mapping[str, str] = {"off-label": extensions.OFF_LABEL, "not-covered": extensions.NOT_COVERED}


def medication_statement(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Return the MedicationStatement of a medicine that is, was or was not taken."""
    resource = st.start(cv, statement, "MedicationStatement", encounter="context")
    status = st.status(cv, statement, _TAKEN, "unknown")
    put_medication(cv, resource, statement, around_of(cv, place))
    whole, times = times_of(statement)
    when = st.when(cv, whole)
    if status == "completed":
        status = _over_or_not(cv, resource, statement, place, when)
    resource["status"] = st.unless_error(status, "not-taken") if st.is_negated(cv, statement) else status
    if when is not None:
        resource[f"effective{when[0]}"] = when[1]
    else:
        st.put(resource, "effectivePeriod", datatypes.absent(cv, whole))
    st.put(resource, "dateAsserted", st.authored(cv, statement))
    sources = [*st.informants(cv, statement), *st.authors(cv, statement, place)]
    limited = (st.limited(cv, source, _SOURCES) for source in sources)
    st.put(resource, "informationSource", next((found for found in limited if found), None))
    st.put(resource, "dosage", dosages(cv, statement, times, product_words(cv, resource)))
    return _finished(cv, resource, statement, "reasonReference")


def _over_or_not(
    cv: Conversion, resource: Resource, statement: Element, place: Place, when: st.When | None
) -> str:
    """Return the status of what is `completed`: by its end, or by its section where it has none.

    Most templates fix that code for whatever was recorded, also for what is still taken.
    """
    row = row_of(statement)
    if row is not None and row.template in _SAYS_OVER:
        return "completed"
    if is_known_absence(product_concept(cv, resource)):
        return "unknown"
    start, end = (when[1], when[1]) if when and isinstance(when[1], str) else _bounds(when)
    if end is not None:
        return "active" if _is_after_document(cv, end) else "completed"
    if place.parent is None and start is not None and place.section_code in _TAKEN_NOW:
        return "active"
    return "completed" if place.section_code == _ADMINISTERED else "unknown"


def _bounds(when: st.When | None) -> tuple[str | None, str | None]:
    period = when[1] if when is not None and isinstance(when[1], dict) else {}
    return period.get("start"), period.get("end")


def _is_after_document(cv: Conversion, end: str) -> bool:
    """Return whether a day comes after that on which the document was written, as exactly as both say."""
    written = attr(child(cv.source.root, "effectiveTime"), "value") or ""
    day = end[:10].replace("-", "")
    known = min(len(day), len(written[:8]))
    return known > 0 and day[:known] > written[:known]


def medication_request(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Return the MedicationRequest of a prescribed medicine."""
    return _request(cv, statement, place, "order", WRITTEN)


def medication_plan(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Return the MedicationRequest of a medicine that is intended, proposed or ordered, as its mood says."""
    return _request(cv, statement, place, _INTENTS.get(mood_of(statement), "plan"), WRITTEN)


def medication_administration(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Return the MedicationAdministration of a medicine that was given."""
    resource = st.start(cv, statement, "MedicationAdministration", encounter="context")
    status = st.status(cv, statement, _GIVEN, "unknown")
    resource["status"] = st.unless_error(status, "not-done") if st.is_negated(cv, statement) else status
    put_medication(cv, resource, statement, around_of(cv, place))
    whole, _ = times_of(statement)
    when = st.when(cv, whole)
    if when is not None:
        resource[f"effective{when[0]}"] = when[1]
    else:
        resource["effectivePeriod"] = st.reasons(cv, whole)
    for who in st.performers(cv, statement):
        actor = st.limited(cv, who, ACTORS)
        st.add(resource, "performer", {"actor": actor} if actor else None)
    st.put(resource, "dosage", _given_dosage(cv, statement))
    for node in children(statement, "precondition"):
        st.add(resource, "supportingInformation", _criterion(cv, node))
    return _finished(cv, resource, statement, "reasonReference")


def product_words(cv: Conversion, resource: Resource) -> str | None:
    """Return the text of the product that a resource is about."""
    words = product_concept(cv, resource).get("text")
    return None if words is None else str(words)


def product_concept(cv: Conversion, resource: Resource) -> Mapping[str, Any]:
    """Return the code of the product that a resource is about, empty where it has none."""
    concept: Mapping[str, Any] | None = resource.get("medicationCodeableConcept")
    if concept is None:
        concept = cv.resource(resource["medicationReference"]).get("code", {})
    return concept or {}


def around_of(cv: Conversion, place: Place) -> Resource | None:
    """Return the resource of the statement around, whose product one inside may leave unsaid."""
    return None if place.parent is None else cv.resource(place.parent)


def _request(
    cv: Conversion, statement: Element, place: Place, intent: str, table: Mapping[str, str]
) -> list[Reference]:
    resource = st.start(cv, statement, "MedicationRequest", encounter="encounter")
    resource["status"] = st.status(cv, statement, table, "unknown")
    resource["intent"] = intent
    if st.is_negated(cv, statement):
        resource["doNotPerform"] = True
    put_medication(cv, resource, statement, around_of(cv, place))
    priority = child(statement, "priorityCode")
    st.put(resource, "priority", _PRIORITIES.get(attr(priority, "code") or ""))
    if priority is not None and "priority" in resource:
        cv.take(priority)
    put_requester(cv, resource, statement, place)
    st.put(
        resource,
        "dosageInstruction",
        dosages(cv, statement, children(statement, "effectiveTime"), product_words(cv, resource)),
    )
    _put_dispense_request(cv, resource, statement)
    put_substitution(cv, resource, statement, "allowedCodeableConcept")
    return _finished(cv, resource, statement, "reasonReference")


def put_requester(cv: Conversion, resource: Resource, statement: Element, place: Place) -> None:
    """Set who ordered and when: at the time of the document where its author did."""
    st.put(resource, "authoredOn", st.authored(cv, statement) or st.written(cv, statement, place))
    authors = (st.limited(cv, author, REQUESTERS) for author in st.authors(cv, statement, place))
    st.put(resource, "requester", next((found for found in authors if found), None))


def put_repeats(cv: Conversion, request: dict[str, Any], statement: Element) -> None:
    """Set how often the dispense may be repeated; the high bound where there is an interval.

    Where the template counts all fills, the first of them is no repeat; where it counts administrations, it
    says nothing of dispenses.
    """
    row = row_of(statement)
    if row is not None and row.template in _COUNTS_DOSES:
        return
    node = child(statement, "repeatNumber")
    bound = None if node is None else child(node, "high")
    number = datatypes.integer(cv, node if bound is None else bound)
    if number is not None and row is not None and row.template in _COUNTS_FILLS:
        number -= 1
    if number is not None and number >= 0:
        request["numberOfRepeatsAllowed"] = number


def put_substitution(cv: Conversion, resource: Resource, statement: Element, name: str) -> None:
    """Set whether another product may be dispensed: the code of an act, or the value of an observation."""
    for part in nested(cv, statement):
        code = _permission(cv, part)
        if code is not None:
            resource["substitution"] = {name: code}
            take_frame(cv, part.statement)


def _permission(cv: Conversion, part: Part) -> dict[str, Any] | None:
    if part.kind == "substitution":
        return st.code(cv, part.statement)
    node = child(part.statement, "value")
    if part.row is not None or node is None or attr(child(part.statement, "code"), "code") != _SUBSTITUTION:
        return None
    return datatypes.codeable_concept(cv, node)


def _put_dispense_request(cv: Conversion, resource: Resource, statement: Element) -> None:
    request: dict[str, Any] = {}
    put_repeats(cv, request, statement)
    for part in nested(cv, statement):
        quantity = child(part.statement, "quantity")
        if not _is_amount(part) or quantity is None or "quantity" in request:
            continue
        st.put(request, "quantity", datatypes.quantity(cv, quantity))
        take_frame(cv, part.statement)
        for node in children(part.statement, "independentInd"):
            cv.take(node)
    st.put(resource, "dispenseRequest", request)


def _is_amount(part: Part) -> bool:
    """Return whether a part says how much to dispense, also where its template is not named."""
    node = part.statement
    unnamed = part.row is None and name_of(node) == "supply" and mood_of(node) == "RQO"
    return part.kind == "product-quantity" or (unnamed and child(node, "product") is None)


def _given_dosage(cv: Conversion, statement: Element) -> dict[str, Any]:
    """Return the dosage of an administration: one amount, no timing; an interval stands in an extension.

    R4 asks for an amount or a rate (mad-1): without either, the dose says why there is none.
    """
    dosage: dict[str, Any] = {}
    st.put(dosage, "text", st.text_of(cv, statement))
    for name, element in (("site", "approachSiteCode"), ("route", "routeCode"), ("method", "methodCode")):
        node = child(statement, element)
        st.put(dosage, name, None if node is None else datatypes.codeable_concept(cv, node))
    for name, element in (("dose", "doseQuantity"), ("rateQuantity", "rateQuantity")):
        node = child(statement, element)
        st.put(dosage, name, single_amount(cv, node))
        url = extensions.DOSE_RANGE if name == "dose" else extensions.RATE_RANGE
        st.add(dosage, "extension", None if name in dosage else amount_between(cv, node, url))
    if dosage and dosage.keys().isdisjoint(("dose", "rateQuantity")):
        bounds = [{"url": ABSENT, "valueCode": "unsupported"}] if "extension" in dosage else None
        said = {"extension": bounds} if bounds else st.reasons(cv, child(statement, "doseQuantity"))
        dosage["dose"] = said
    return dosage


def _criterion(cv: Conversion, precondition: Element) -> Reference | None:
    """Return the Observation of a criterion that was looked at before something was given."""
    criterion = child(precondition, "criterion")
    code = None if criterion is None else st.code(cv, criterion)
    found = None if criterion is None else datatypes.value(cv, child(criterion, "value"))
    if criterion is None or not says_something(code) or found is None or found[0] not in _CRITERIA:
        return None
    cv.take(precondition, "typeCode")
    cv.take(criterion, "classCode", "moodCode")
    resource = {"resourceType": "Observation", "status": "final", "code": code, "subject": cv.subject}
    resource[f"value{found[0]}"] = found[1]
    return cv.add(resource, criterion)


_CRITERIA = frozenset({"Boolean", "CodeableConcept", "Integer", "Quantity", "String"})


def _finished(cv: Conversion, resource: Resource, statement: Element, reason: str) -> list[Reference]:
    """Add what all of them have: kind, notes, flags, instructions, reasons; keep the resource."""
    kind = st.code(cv, statement)
    if says_something(kind) and code_for("says-nothing", kind) is None and not is_known_absence(kind):
        extension = extensions.own(cv.base, extensions.STATEMENT_CODE, "CodeableConcept", kind)
        st.add(resource, "extension", extension)
    text = st.text_of(cv, statement)
    for note in notes(cv, statement, own=False):
        if note["text"] != text or len(note) > 1:
            st.add(resource, "note", note)
    _put_flags(cv, resource, nested(cv, statement))
    put_dispenser_instruction(cv, resource, statement)
    if resource["resourceType"] == "MedicationAdministration":
        said = instructions(cv, statement, "patient-instruction")
        st.add(resource, "note", {"text": said} if said else None)
    reference = cv.add(resource, statement)

    def refer(target: Reference, part: Part) -> None:
        _refer(cv, resource, target, part, reason)

    internal_references(cv, statement, refer)
    return [reference]


def put_dispenser_instruction(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Keep what whoever dispenses is asked to mind."""
    said = instructions(cv, statement, "pharmacist-instruction")
    if said:
        extension = extensions.own(cv.base, extensions.DISPENSER_INSTRUCTION, "String", said)
        st.add(resource, "extension", extension)


def _put_flags(cv: Conversion, resource: Resource, parts: list[Part]) -> None:
    for part in parts:
        name = _FLAGS.get(part.kind)
        said = None if name is None else flag(cv, part.statement)
        if name is not None and said is not None:
            take_statement(cv, part.statement)
            said = said is not part.is_denied
            st.add(resource, "extension", extensions.own(cv.base, name, "Boolean", said))


_REASONS = frozenset({"Condition", "Observation"})


def _refer(cv: Conversion, resource: Resource, target: Reference, part: Part, reason: str) -> None:
    """Point at another entry: as the reason where R4 allows its type, else as what supports it."""
    kind = cv.resource(target)["resourceType"]
    if kind in _REASONS and part.relation in ("RSON", "REFR", "SUBJ"):
        put_reference(resource, reason, target)
    elif resource["resourceType"] == "MedicationStatement":
        put_reference(resource, "derivedFrom", target)
    else:
        put_reference(resource, "supportingInformation", target)


MAPPERS: Mapping[str, Mapper] = {
    "medication-statement": medication_statement,
    "medication-request": medication_request,
    "medication-plan": medication_plan,
    "medication-administration": medication_administration,
}
