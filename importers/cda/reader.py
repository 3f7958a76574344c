"""Bytes in, a ClinicalDocument out; whatever could harm or cannot be read is refused, with the reason.

No DTD, no entities, no network, no style sheet is run.  The document may stand inside something else, a style
sheet that shows it or an envelope.  Spec: https://www.hl7.org/implement/standards/product_brief.cfm?product_id=7
"""

from __future__ import annotations

import codecs
import re
from functools import cache
from typing import Final

from lxml import etree

from importers.cda.conversion import Element, Source
from importers.cda.spans import Limits, spans
from importers.cda.xml import V3, Node, local, namespace
from importers.result import ImportIssue, Unreadable

__all__ = ["Limits", "read"]

LIMITS: Final = Limits()
"""What a document may cost unless it is said otherwise."""

_DOCUMENT: Final = f"{{{V3}}}ClinicalDocument"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE_START: Final = ((b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))
_DECLARED: Final = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,39})["']""")
_DECLARED_WIDE: Final = re.compile(r"""\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_BYTE_ENCODINGS: Final = re.compile(r"utf-8|ascii|iso8859-\d+|cp125[0-8]")
"""Encodings, as Python calls them, in which `<` is one byte that never means anything else."""


def read(data: bytes, limits: Limits = LIMITS) -> Source:
    """Return the one ClinicalDocument of `data` with the byte span of each of its elements.

    Raises Unreadable: `empty`, `too-large`, `encoding`, `doctype`, `malformed`, `too-deep`,
    `too-many-elements`, `too-many-siblings`, `text-too-long`, `tag-too-long`, `too-slow`, `namespace`,
    `no-document`, `several-documents`.
    """
    if not data.strip():
        raise Unreadable("empty", "There are no bytes.")
    if len(data) > limits.size_bytes:
        raise Unreadable("too-large", f"The document is larger than {limits.size_bytes} bytes.")
    encoding, notes = _encoding(data)
    found = spans(data, encoding, limits)
    root = _parsed(data, encoding)
    if _crowded(limits.siblings)(root):
        text = f"An element has more than {limits.siblings} elements directly inside it."
        raise Unreadable("too-many-siblings", text)
    document = _document(root)
    if found.instructions:
        notes.append(
            ImportIssue("information", "structure", "Processing instructions were passed over, not run.")
        )
    if document is not root:
        text = f"The document stands inside a `{local(root)}`, of which nothing was read or run."
        notes.append(ImportIssue("information", "structure", text))
    places = dict(zip(root.iter(etree.Element), zip(found.starts, found.ends, strict=True), strict=False))
    return Source(data, document, places.__getitem__, tuple(notes), limits.repeated_length)


def _encoding(data: bytes) -> tuple[str, list[ImportIssue]]:
    """Return what the bytes are in, as Python calls it, and what was odd."""
    real = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    real = real or next((name for start, name in _WIDE_START if data.lstrip().startswith(start)), None)
    declared = _declared(data, real)
    chosen = real or declared or "utf-8"
    notes: list[ImportIssue] = []
    if real is None and chosen.startswith("utf-16"):
        chosen = "utf-8"
    if declared is not None and not chosen.startswith(declared):
        text = f"The document declares {declared} but is written in {chosen}."
        notes.append(ImportIssue("warning", "structure", text))
    if not chosen.startswith("utf-16") and _BYTE_ENCODINGS.fullmatch(chosen) is None:
        raise Unreadable("encoding", f"The encoding {chosen} is not one that is read here.")
    try:
        data.decode(chosen)
    except UnicodeDecodeError as error:
        text = f"The bytes are not {chosen}, from byte {error.start} on."
        raise Unreadable("encoding", text) from None
    return chosen, notes


def _declared(data: bytes, real: str | None) -> str | None:
    head = data[:400]
    if real is not None and real.startswith("utf-16"):
        wide = _DECLARED_WIDE.match(head.decode(real, "ignore").lstrip("\ufeff"))
        name = wide.group(1) if wide else None
    else:
        found = _DECLARED.match(head.removeprefix(codecs.BOM_UTF8))
        name = found.group(1).decode("ascii") if found else None
    if name is None:
        return None
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise Unreadable("encoding", f"The encoding {name} is not known.") from None


def _parsed(data: bytes, encoding: str) -> Element:
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,  # sizes and depth were limited before
    )
    parser.set_element_class_lookup(etree.ElementDefaultClassLookup(element=Node))
    content = data if encoding in ("utf-8", "ascii") else data.decode(encoding).lstrip("\ufeff").encode()
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        text = f"The XML is not well-formed, line {line}, column {column}."
        raise Unreadable("malformed", text) from None


@cache
def _crowded(most: int) -> etree.XPath:
    """Return the question whether any element has more than so many elements directly inside it."""
    return etree.XPath(f"boolean(//*[*[{most + 1}]])")


def _document(root: Element) -> Element:
    if root.tag == _DOCUMENT:
        found = [root]
    else:
        found = list(root.iter(_DOCUMENT))
    if len(found) == 1:
        return found[0]
    if found:
        raise Unreadable("several-documents", f"There are {len(found)} ClinicalDocuments, one is expected.")
    other = next(root.iter("{*}ClinicalDocument"), None)
    if other is not None:
        text = f"ClinicalDocument is in the namespace `{namespace(other)[:80]}`, not in `{V3}`."
        raise Unreadable("namespace", text)
    raise Unreadable("no-document", f"There is no ClinicalDocument; the root is `{local(root)[:80]}`.")
