"""Documents without structure: the file that the document wraps, as a Binary that a section points to."""

from __future__ import annotations

from html import escape
from typing import Any

from importers.cda.conversion import Conversion
from importers.cda.datatypes import attachment
from importers.cda.document import embedded
from importers.cda.header.read import Header
from importers.cda.section_text import nothing
from importers.cda.xml import path

Json = dict[str, Any]


def file_section(cv: Conversion, header: Header) -> list[Json]:
    """Return the one section of a document whose body is a file; empty if the document has no body at all."""
    node = path(cv.source.root, "component/nonXMLBody/text")
    if node is None:
        cv.issue("warning", "structure", "The document has no body.", cv.source.root)
        return []
    file = attachment(cv, node)
    section: Json = {"title": header.title, "code": header.type}
    if file is None or "data" not in file:
        cv.issue("warning", "media", "The file that the document is about is not in it.", node)
        reason = {"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "unavailable"}
        empty = {"text": nothing(header.title), "emptyReason": {"coding": [reason]}}
        return [{**section, **empty}]
    words = f"{escape(header.title)} ({escape(file['contentType'])}, {file['size']} B)"
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{words}</p></div>'
    entries = embedded(cv, header, node, file)
    return [{**section, "text": {"status": "generated", "div": div}, "entry": entries}]
