"""Specimens: what was taken, when and from where, and the organisms isolated from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import code_of, codeable_concept, date_time, identifier
from importers.cda.entries import statement as st
from importers.cda.entries.moments import put_when, start_of
from importers.cda.entries.parties import performers
from importers.cda.entries.parts import parts_of, statement_in, take_statement
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.entries.templates import row_of
from importers.cda.text import text_of
from importers.cda.xml import child, children, local, once

_COLLECTORS = frozenset({"Practitioner", "PractitionerRole"})
_SAMPLES = frozenset({"PRD", "SPC"})
"""The typeCodes of participants that are what was collected."""
_COLLECTION = "specimen"
_RECEIVED = "specimen-received"


def put_specimen(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Set `specimen` of an Observation: its own, else the only one of the nearest statement around it."""
    found = specimens_of(cv, statement)
    if len(found) == 1:
        resource["specimen"] = found[0]
    elif found:
        text = "R4 has one specimen for an Observation: of several none is chosen."
        cv.issue("warning", "reference", text, statement)


def specimens_of(cv: Conversion, statement: Element) -> list[Reference]:
    """Return the specimens of a statement, else those of the nearest statement around it that has any."""
    for around in _around(statement):
        roles = [role for node in children(around, "specimen") for role in children(node, "specimenRole")]
        found = [_of_role(cv, role, around) for role in roles]
        found += [collected(cv, each) for each in _collections(around)]
        if found:
            return [each for i, each in enumerate(found) if each not in found[:i]]
    return []


def collected(cv: Conversion, statement: Element) -> Reference:
    """Return the Specimen of a collection procedure, made when first met."""
    known = cv.made_from.get(statement)
    if known is not None:
        return known
    take_statement(cv, statement)
    role = _sample(cv, statement)
    resource: Resource = {"resourceType": "Specimen", "subject": cv.subject}
    for node in (*(children(role, "id") if role is not None else ()), *children(statement, "id")):
        st.add(resource, "identifier", identifier(cv, node))
    if role is not None:
        _put_type(cv, role, resource)
    _put_collection(cv, statement, resource)
    st.put(resource, "receivedTime", _received(cv, statement))
    st.put(resource, "note", remarks(cv, statement, resource))
    status = child(statement, "statusCode")
    if status is not None:
        cv.leave(status, "the status of the collection says nothing of whether the specimen is available")
    cv.made_from[statement] = reference = cv.add(resource, statement)
    return reference


def _specimen(cv: Conversion, statement: Element, _place: Place) -> list[Reference]:
    return [collected(cv, statement)]


def _around(statement: Element) -> Iterator[Element]:
    """Yield a statement and those around it, up to the entry."""
    yield statement
    for node in statement.iterancestors():
        name = local(node)
        if name in ("entry", "section"):
            return
        if name in ("organizer", "act", "observation", "procedure"):
            yield node


@once
def _collections(around: Element) -> list[Element]:
    """Return the collection procedures directly inside a statement."""
    found = []
    for link in children(around, "entryRelationship", "component"):
        procedure = statement_in(link)
        if procedure is not None and local(procedure) == "procedure":
            row = row_of(procedure)
            if row is not None and row.mapper == _COLLECTION:
                found.append(procedure)
    return found


def _sample(cv: Conversion, statement: Element) -> Element | None:
    for node in children(statement, "participant"):
        if node.get("typeCode") in _SAMPLES:
            role = child(node, "participantRole")
            if role is not None:
                cv.take(node, "typeCode")
                cv.take(role, "classCode")
                return role
    for node in children(statement, "specimen"):
        role = child(node, "specimenRole")
        if role is not None:
            cv.take(node, "typeCode")
            cv.take(role, "classCode")
            return role
    return None


def _of_role(cv: Conversion, role: Element, around: Element) -> Reference:
    """Return the Specimen of a `specimenRole`: the one collected under the same id, else its own."""
    holder = role.getparent()
    if holder is not None:
        cv.take(holder, "typeCode")
    cv.take(role, "classCode")
    ids = {_key(node) for node in children(role, "id")}
    entity = child(role, "specimenPlayingEntity")
    if entity is None or child(entity, "code") is None:
        known = _known(cv, around, ids)
        if known is not None:
            for node in children(role, "id"):
                cv.take(node)
            return known
    name = "|".join(sorted(ids)) or cv.xpath(role)
    what = child(entity, "code") if entity is not None else None
    code = "" if what is None else f"{what.get('codeSystem')}|{what.get('code')}"
    made = cv.shared("Specimen", f"{name}|{code}", role, lambda: _own(cv, role, around))
    assert made is not None
    for node in children(role, "id"):
        cv.take(node)
    return made


def _own(cv: Conversion, role: Element, around: Element) -> Resource:
    """Return the Specimen of a role; what was isolated names the only specimen collected around it."""
    resource: Resource = {"resourceType": "Specimen", "subject": cv.subject}
    for node in children(role, "id"):
        st.add(resource, "identifier", identifier(cv, node))
    _put_type(cv, role, resource)
    collections = [each for level in _around(around) for each in _collections(level)]
    if len(collections) == 1:
        resource["parent"] = [collected(cv, collections[0])]
    return resource


def _known(cv: Conversion, around: Element, ids: set[str]) -> Reference | None:
    for level in _around(around):
        for statement in _collections(level):
            role = _sample(cv, statement)
            if role is not None and not ids.isdisjoint({_key(node) for node in children(role, "id")}):
                return collected(cv, statement)
    return None


def _put_type(cv: Conversion, role: Element, resource: Resource) -> None:
    for name in ("playingEntity", "specimenPlayingEntity"):
        entity = child(role, name)
        if entity is None:
            continue
        cv.take(entity, "classCode", "determinerCode")
        node = child(entity, "code")
        st.put(resource, "type", None if node is None else codeable_concept(cv, node))
        label = child(entity, "name")
        words = "" if label is None else text_of(label)
        if label is not None and words:
            cv.take(label)
            resource.setdefault("type", {}).setdefault("text", words)


def _put_collection(cv: Conversion, statement: Element, resource: Resource) -> None:
    collection: dict[str, Any] = {}
    collectors = [party for party in performers(cv, statement) if party.resource_type in _COLLECTORS]
    if collectors:
        collection["collector"] = collectors[0].reference
    put_when(cv, collection, statement, "collected")
    st.put(collection, "method", st.code(cv, statement, "methodCode") or st.code(cv, statement))
    st.put(collection, "bodySite", st.code(cv, statement, "targetSiteCode"))
    st.put(resource, "collection", collection)


def _received(cv: Conversion, statement: Element) -> str | None:
    for part in parts_of(statement):
        node = child(part.statement, "effectiveTime")
        is_receipt = part.kind == _RECEIVED or code_of(child(part.statement, "code")) == "SPRECEIVE"
        if is_receipt and node is not None:
            take_statement(cv, part.statement)
            for each in children(part.statement, "code", "id", "statusCode"):
                cv.take_all(each)
            return start_of(cv, node) or date_time(cv, node)
    return None


def _key(node: Element) -> str:
    return f"{(node.get('root') or '').lower()}|{node.get('extension') or ''}"


MAPPERS = {_COLLECTION: _specimen}
