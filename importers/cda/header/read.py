"""The header as a whole, in the order in which its parts need one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.datatypes import codeable_concept, date_time, identifier, instant
from importers.cda.document_kinds import status_of
from importers.cda.header.encounter import encounter
from importers.cda.header.events import Event, consents, events, orders
from importers.cda.header.participants import Participants, read_participants
from importers.cda.header.patient import patient
from importers.cda.header.relations import Relation, relations
from importers.cda.people import organization
from importers.cda.text import text_of
from importers.cda.xml import child

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Header:
    """What the resources for the document as a whole are made of.

    `security` are the labels of all that is made, `confidentiality` is how the document words them.
    `time` is a FHIR dateTime and may be partial; `instant` is complete, or None.  `type` always has a text.
    """

    identifier: Json | None
    set_identifier: Json | None
    version: str | None
    status: str
    type: Json
    title: str
    time: str | None
    instant: str | None
    language: str | None
    security: tuple[Json, ...]
    confidentiality: Json | None
    participants: Participants
    custodian: Reference | None
    events: tuple[Event, ...]
    orders: tuple[Json, ...]
    relations: tuple[Relation, ...]
    facility: Json | None
    consents: tuple[Reference, ...]


def read_header(cv: Conversion) -> Header:
    """Convert the header: sets the subject, the authors and the encounter of the conversion."""
    root = cv.source.root
    cv.subject = patient(cv)
    facility = encounter(cv)
    participants = read_participants(cv)
    cv.authors = [each.who for each in participants.authors]
    time = child(root, "effectiveTime")
    concept = _type(cv, root)
    documented = events(cv)
    confidentiality = codeable_concept(cv, child(root, "confidentialityCode"))
    return Header(
        identifier=_identifier(cv, child(root, "id")),
        set_identifier=_identifier(cv, child(root, "setId")),
        version=_value(cv, root, "versionNumber"),
        status=_status(cv, documented),
        type=concept,
        title=_title(cv, root) or concept["text"],
        time=None if time is None else date_time(cv, time),
        instant=None if time is None else instant(cv, time),
        language=_language(cv, root),
        security=tuple((confidentiality or {}).get("coding", ())[:1]),
        confidentiality=confidentiality,
        participants=participants,
        custodian=_custodian(cv, root),
        events=documented,
        orders=orders(cv),
        relations=relations(cv),
        facility=facility,
        consents=consents(cv),
    )


def _identifier(cv: Conversion, node: Element | None) -> Json | None:
    return None if node is None else identifier(cv, node)


def _status(cv: Conversion, documented: tuple[Event, ...]) -> str:
    """Return the status of the document: preliminary while a service that it documents is not complete."""
    said = [event.status for event in documented if event.status]
    if any(each != "completed" for each in said):
        return "preliminary"
    return (None if said else status_of(cv)) or "final"


def _type(cv: Conversion, root: Element) -> Json:
    node = child(root, "code")
    concept = None if node is None else codeable_concept(cv, node)
    if not concept:
        cv.issue("warning", "structure", "The document does not say of what type it is.", root)
        return {"text": "CDA document"}
    shown = [each.get("display") or each.get("code") for each in concept.get("coding", ())]
    return concept if concept.get("text") else {**concept, "text": next(filter(None, shown), "CDA document")}


def _title(cv: Conversion, root: Element) -> str:
    node = child(root, "title")
    if node is None:
        return ""
    cv.take(node, "text()")
    return text_of(node)


def _language(cv: Conversion, root: Element) -> str | None:
    return _value(cv, root, "languageCode", "code")


def _value(cv: Conversion, root: Element, name: str, attribute: str = "value") -> str | None:
    node = child(root, name)
    text = "" if node is None else (node.get(attribute) or "").strip()
    if node is None or not text:
        return None
    cv.take(node, attribute)
    return text


def _custodian(cv: Conversion, root: Element) -> Reference | None:
    node = child(root, "custodian")
    assigned = None if node is None else child(node, "assignedCustodian")
    kept = None if assigned is None else child(assigned, "representedCustodianOrganization")
    return None if kept is None else organization(cv, kept)
