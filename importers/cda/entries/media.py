"""Images, sounds and files inside a document: a Media with what it is, a Binary with its bytes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha1
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import attachment
from importers.cda.entries import statement as st
from importers.cda.entries.moments import put_when
from importers.cda.entries.notes import notes
from importers.cda.entries.parties import participants
from importers.cda.entries.place import Place
from importers.cda.xml import child, children

STATUS: Mapping[str, str] = {
    "completed": "completed",
    "normal": "completed",
    "active": "in-progress",
    "new": "preparation",
    "held": "on-hold",
    "suspended": "on-hold",
    "aborted": "stopped",
    "cancelled": "not-done",
    "nullified": "entered-in-error",
}
"""ActStatus → EventStatus.  Spec: http://hl7.org/fhir/R4/valueset-event-status.html"""

_OPERATORS = frozenset({
    "Practitioner", "PractitionerRole", "Organization", "CareTeam", "Patient", "Device", "RelatedPerson",
})  # fmt: skip


def media(cv: Conversion, statement: Element, _place: Place) -> list[Reference]:
    """Make a Media, and a Binary of its bytes, of an `observationMedia`; nothing where it holds no file."""
    made = [_media(cv, node, statement) for node in children(statement, "value")]
    return [reference for reference in made if reference is not None]


def media_of_value(cv: Conversion, value: Element, statement: Element) -> Reference:
    """Return the Media of a value that holds, or refers to, a file.  Raises ValueError where it does not."""
    reference = _media(cv, value, statement)
    if reference is None:
        raise ValueError("the value holds no file")
    return reference


def file_of(cv: Conversion, value: Element) -> dict[str, Any] | None:
    """Return a value as Attachment whose bytes are a Binary of their own; None where there are none.

    `size` is that of the bytes and `hash` the base64 of their SHA-1.
    """
    content = attachment(cv, value)
    if not content or not {"data", "url"} & content.keys():
        return None
    data = content.pop("data", None)
    if data is None:
        return dict(content)
    raw = b64decode(data)
    binary = {
        "resourceType": "Binary",
        "contentType": content.get("contentType", "application/octet-stream"),
        "data": data,
    }
    if cv.document:
        binary["securityContext"] = cv.document
    digest = b64encode(sha1(raw, usedforsecurity=False).digest()).decode("ascii")
    return {
        **content,
        "url": cv.add(binary, value)["reference"],
        "size": len(raw),
        "hash": digest,
    }


def _media(cv: Conversion, value: Element, statement: Element) -> Reference | None:
    content = file_of(cv, value)
    if content is None:
        return None
    resource: Resource = st.start(cv, statement, "Media", "subject", "encounter")
    resource["status"] = st.status(cv, statement, STATUS, "completed")
    language = child(statement, "languageCode")
    if language is not None and language.get("code"):
        cv.take(language)
        content["language"] = language.get("code")
    put_when(cv, resource, statement, "created")
    for party in participants(cv, statement):
        if party.resource_type == "Device":
            resource.setdefault("device", party.reference)
        elif party.resource_type in _OPERATORS:
            resource.setdefault("operator", party.reference)
    resource["content"] = content
    st.put(resource, "note", notes(cv, statement))
    cv.take(statement, "ID")
    return cv.add(resource, value)


MAPPERS = {"media": media}
