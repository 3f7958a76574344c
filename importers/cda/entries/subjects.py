"""Observations about somebody else than the person: a child at birth, a relative, a donor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import address, codeable_concept, contact_point, date, human_names, identifier
from importers.cda.entries import statement as st
from importers.cda.xml import child, children, local, once

_GENDERS: Mapping[str, str] = {"F": "female", "M": "male", "UN": "other"}
"""AdministrativeGender → gender.  Spec: http://hl7.org/fhir/R4/valueset-administrative-gender.html"""

_THE_PERSON = frozenset({"ONESELF", "SELF"})
"""Codes of a relation to oneself.  Spec: http://terminology.hl7.org/CodeSystem/v3-RoleCode"""

OF_THE_PERSON = frozenset({
    "advance-directive", "adverse-event", "allergy", "device-request", "device-use", "encounter", "goal",
    "immunization", "immunization-recommendation", "medication-administration", "medication-dispense",
    "medication-plan", "medication-request", "medication-statement", "problem", "procedure",
    "service-request", "supplied-prescription", "supply-order",
})  # fmt: skip
"""Mappers of what R4 can say of the person of the record only: the type has no `focus`."""


def put_focus(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Set `focus` where the statement, or one around it, or its section, names a subject of its own."""
    subject = _subject_of(statement)
    if subject is not None and not _is_the_person(subject):
        st.add(resource, "focus", related(cv, subject))


def is_of_another(statement: Element) -> bool:
    """Return whether a statement, one around it, or its section names a subject that is not the person."""
    subject = _subject_of(statement)
    if subject is None or child(subject, "relatedSubject") is None:
        return False
    return not _is_the_person(subject)


@once
def _subject_of(node: Element) -> Element | None:
    """Return the nearest `subject`: of a statement, or of what is around it up to the body."""
    subject = child(node, "subject")
    if subject is not None:
        return subject
    around = None if local(node) == "structuredBody" else node.getparent()
    return None if around is None else _subject_of(around)


def _is_the_person(subject: Element) -> bool:
    who = child(subject, "relatedSubject")
    code = None if who is None else child(who, "code")
    return (who is not None and who.get("classCode") == "PAT") or (
        code is not None and code.get("code") in _THE_PERSON
    )


def related(cv: Conversion, subject: Element) -> Reference | None:
    """Return the RelatedPerson of a `subject` participation; None where it says nothing of anybody.

    Mentions of somebody by name or number that say the same are one; of two who have neither nobody knows.
    """
    cv.take(subject, "typeCode", "contextControlCode")
    for template in children(subject, "templateId"):
        cv.take(template)
    who = child(subject, "relatedSubject")
    if who is None:
        return None
    cv.take(who, "classCode")
    person = _person(cv, who)
    if person is None:
        return None
    known = "name" in person or "identifier" in person
    key = msgspec.json.encode(person).decode() if known else cv.xpath(who)
    return cv.shared("RelatedPerson", key, who, lambda: person)


def gender_of(cv: Conversion, person: Element) -> str | None:
    """Return the gender of a person, None where none is said."""
    node = child(person, "administrativeGenderCode")
    if node is None:
        return None
    cv.take(node)
    return _GENDERS.get(node.get("code") or "", "unknown")


def _person(cv: Conversion, who: Element) -> Resource | None:
    resource: dict[str, Any] = {"resourceType": "RelatedPerson"}
    code = child(who, "code")
    concept = None if code is None else codeable_concept(cv, code)
    st.add(resource, "relationship", concept)
    person = child(who, "subject")
    if person is not None:
        for node in children(person, "sdtc:id"):
            st.add(resource, "identifier", identifier(cv, node))
        for node in children(person, "name"):
            for name in human_names(cv, node):
                st.add(resource, "name", name)
        st.put(resource, "gender", gender_of(cv, person))
        birth = child(person, "birthTime")
        st.put(resource, "birthDate", None if birth is None else date(cv, birth))
    for node in children(who, "addr"):
        st.add(resource, "address", address(cv, node))
    for node in children(who, "telecom"):
        st.add(resource, "telecom", contact_point(cv, node))
    if len(resource) == 1:
        return None
    return {**resource, "patient": cv.subject}
