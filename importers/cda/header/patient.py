"""The person whom the document is about."""

from __future__ import annotations

from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import (
    address,
    codeable_concept,
    contact_point,
    date,
    date_time,
    human_names,
    null_flavor,
    plain_name,
)
from importers.cda.header.contacts import contacts, general_practitioners
from importers.cda.header.identities import birthplace_code, categories, gender, identifiers, reliability
from importers.cda.people import organization
from importers.cda.text import text_of
from importers.cda.xml import attr, child, children, path
from importers.result import Unreadable

Json = dict[str, Any]

_CORE = "http://hl7.org/fhir/StructureDefinition"
_TIMED = 8
"""Digits of a birth time that are the day; more of them are a time."""


def patient(cv: Conversion) -> Reference:
    """Make the Patient.  Raises `Unreadable`, kind `patient`, unless the document is about one person."""
    targets = children(cv.source.root, "recordTarget")
    roles = [role for role in (child(each, "patientRole") for each in targets) if role is not None]
    if len(roles) != 1:
        raise Unreadable("patient", f"The document is about {len(roles)} persons; it must be about one.")
    role = roles[0]
    cv.subject = {"reference": cv.full_url("Patient", role)}
    person = child(role, "patient")
    resource: Resource = {"resourceType": "Patient"}
    extensions = reliability(role)
    if person is not None:
        extensions += [*categories(cv, person), *_extensions(cv, person)]
    _put(resource, "extension", extensions)
    _put(resource, "identifier", identifiers(cv, role))
    if person is not None:
        _put(resource, "name", [name for each in children(person, "name") for name in human_names(cv, each)])
    _put(resource, "telecom", [contact_point(cv, each) for each in children(role, "telecom")])
    if person is not None:
        _describe(cv, person, resource)
    _put(resource, "address", [address(cv, each) for each in children(role, "addr")])
    _surroundings(cv, role, person, resource)
    return cv.add(resource, role)


def _describe(cv: Conversion, person: Element, resource: Resource) -> None:
    _gender(cv, person, resource)
    _birth(cv, person, resource)
    _death(cv, person, resource)
    _multiple(cv, person, resource)
    status = codeable_concept(cv, child(person, "maritalStatusCode"))
    if status:
        resource["maritalStatus"] = status


def _gender(cv: Conversion, person: Element, resource: Resource) -> None:
    node = child(person, "administrativeGenderCode")
    if node is None:
        return
    code = attr(node, "code")
    if code is None and null_flavor(node) is None:
        return
    known = gender(cv, code)
    if code is not None and known is None:
        cv.issue("warning", "code", "The administrative gender is none that is known.", node)
    cv.take(node)
    for each in node.iter("{*}translation"):
        cv.take(each)
    resource["gender"] = known or "unknown"


def _birth(cv: Conversion, person: Element, resource: Resource) -> None:
    node = child(person, "birthTime")
    day = None if node is None else date(cv, node)
    if node is None or not day:
        return
    resource["birthDate"] = day
    if len((attr(node, "value") or "").split("+")[0].split("-")[0]) > _TIMED:
        time = date_time(cv, node)
        if time and "T" in time:
            said = {"url": f"{_CORE}/patient-birthTime", "valueDateTime": time}
            resource["_birthDate"] = {"extension": [said]}


def _death(cv: Conversion, person: Element, resource: Resource) -> None:
    time, flag = child(person, "sdtc:deceasedTime"), child(person, "sdtc:deceasedInd")
    when = None if time is None else date_time(cv, time)
    said = _boolean(cv, flag)
    if when:
        resource["deceasedDateTime"] = when
        if said is False:
            cv.issue("warning", "structure", "A time of death is given for a person said to be alive.", flag)
    elif said is not None:
        resource["deceasedBoolean"] = said


def _multiple(cv: Conversion, person: Element, resource: Resource) -> None:
    order, flag = child(person, "sdtc:multipleBirthOrderNumber"), child(person, "sdtc:multipleBirthInd")
    said, number = _boolean(cv, flag), attr(order, "value")
    if order is not None and number is not None and number.isdecimal():
        cv.take(order, "value")
        resource["multipleBirthInteger"] = int(number)
    elif said is not None:
        resource["multipleBirthBoolean"] = said


def _boolean(cv: Conversion, node: Element | None) -> bool | None:
    said = {"true": True, "1": True, "false": False, "0": False}.get(attr(node, "value") or "")
    if node is not None and said is not None:
        cv.take(node, "value")
    return said


def _extensions(cv: Conversion, person: Element) -> list[Json]:
    found = []
    place = path(person, "birthplace/place")
    born = None if place is None else _birthplace(cv, place)
    if born:
        found.append({"url": f"{_CORE}/patient-birthPlace", "valueAddress": born})
    faith = codeable_concept(cv, child(person, "religiousAffiliationCode"))
    if faith:
        found.append({"url": f"{_CORE}/patient-religion", "valueCodeableConcept": faith})
    return found


def _birthplace(cv: Conversion, place: Element) -> Json | None:
    """Return where the person was born; the code of the place stands in an extension, not as a district."""
    addr = child(place, "addr")
    born = address(cv, addr) or {}
    coded = None if addr is None else birthplace_code(cv, addr)
    if coded is not None:
        node, extension = coded
        cv.take(node, "text()")
        if born.get("district") == text_of(node):
            del born["district"]
        born = {"extension": [*born.pop("extension", ()), extension], **born}
    name = plain_name(cv, child(place, "name"))
    if name and "text" not in born:
        born["text"] = name
    return born or None


def _surroundings(cv: Conversion, role: Element, person: Element | None, resource: Resource) -> None:
    """Add the contacts, the languages, the general practitioners and the managing organization."""
    _put(resource, "contact", contacts(cv, person))
    if person is not None:
        spoken = [_communication(cv, each) for each in children(person, "languageCommunication")]
        _put(resource, "communication", spoken)
    _put(resource, "generalPractitioner", general_practitioners(cv))
    provider = child(role, "providerOrganization")
    manager = None if provider is None else organization(cv, provider)
    if manager:
        resource["managingOrganization"] = manager


def _communication(cv: Conversion, node: Element) -> Json | None:
    language = child(node, "languageCode")
    code = attr(language, "code")
    if language is None or code is None:
        return None
    cv.take(language, "code")
    spoken: Json = {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}}
    parts = []
    for name, url in (("modeCode", "type"), ("proficiencyLevelCode", "level")):
        concept = codeable_concept(cv, child(node, name))
        if concept and concept.get("coding"):
            parts.append({"url": url, "valueCoding": concept["coding"][0]})
    if parts:
        spoken = {"extension": [{"url": f"{_CORE}/patient-proficiency", "extension": parts}], **spoken}
    preferred = _boolean(cv, child(node, "preferenceInd"))
    return spoken if preferred is None else {**spoken, "preferred": preferred}


def _put(resource: Resource, name: str, values: list[Any]) -> None:
    kept = [value for value in values if value]
    if kept:
        resource[name] = kept
