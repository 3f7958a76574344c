"""Whose document it is: found by identifiers alone, and never another person than the request is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fhir_server.interactions.context import Context
from fhir_server.interactions.importing.delivery import Delivery
from fhir_server.interactions.lookup import bind, find
from fhir_server.interactions.read import not_found
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError, Issue, refuse
from fhir_server.model.reference import ReferenceKind, is_id, parse_reference
from fhir_server.search.escape import escape

PATIENT = "Patient"

OTHER = (
    "The document is not known to be about the person of the request: none of the identifiers in it is one "
    "that the server knows of this person."
)
APART = (
    "The identifiers in the document lead to two Patients: what identifies the person is that of one, and "
    "another identifier beside it that of another. It is not guessed which one it is."
)
SEVERAL = "The identifiers in the document are those of several Patients: it is not guessed which one it is."


def criteria_of(identifiers: Iterable[tuple[str, str]]) -> str:
    """Return the criteria of what has one of these identifiers, (system, value)."""
    spelled = (f"{escape(system)}|{escape(value)}" for system, value in identifiers)
    return urlencode({"identifier": ",".join(spelled)})


@dataclass(frozen=True, slots=True)
class Person:
    """The Patient of a document: the one of this `id`, or else one under these criteria, or a new one."""

    id: str | None = None
    criteria: str | None = None


def person_of(context: Context, request: Request, delivery: Delivery) -> Person:
    """Return the document's Patient: where access is governed, the one person whom the request is about.

    Raises FhirError `other-person`, `multiple-matches`, `not-found`.
    """
    named = request.view.owner or _named(context, delivery)
    identifiers = delivery.identifiers
    if named is None:
        if not identifiers:
            return Person()
        criteria = criteria_of(identifiers)
        found = find(context, request, bind(context, request, PATIENT, criteria))
        if len(found) > 1:
            raise FhirError(Issue("multiple-matches", SEVERAL))
        if found:
            _refuse_apart(context, request, delivery, found[0])
        return Person(found[0].id if found else None, criteria)
    stored = context.records.read(PATIENT, named, request.view)
    if stored is None or stored.deleted:
        raise not_found()
    known = _pairs(exact_json.decode(stored.body).get("identifier", ()))
    if known.isdisjoint(identifiers):
        raise refuse("other-person", OTHER)
    return Person(named)


def _refuse_apart(context: Context, request: Request, delivery: Delivery, patient: Stored) -> None:
    """Raise FhirError where the document has an identifier that is not this Patient's, but another one's."""
    known = _pairs(exact_json.decode(patient.body).get("identifier", ()))
    others = [pair for pair in delivery.others if pair not in known]
    if others and find(context, request, bind(context, request, PATIENT, criteria_of(others))):
        raise FhirError(Issue("multiple-matches", APART))


def _named(context: Context, delivery: Delivery) -> str | None:
    """Return the id of the Patient that an open server is told."""
    if not delivery.patient:
        return None
    text = delivery.patient[0]
    if is_id(text):
        return text
    parsed = parse_reference(text, context.base_url)
    if len(delivery.patient) > 1 or parsed.kind is not ReferenceKind.RELATIVE or parsed.type != PATIENT:
        raise refuse("illegal-parameter-value", "`patient` is one reference to a Patient of this server.")
    return parsed.id


def _pairs(identifiers: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(str(one.get("system")), str(one.get("value"))) for one in identifiers}
