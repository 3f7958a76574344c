"""The narrative of a section as XHTML that shows and does nothing: all words kept, nothing that acts.

Words stay in their order; anchors keep their ids, made legal and unique in the document.
Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import Final

from importers.cda.conversion import Conversion, Element
from importers.cda.narrative_marks import (
    ACTIVE,
    ATTRIBUTES,
    ELEMENTS,
    LINKS,
    LIST_STYLES,
    REVISED,
    STYLES,
    USED_UP,
)
from importers.cda.xml import local

_OPEN: Final = '<div xmlns="http://www.w3.org/1999/xhtml"'
_BLANKS: Final = re.compile(r"[ \t\r\n]+")
_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9_.:-]")
_PLACED: Final = frozenset({"caption", "content", "list"})
"""Elements whose tag depends on where they stand, or on their attributes."""
_EMPTY: Final[Mapping[str, str]] = MappingProxyType({"br": "<br/>", "col": "", "hr": "<hr/>"})


def narrative(cv: Conversion, node: Element | None) -> str | None:
    """Return a `text` element as the XHTML of one `div`, None if it has no words; marks all that it shows.

    Scripts, styles, event handlers, and links that are no addresses are left out and reported.
    """
    if node is None:
        return None
    pieces: list[str] = []
    _content(cv, node, pieces)
    inner = "".join(pieces)
    if not _has_words(inner):
        return None
    attributes = _attributes(cv, node, "div", "")
    return f"{_OPEN}{attributes}>{inner.strip()}</div>"


def legal_id(name: str) -> str:
    """Return the id of an anchor as XHTML may have it, the same for the same name always."""
    text = _ILLEGAL.sub("-", name)
    return text if text[:1].isalpha() or text[:1] == "_" else f"a-{text}"


def _has_words(inner: str) -> bool:
    return bool(re.sub(r"<[^>]*>", "", inner).strip(" \t\r\n\u00a0"))


def _content(cv: Conversion, node: Element, pieces: list[str]) -> None:
    words = node.text
    if words:
        pieces.append(_words(words))
    for each in node:
        _element(cv, each, pieces)
        words = each.tail
        if words:
            pieces.append(_words(words))


def _words(text: str) -> str:
    if text.isspace() and text.isascii():
        return " "
    return escape(_BLANKS.sub(" ", text), quote=False)


def _element(cv: Conversion, node: Element, pieces: list[str]) -> None:
    name = local(node)
    if name in ACTIVE:
        cv.issue("warning", "structure", "Something that acts was left out of a narrative.", node)
        cv.leave(node, "it acts (script, style, form, frame)")
        return
    tag = ELEMENTS.get(name)
    if tag is None:
        text = "A narrative holds an element that CDA does not have: its words alone were kept."
        cv.issue_once("warning", "structure", text, node, name)
        tag = "span"
    if name in _PLACED:
        tag = _in_its_place(node, name, tag)
    attributes = _attributes(cv, node, tag, name)
    inner: list[str] = []
    _content(cv, node, inner)
    if tag in _EMPTY:
        pieces.append(f"<{tag}{attributes}/>")
        pieces.extend(inner)
    elif inner or tag in ("td", "th"):
        pieces.append(f"<{tag}{attributes}>{''.join(inner)}</{tag}>")
    elif attributes:
        pieces.append(f"<{tag}{attributes}></{tag}>")


def _in_its_place(node: Element, name: str, tag: str) -> str:
    """Return the tag of an element where its place or its attributes choose it."""
    if name == "list" and (node.get("listType") or "").lower() == "ordered":
        return "ol"
    if name == "content":
        return REVISED.get(node.get("revised") or "", tag)
    if name == "caption":
        above = node.getparent()
        return tag if above is not None and local(above) == "table" else "span"
    return tag


def _attributes(cv: Conversion, node: Element, tag: str, name: str) -> str:
    """Return the attributes of a tag as text, those of the element that it carries marked."""
    found = node.items()
    if not found:
        cv.take(node, "text()")
        return ""
    made: dict[str, str] = {}
    used = ["text()"]
    styles: list[str] = []
    for key, given in found:
        attribute = str(key)
        value = str(given)
        if _set(cv, node, (tag, name), (attribute, value), made, styles):
            used.append(attribute)
    if styles:
        made["style"] = "; ".join(dict.fromkeys(styles))
    cv.take(node, *used)
    return "".join(f' {key}="{escape(value)}"' for key, value in made.items())


def _set(
    cv: Conversion,
    node: Element,
    names: tuple[str, str],
    attribute: tuple[str, str],
    made: dict[str, str],
    styles: list[str],
) -> bool:
    """Carry one attribute over; return whether that was possible."""
    (tag, name), (key, value) = names, attribute
    if key in ("ID", "id"):
        made["id"] = _own_id(cv, value)
    elif key in USED_UP:
        pass
    elif key == "styleCode":
        return _style(value, tag, styles)
    elif key in ("language", "{http://www.w3.org/XML/1998/namespace}lang"):
        made["lang"] = value
    elif key == "referencedObject":
        made["title"] = value
    elif key == "href" and name in ("linkHtml", "a"):
        return _link(cv, node, value, made)
    elif key in ATTRIBUTES.get(tag, ()):
        made[key] = value
    elif key.lower().startswith("on"):
        cv.issue("warning", "structure", "An event handler was left out of a narrative.", node)
        return False
    else:
        return False
    return True


def _own_id(cv: Conversion, name: str) -> str:
    """Return the id that an anchor has in the narratives: its own, with a number if another had it first."""
    wanted = found = legal_id(name)
    number = cv.narrative_ids.get(wanted, 1)
    while found in cv.narrative_ids:
        number += 1
        found = f"{wanted}.{number}"
    cv.narrative_ids[wanted] = number
    cv.narrative_ids.setdefault(found, 1)
    return found


def _style(value: str, tag: str, styles: list[str]) -> bool:
    known = LIST_STYLES if tag in ("ol", "ul") else STYLES
    codes = value.split()
    found = [known[code.lower()] for code in codes if code.lower() in known]
    styles.extend(found)
    return len(found) == len(codes)


def _link(cv: Conversion, node: Element, value: str, made: dict[str, str]) -> bool:
    target = value.strip()
    if target.startswith("#"):
        made["href"] = f"#{legal_id(target[1:])}"
        return True
    if LINKS.match(target):
        made["href"] = target
        return True
    if ":" not in target:
        cv.issue_once("information", "reference", "A link beside the document leads nowhere here.", node)
        made["title"] = target
        return True
    text = "A link of a narrative is no address of a kind that is safe: its words alone were kept."
    cv.issue("warning", "structure", text, node)
    return False
