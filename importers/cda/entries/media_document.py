"""Documents inside a document: a DocumentReference with what it is, a Binary with its bytes."""

from __future__ import annotations

from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import codeable_concept, instant
from importers.cda.entries import statement as st
from importers.cda.entries.media import file_of
from importers.cda.entries.moments import period_of
from importers.cda.entries.notes import notes
from importers.cda.entries.parts import parts_of, take_statement
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.xml import child, children, local

ATTACHED = "attached-document"
KIND_OF_DOCUMENT = "attached-document-type"
"""The kind of the observation that says what sort of document it is."""
_AUTHORS = frozenset({
    "Practitioner", "PractitionerRole", "Organization", "Device", "Patient", "RelatedPerson",
})  # fmt: skip


def attached_document(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make a DocumentReference of an organizer that holds files; nothing where it holds none."""
    contents, nodes = _files(cv, statement)
    if not contents:
        return []
    resource = document(cv, statement, contents, place)
    for part in parts_of(statement):
        if part.kind == KIND_OF_DOCUMENT:
            _put_type(cv, resource, part.statement)
    reference = cv.add(resource, statement)
    for node in nodes:
        cv.made_from[node] = reference
    return [reference]


def attached_media(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make a DocumentReference of an `observationMedia` that is a document and no image."""
    contents = [content for node in children(statement, "value") if (content := file_of(cv, node))]
    if not contents:
        return []
    cv.take(statement, "ID")
    return [cv.add(document(cv, statement, contents, place), statement)]


def document(cv: Conversion, statement: Element, contents: list[dict[str, Any]], place: Place) -> Resource:
    """Return a DocumentReference with these attachments and what a statement says of them."""
    resource = st.start(cv, statement, "DocumentReference")
    resource["status"] = "current"
    status = child(statement, "statusCode")
    if status is not None:
        cv.leave(status, "the status of the act that attaches a document is not that of the document")
    code = st.code(cv, statement)
    st.add(resource, "category", code)
    moment = child(statement, "effectiveTime")
    if moment is not None and moment.get("value"):
        st.put(resource, "date", instant(cv, moment))
    for author in st.authors(cv, statement, place):
        if cv.resource(author)["resourceType"] in _AUTHORS:
            st.add(resource, "author", author)
    st.put(resource, "description", "\n".join(note["text"] for note in remarks(cv, statement, resource)))
    resource["content"] = [{"attachment": content} for content in contents]
    context: dict[str, Any] = {}
    st.add(context, "encounter", cv.encounter)
    if "date" not in resource:
        st.put(context, "period", period_of(cv, moment))
    st.put(resource, "context", context)
    return resource


def _files(cv: Conversion, statement: Element) -> tuple[list[dict[str, Any]], list[Element]]:
    contents, nodes = [], []
    for part in parts_of(statement):
        if local(part.statement) != "observationMedia":
            continue
        for node in children(part.statement, "value"):
            content = file_of(cv, node)
            if content:
                take_statement(cv, part.statement)
                cv.take(part.statement, "ID")
                language = child(part.statement, "languageCode")
                if language is not None and language.get("code"):
                    cv.take(language)
                    content["language"] = language.get("code")
                contents.append(content)
                nodes.append(part.statement)
    return contents, nodes


def _put_type(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Read the sort of document from an observation, in the words of its value."""
    node = child(statement, "value")
    concept = None if node is None else codeable_concept(cv, node)
    if not concept:
        return
    take_statement(cv, statement)
    resource["type"] = concept
    for each in children(statement, "id", "code", "statusCode", "effectiveTime"):
        cv.leave(each, "the observation says what sort of document it is and nothing else")
    for note in notes(cv, statement):
        words = resource.get("description")
        if note["text"] not in (words or "") and note["text"] != concept.get("text"):
            resource["description"] = f"{words}\n{note['text']}" if words else note["text"]


MAPPERS = {ATTACHED: attached_document, "attached-media": attached_media}
