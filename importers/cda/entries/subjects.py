"""Observations about somebody else than the person: a child at birth, a relative, a donor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import address, codeable_concept, contact_point, date, human_names, identifier
from importers.cda.entries import statement as st
from importers.cda.xml import child, children, local

_GENDERS: Mapping[str, str] = {"F": "female", "M": "male", "UN": "other"}
"""AdministrativeGender → gender.  Spec: http://hl7.org/fhir/R4/valueset-administrative-gender.html"""


def put_focus(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Set `focus` where the statement, or one around it, or its section, names a subject of its own."""
    for around in (statement, *statement.iterancestors()):
        subject = child(around, "subject")
        if subject is not None:
            st.add(resource, "focus", related(cv, subject))
            return
        if local(around) == "structuredBody":
            return


def related(cv: Conversion, subject: Element) -> Reference | None:
    """Return the RelatedPerson of a `subject` participation; None where it says nothing of anybody."""
    cv.take(subject, "typeCode", "contextControlCode")
    for template in children(subject, "templateId"):
        cv.take(template)
    who = child(subject, "relatedSubject")
    if who is None:
        return None
    cv.take(who, "classCode")
    return cv.shared("RelatedPerson", cv.xpath(who), who, lambda: _person(cv, who))


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
