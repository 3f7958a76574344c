"""The parties of a document: who is behind an author, a performer, a participant.

People and organizations are met many times in one document; each becomes one resource, found by its
identifier, or by its own words where it has none, and what later mentions add is added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from lxml import etree

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import (
    addresses,
    codeable_concept,
    contact_points,
    human_names,
    plain_name,
)
from importers.cda.extensions import ADDRESS, own
from importers.cda.header.identities import party_identifiers, role_codes
from importers.cda.people_merge import merge
from importers.cda.text import text_of
from importers.cda.xml import child, children

_ROLES = (
    "assignedAuthor",
    "assignedEntity",
    "associatedEntity",
    "relatedEntity",
    "participantRole",
    "intendedRecipient",
    "assignedPerson",
)
_PERSONS = (
    "assignedPerson",
    "associatedPerson",
    "relatedPerson",
    "informationRecipient",
    "guardianPerson",
    "playingEntity",
)
_ORGANIZATIONS = (
    "representedOrganization",
    "scopingOrganization",
    "receivedOrganization",
    "representedCustodianOrganization",
    "guardianOrganization",
    "scopingEntity",
)
_DEVICES = ("assignedAuthoringDevice", "playingDevice")
_RELATED = frozenset({"PRS", "NOK", "ECON", "CAREGIVER", "GUARD", "CON"})
"""Classes of roles of people who are not professionals.  Spec: http://terminology.hl7.org/CodeSystem/v3-RoleClass"""
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PLACES = frozenset({"SDLOC", "ISDLOC", "DSDLOC"})


def author(cv: Conversion, node: Element) -> Reference | None:
    """Return who an `author` element names, as `party` does; None if it names nobody."""
    return party(cv, node)


def performer(cv: Conversion, node: Element) -> Reference | None:
    """Return who a `performer`, or another holder of an `assignedEntity`, names."""
    return party(cv, node)


def participant(cv: Conversion, node: Element) -> Reference | None:
    """Return who, or what place, a `participant` of any kind names."""
    return party(cv, node)


def party(cv: Conversion, node: Element) -> Reference | None:
    """Return the resource of a role, or of the holder of one; None where it names nobody."""
    role = _role_of(node)
    if _is_subject(cv, role):
        _take_ids(cv, role)
        return cv.subject
    kind = role.get("classCode", "")
    if kind in _PLACES:
        return location(cv, role)
    device = _first(role, _DEVICES)
    if device is not None:
        return _device(cv, role, device)
    if kind in _RELATED or etree.QName(role).localname == "relatedEntity":
        return related_person(cv, role)
    return _professional(cv, role)


def organization(cv: Conversion, node: Element) -> Reference | None:
    """Return the Organization of an element that is one; None where it says nothing of it."""
    resource: Resource = _identified(cv, node, "Organization")
    _name_organization(cv, node, resource)
    _append(resource, "type", codeable_concept(cv, child(node, "standardIndustryClassCode")))
    _contacts(cv, node, resource)
    whole = child(node, "asOrganizationPartOf")
    if whole is not None:
        above = child(whole, "wholeOrganization")
        parent = None if above is None else organization(cv, above)
        if parent is not None:
            resource["partOf"] = parent
    if len(resource) == 1 or not {"identifier", "name"} & resource.keys():
        return None
    return _keep(cv, node, resource, _key(node, resource))


def related_person(cv: Conversion, node: Element) -> Reference | None:
    """Return the RelatedPerson of a `relatedEntity` or another role of a person who is no professional."""
    role = _role_of(node)
    resource: Resource = {**_identified(cv, role, "RelatedPerson"), "patient": cv.subject}
    _append(resource, "relationship", codeable_concept(cv, child(role, "code")))
    kind = role.get("classCode")
    if kind:
        cv.take(role, "classCode")
        _append(resource, "relationship", {"coding": [{"system": ROLE_CLASS, "code": kind}]})
    person = _first(role, _PERSONS)
    if person is not None:
        _names(cv, person, resource)
    _contacts(cv, role, resource)
    if not {"identifier", "name", "telecom", "address"} & resource.keys():
        return None
    return _keep(cv, role, resource, _key(role, resource))


ROLE_CLASS = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"


def location(cv: Conversion, node: Element) -> Reference | None:
    """Return the Location of a `healthCareFacility` or of a participant's role that is a place."""
    resource: Resource = _identified(cv, node, "Location")
    _append(resource, "type", codeable_concept(cv, child(node, "code")))
    place = child(node, "location")
    if place is None:
        place = child(node, "playingEntity")
    for holder in (node,) if place is None else (node, place):
        _name_organization(cv, holder, resource)
        for value in addresses(cv, holder):
            if "address" in resource:
                _append(resource, "extension", own(cv.base, ADDRESS, "Address", value))
            else:
                resource["address"] = value
        for value in contact_points(cv, holder):
            _append(resource, "telecom", value)
    owner = child(node, "serviceProviderOrganization")
    manager = None if owner is None else organization(cv, owner)
    if manager is not None:
        resource["managingOrganization"] = manager
    if len(resource) == 1:
        return None
    return _keep(cv, node, resource, _key(node, resource))


def _professional(cv: Conversion, role: Element) -> Reference | None:
    work = _first(role, _ORGANIZATIONS)
    employer = None if work is None else organization(cv, work)
    person = _first(role, _PERSONS)
    resource: Resource = _identified(cv, role, "Practitioner")
    if person is not None:
        _names(cv, person, resource)
    concept = codeable_concept(cv, child(role, "code"))
    known = {"identifier", "name"} & resource.keys()
    if not known and concept is None:
        if employer is not None:
            _contacts(cv, role, cv.resource(employer))
        return employer
    _contacts(cv, role, resource)
    who = _keep(cv, role, resource, _key(role, resource)) if known else None
    if employer is None and concept is None:
        return who
    return _practitioner_role(cv, role, who, employer, concept)


