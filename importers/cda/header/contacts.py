"""Whom to call: guardians, next of kin, emergency contacts, as contacts of the Patient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes import addresses, codeable_concept, contact_points, human_names, period
from importers.cda.extensions import ADDRESS, FURTHER_NAME, own
from importers.cda.people import ROLE_CLASS, organization, party
from importers.cda.xml import attr, child, children

Json = dict[str, Any]

_INFORMANTS = frozenset({"ECON", "NOK", "CON", "CAREGIVER", "GUARD"})
_PARTICIPANTS = _INFORMANTS | {"PRS"}
_PERSONS = ("relatedPerson", "associatedPerson", "guardianPerson")
_ORGANIZATIONS = ("scopingOrganization", "guardianOrganization")


def contacts(cv: Conversion, person: Element | None) -> list[Json]:
    """Return the contacts that a document names; the `participant` and `informant` of each is taken."""
    guardians = () if person is None else children(person, "guardian")
    found = [_contact(cv, each, "GUARD") for each in guardians]
    for holder, role in _holders(cv):
        contact = _contact(cv, role, "")
        if contact:
            cv.take(holder)
            time = child(holder, "time")
            span = None if time is None else period(cv, time)
            function = codeable_concept(cv, child(holder, "functionCode"))
            if function:
                contact.setdefault("relationship", []).append(function)
            found.append({**contact, "period": span} if span else contact)
    return [each for each in found if each]


def _holders(cv: Conversion) -> Iterator[tuple[Element, Element]]:
    root = cv.source.root
    for name, part, classes in (
        ("informant", "relatedEntity", _INFORMANTS),
        ("participant", "associatedEntity", _PARTICIPANTS),
    ):
        for holder in children(root, name):
            role = child(holder, part)
            if role is not None and attr(role, "classCode") in classes:
                yield holder, role


def _contact(cv: Conversion, role: Element, default: str) -> Json | None:
    contact: Json = {}
    kinds = _relationship(cv, role, default)
    person = next((each for each in (child(role, name) for name in _PERSONS) if each is not None), None)
    named = None if person is None else child(person, "name")
    names = [] if named is None else human_names(cv, named)
    if names:
        contact["name"] = names[0]
    further = [own(cv.base, FURTHER_NAME, "HumanName", each) for each in names[1:]]
    telecom = contact_points(cv, role)
    if telecom:
        contact["telecom"] = telecom
    places = addresses(cv, role)
    if places:
        contact["address"] = places[0]
    further += [own(cv.base, ADDRESS, "Address", each) for each in places[1:]]
    work = next((each for each in (child(role, name) for name in _ORGANIZATIONS) if each is not None), None)
    employer = None if work is None else organization(cv, work)
    if employer:
        contact["organization"] = employer
    if not contact:
        return None
    said = {"extension": further} if further else {}
    return {**said, "relationship": kinds, **contact} if kinds else {**said, **contact}


def _relationship(cv: Conversion, role: Element, default: str) -> list[Json]:
    kinds: list[Json] = []
    kind = attr(role, "classCode") or default
    if kind:
        cv.take(role, "classCode")
        kinds.append({"coding": [{"system": ROLE_CLASS, "code": kind}]})
    code = child(role, "code")
    concept = None if code is None else codeable_concept(cv, code)
    if concept:
        kinds.append(concept)
    return kinds


def general_practitioners(cv: Conversion) -> list[Json]:
    """Return the practitioners whom the document calls those of first resort of the person."""
    found = []
    for holder in children(cv.source.root, "participant"):
        if attr(child(holder, "functionCode"), "code") == "PCP":
            who = party(cv, holder)
            if who is not None and who not in found:
                found.append(who)
    return found
