"""Documents outside: what an `externalDocument` says of one is a DocumentReference."""

from __future__ import annotations

from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import codeable_concept, identifier
from importers.cda.datatypes.absence import ABSENT
from importers.cda.entries import statement as st
from importers.cda.entries.notes import notes
from importers.cda.entries.place import Place
from importers.cda.text import said
from importers.cda.xml import child, children

_KINDS = ("externalDocument", "externalObservation", "externalAct", "externalProcedure")


def external_documents(cv: Conversion, statement: Element) -> list[Reference]:
    """Return a DocumentReference for each document that the `reference` elements of a statement name."""
    found = []
    for holder in children(statement, "reference"):
        for node in children(holder, *_KINDS):
            cv.take(holder, "typeCode")
            found.append(_document(cv, node))
    return found


def external_reference(cv: Conversion, statement: Element, _place: Place) -> list[Reference]:
    """Make what an act refers to outside of the document; what the act says itself is said of each."""
    found = external_documents(cv, statement)
    if not found:
        return []
    for node in children(statement, "id", "code", "statusCode", "effectiveTime"):
        cv.leave(node, "an act that only refers to documents has no resource of its own")
    texts = [note["text"] for note in notes(cv, statement)]
    for reference in found:
        resource = cv.resource(reference)
        if texts and "description" not in resource:
            resource["description"] = "\n".join(texts)
    return found


def _document(cv: Conversion, node: Element) -> Reference:
    cv.take(node, "classCode", "moodCode")
    resource: Resource = {"resourceType": "DocumentReference", "status": "current"}
    for each in children(node, "id", "setId"):
        st.add(resource, "identifier", identifier(cv, each))
    code = child(node, "code")
    st.put(resource, "type", None if code is None else codeable_concept(cv, code))
    resource["subject"] = cv.subject
    text = child(node, "text")
    st.put(resource, "description", said(cv, text))
    resource["content"] = [{"attachment": _attachment(cv, text)}]
    return cv.add(resource, node)


def _attachment(cv: Conversion, text: Element | None) -> dict[str, Any]:
    """Return where the document is, if a reference says so; else that its content is not known."""
    pointer = None if text is None else child(text, "reference")
    address = "" if pointer is None else (pointer.get("value") or "").strip()
    if text is None or pointer is None or "://" not in address:
        return {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    cv.take(text)
    cv.take(pointer)
    result = {"url": address}
    st.put(result, "contentType", text.get("mediaType"))
    return result


MAPPERS = {"external-reference": external_reference}