def _practitioner_role(
    cv: Conversion,
    role: Element,
    who: Reference | None,
    employer: Reference | None,
    concept: dict[str, Any] | None,
) -> Reference:
    resource: Resource = {"resourceType": "PractitionerRole"}
    if who is not None:
        resource["practitioner"] = who
    if employer is not None:
        resource["organization"] = employer
    if concept is not None:
        resource |= role_codes(concept)
    codes = [(each.get("system"), each.get("code")) for each in (concept or {}).get("coding", ())]
    return _keep(cv, role, resource, repr((who, employer, codes or concept)))


def _device(cv: Conversion, role: Element, device: Element) -> Reference | None:
    resource: Resource = _identified(cv, role, "Device")
    for name, kind in (("manufacturerModelName", "model-name"), ("softwareName", "other")):
        node = child(device, name)
        text = "" if node is None else node.get("displayName") or text_of(node)
        if node is not None and text:
            cv.take(node, "text()", "displayName")
            _append(resource, "deviceName", {"name": text, "type": kind})
    for holder in (device, role):
        concept = codeable_concept(cv, child(holder, "code"))
        if concept and "type" not in resource:
            resource["type"] = concept
    work = _first(role, _ORGANIZATIONS)
    owner = None if work is None else organization(cv, work)
    if owner is not None:
        resource["owner"] = owner
    for value in contact_points(cv, role):
        _append(resource, "contact", value)
    for value in addresses(cv, role):
        _append(resource, "extension", own(cv.base, ADDRESS, "Address", value))
    if len(resource) == 1:
        return None
    return _keep(cv, role, resource, _key(role, resource))


def _keep(cv: Conversion, node: Element, resource: Resource, key: str) -> Reference:
    kind = resource["resourceType"]
    reference = cv.shared(kind, key, node, lambda: resource)
    assert reference is not None
    kept = cv.resource(reference)
    if kept is resource:
        return reference
    if _are_others(kept, resource):
        text = f"One identifier stands for {kind}s of different names; each was kept."
        cv.issue_once("warning", "identifier", text, node, key)
        return _keep(cv, node, resource, f"{key}|{sorted(_names_of(resource))}")
    merge(cv, node, kept, resource)
    return reference


def _are_others(kept: Resource, resource: Resource) -> bool:
    """Return whether two mentions that share an identifier name different people or organizations."""
    ours, theirs = _names_of(kept), _names_of(resource)
    return bool(ours and theirs) and not ours & theirs


def _names_of(party: Resource) -> set[str]:
    """Return what a party is called: family names, or the names of an organization or a place."""
    names = party.get("name", ())
    if isinstance(names, str):
        return {each.casefold() for each in (names, *party.get("alias", ()))}
    return {str(each["family"]).casefold() for each in names if each.get("family")}


def _key(node: Element, resource: Resource) -> str:
    """Return what tells a party apart: its first complete identifier, or all that is said of it."""
    for each in children(node, "id"):
        root, extension = each.get("root", ""), each.get("extension", "")
        if root and (extension or _UUID.fullmatch(root)):
            return f"{root}|{extension}"
    said = repr(sorted(resource.items(), key=lambda item: item[0]))
    return sha256(said.encode()).hexdigest()


def _identified(cv: Conversion, node: Element, resource_type: str) -> Resource:
    """Return a new resource with the identifiers of an element."""
    found = party_identifiers(cv, node, resource_type)
    known = {"identifier": found} if found else {}
    return {"resourceType": resource_type, **known}


def _names(cv: Conversion, person: Element, resource: Resource) -> None:
    for node in children(person, "name"):
        for name in human_names(cv, node):
            _append(resource, "name", name)


def _name_organization(cv: Conversion, node: Element, resource: Resource) -> None:
    for each in children(node, "name"):
        name = plain_name(cv, each)
        if name and "name" in resource:
            _append(resource, "alias", name)
        elif name:
            resource["name"] = name


def _contacts(cv: Conversion, node: Element, resource: Resource) -> None:
    for name, found in (("telecom", contact_points(cv, node)), ("address", addresses(cv, node))):
        for each in found:
            if each.get("use") == "home" and resource["resourceType"] == "Organization":
                del each["use"]
                text = "An organization is reached at a home, which R4 does not know: the use was left out."
                cv.issue_once("information", "structure", text, node)
            _append(resource, name, each)


def _append(resource: Resource, name: str, value: Any) -> None:
    if value and value not in resource.get(name, ()):
        resource.setdefault(name, []).append(value)


def _is_subject(cv: Conversion, role: Element) -> bool:
    if not cv.subject:
        return False
    known = {(each["root"], each.get("extension")) for each in _patient_ids(cv)}
    return any((each.get("root"), each.get("extension")) in known for each in children(role, "id"))


def _patient_ids(cv: Conversion) -> Iterator[Any]:
    target = child(cv.source.root, "recordTarget")
    role = None if target is None else child(target, "patientRole")
    for node in () if role is None else children(role, "id"):
        if node.get("root") and node.get("extension"):
            yield node.attrib


def _take_ids(cv: Conversion, role: Element) -> None:
    for node in children(role, "id"):
        cv.take(node)


def _role_of(node: Element) -> Element:
    role = _first(node, _ROLES[:-1])
    return node if role is None else role


def _first(node: Element, names: tuple[str, ...]) -> Element | None:
    for name in names:
        found = child(node, name)
        if found is not None:
            return found
    return None
