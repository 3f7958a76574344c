"""XML documents, hardened: no document type, no entities, no network.

Spec: https://hl7.org/fhir/R4/security.html#narrative, https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from fhir_server.model.outcome import refuse

_DECLARED = re.compile(r"<\?xml[^>]*encoding\s*=\s*[\"']([^\"']*)[\"'][^>]*\?>")
_UTF_8 = frozenset({"UTF-8", "UTF8", "US-ASCII"})


def text_of(data: bytes) -> str:
    """Return the characters of a document.

    Raises FhirError `empty-body`, `illegal-character` (not UTF-8), `malformed-xml` (a document type).
    """
    if not data or data.isspace():
        raise refuse("empty-body", "The request has no body; an XML document is expected.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(
            "illegal-character", f"The body is not UTF-8: illegal byte at offset {error.start}."
        ) from None
    declared = _DECLARED.match(text)
    if declared is not None and declared[1].upper() not in _UTF_8:
        raise refuse("illegal-character", "The XML declaration names an encoding other than UTF-8.")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise refuse("malformed-xml", "A document type declaration is not allowed in FHIR XML.")
    return text


def root_of(text: str) -> Any:
    """Return the root element of a document, without comments and processing instructions.

    Raises FhirError `malformed-xml`, with line and column.
    """
    # Without a document type there are no entities to expand, so large attributes (attachments) are safe.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=True,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        return etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise refuse("malformed-xml", f"Line {line}, column {column}: the XML is not well-formed.") from None
