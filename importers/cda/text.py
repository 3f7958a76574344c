"""Text of a document: what a reference into the narrative stands for, blanks collapsed."""

from __future__ import annotations

from typing import Final

from importers.cda.conversion import Conversion, Element
from importers.cda.xml import child, local, once, own_words

_BLOCKS: Final = frozenset({
    "br", "caption", "col", "footnote", "item", "list", "paragraph", "renderMultiMedia", "table", "tbody",
    "td", "text", "tfoot", "th", "thead", "title", "tr",
})  # fmt: skip
"""Elements of the narrative that end a word; the others may stand within one."""

_FILES: Final = frozenset({"observationMedia", "regionOfInterest"})
"""Elements outside of the narrative that a reference can name: their content is no text."""


def resolve(cv: Conversion, reference: str, node: Element | None = None) -> str | None:
    """Return the text of the anchor that `#id` names; None if there is no such anchor, or no text in it.

    What names a file (`observationMedia`) has no text: the bytes are no words.

    What dangles, and an id without its `#`, is reported once per id; `node` is where the reference stands.
    """
    name = reference.strip()
    if name.startswith("#"):
        name = name[1:]
    elif name in cv.anchors:
        cv.issue_once("information", "reference", "A reference into the text lacks its #.", node, name)
    if not name:
        cv.issue_once("warning", "reference", "A reference into the text is empty.", node, "")
        return None
    anchor = cv.anchors.get(name)
    if anchor is None:
        text = "A reference names no anchor of the document."
        cv.issue_once("warning", "reference", text, node, f"dangling {name}")
        return None
    if local(anchor) in _FILES:
        if node is not None:
            cv.leave(node, "it leads to a file and to no words")
        return None
    return cv.repeat(text_of(anchor)) or None


def said(cv: Conversion, node: Element | None) -> str | None:
    """Return what an `originalText` or `text` says, inline or by its reference; mark it as carried over.

    A reference that names no anchor stays unmarked.  Raises nothing.
    """
    if node is None:
        return None
    inline = own_words(node)
    pointer = child(node, "reference")
    if inline:
        cv.take(node)
        if pointer is not None and pointer.get("value", "").lstrip("#") in cv.anchors:
            cv.take(pointer)
        return inline
    if pointer is None:
        return None
    found = resolve(cv, pointer.get("value", ""), pointer)
    if found is not None:
        cv.take(node)
        cv.take(pointer)
    return found


@once
def text_of(node: Element) -> str:
    """Return all text of an element, blanks collapsed; cells, lines and items do not run together."""
    pieces: list[str] = []
    _collect(node, pieces)
    return " ".join("".join(pieces).split())


def _collect(node: Element, pieces: list[str]) -> None:
    pieces.append(node.text or "")
    for each in node:
        ends = local(each) in _BLOCKS
        if ends:
            pieces.append(" ")
        _collect(each, pieces)
        if ends:
            pieces.append(" ")
        pieces.append(each.tail or "")
