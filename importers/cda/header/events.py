"""What the document is about: the services it documents, the orders it fulfils, the consents it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import codeable_concept, identifier, identifiers, period
from importers.cda.datatypes.absence import ABSENT
from importers.cda.header.participants import participation
from importers.cda.xml import child, children

Json = dict[str, Any]

_CONSENT_STATUS = {"completed": "active", "active": "active", "aborted": "inactive", "obsolete": "inactive"}


@dataclass(frozen=True, slots=True)
class Event:
    """A service that the document documents.

    `performers` are extensions of ours; `setting` is the trade of the performer's organization.
    """

    code: Json | None
    period: Json | None
    identifiers: tuple[Json, ...]
    performers: tuple[Json, ...]
    setting: Json | None
    status: str | None


def events(cv: Conversion) -> tuple[Event, ...]:
    """Return the services that the document documents, the principal one (with a performer) first."""
    services = (child(node, "serviceEvent") for node in children(cv.source.root, "documentationOf"))
    found = [_event(cv, each) for each in services if each is not None]
    return tuple(sorted(found, key=lambda event: not (event.performers and event.period)))


def orders(cv: Conversion) -> tuple[Json, ...]:
    """Return logical references to the orders that the document fulfils, with what each asks for."""
    return tuple(_orders(cv))


def consents(cv: Conversion) -> tuple[Reference, ...]:
    """Make the consents that the header names, and return references to them."""
    nodes = (child(node, "consent") for node in children(cv.source.root, "authorization"))
    return tuple(_consent(cv, node) for node in nodes if node is not None)


def _event(cv: Conversion, node: Element) -> Event:
    code, time, status = child(node, "code"), child(node, "effectiveTime"), child(node, "lab:statusCode")
    if status is not None:
        cv.take(status, "code")
    performers = [participation(cv, each, "PRF") for each in children(node, "performer")]
    identifiers = [identifier(cv, each) for each in children(node, "id")]
    return Event(
        code=None if code is None else codeable_concept(cv, code),
        period=None if time is None else period(cv, time),
        identifiers=tuple(each for each in identifiers if each),
        performers=tuple(each for each in performers if each),
        setting=_setting(cv, node),
        status=None if status is None else status.get("code"),
    )


def _setting(cv: Conversion, node: Element) -> Json | None:
    for performer in children(node, "performer"):
        entity = child(performer, "assignedEntity")
        place = None if entity is None else child(entity, "representedOrganization")
        code = None if place is None else child(place, "standardIndustryClassCode")
        concept = None if code is None else codeable_concept(cv, code)
        if concept:
            return concept
    return None


def _orders(cv: Conversion) -> Iterator[Json]:
    for node in children(cv.source.root, "inFulfillmentOf"):
        order = child(node, "order")
        if order is not None:
            said = codeable_concept(cv, child(order, "code")) or {}
            shown = [each.get("display") for each in said.get("coding", ())]
            words = said.get("text") or next(filter(None, shown), None)
            for each in children(order, "id", "ps3:accessionNumber"):
                known = identifier(cv, each)
                if known:
                    reference: Json = {"type": "ServiceRequest", "identifier": known}
                    yield {**reference, "display": words} if words else reference


def _consent(cv: Conversion, node: Element) -> Reference:
    status, code = child(node, "statusCode"), child(node, "code")
    said = "" if status is None else status.get("code", "")
    if status is not None:
        cv.take(status, "code")
    concept = None if code is None else codeable_concept(cv, code)
    known = identifiers(cv, node)
    unknown: Json = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    resource: Resource = {"resourceType": "Consent"}
    if known:
        resource["identifier"] = known
    resource |= {
        "status": _CONSENT_STATUS.get(said, "active"),
        "scope": unknown,
        "category": [concept or unknown],
        "patient": cv.subject,
        "policyRule": unknown,
    }
    return cv.add(resource, node)
