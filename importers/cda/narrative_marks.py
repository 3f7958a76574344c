"""What the markup of CDA narratives is in XHTML, as tables.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ELEMENTS: Final[Mapping[str, str]] = MappingProxyType({
    "br": "br", "caption": "caption", "col": "col", "colgroup": "colgroup", "content": "span",
    "footnote": "span", "footnoteRef": "span", "item": "li", "linkHtml": "a", "list": "ul",
    "paragraph": "p", "renderMultiMedia": "span", "sub": "sub", "sup": "sup", "table": "table",
    "tbody": "tbody", "td": "td", "tfoot": "tfoot", "th": "th", "thead": "thead", "tr": "tr",
    # Not CDA, but met in documents: harmless markup of HTML.
    "a": "a", "b": "b", "div": "div", "em": "em", "h1": "h1", "h2": "h2", "h3": "h3", "h4": "h4",
    "h5": "h5", "h6": "h6", "hr": "hr", "i": "i", "li": "li", "ol": "ol", "p": "p", "pre": "pre",
    "small": "small", "span": "span", "strong": "strong", "tt": "tt", "ul": "ul",
})  # fmt: skip
"""Element of a narrative → its tag in XHTML."""

ACTIVE: Final = frozenset({
    "applet", "audio", "base", "button", "embed", "form", "frame", "iframe", "img", "input", "link", "meta",
    "object", "script", "select", "style", "svg", "textarea", "video",
})  # fmt: skip
"""Elements that act, load or embed: left out with all that is in them."""

REVISED: Final[Mapping[str, str]] = MappingProxyType({"delete": "del", "insert": "ins"})
"""Revised content keeps saying that it is: crossed out, or added."""

_CELL: Final = (
    "abbr", "axis", "headers", "scope", "rowspan", "colspan", "align", "char", "charoff", "valign",
)  # fmt: skip
_PART: Final = ("align", "char", "charoff", "valign")
ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "table": ("summary", "width", "border", "frame", "rules", "cellspacing", "cellpadding"),
    "td": _CELL, "th": _CELL, "tr": _PART, "thead": _PART, "tbody": _PART, "tfoot": _PART,
    "col": ("span", "width", *_PART), "colgroup": ("span", "width", *_PART),
    "a": ("name", "rel", "rev", "title"),
})  # fmt: skip
"""Tag → attributes that it keeps as they are."""

USED_UP: Final = frozenset({"listType", "revised", "mediaType", "IDREF"})
"""Attributes whose meaning the tag itself carries."""

STYLES: Final[Mapping[str, str]] = MappingProxyType({
    "bold": "font-weight: bold",
    "bolditalics": "font-weight: bold; font-style: italic",
    "emphasis": "font-style: italic",
    "italics": "font-style: italic",
    "underline": "text-decoration: underline",
    "normal": "font-weight: normal",
    "lrule": "border-left: 1px solid",
    "rrule": "border-right: 1px solid",
    "toprule": "border-top: 1px solid",
    "botrule": "border-bottom: 1px solid",
})  # fmt: skip
LIST_STYLES: Final[Mapping[str, str]] = MappingProxyType({
    "arabic": "list-style-type: decimal",
    "littleroman": "list-style-type: lower-roman",
    "bigroman": "list-style-type: upper-roman",
    "littlealpha": "list-style-type: lower-alpha",
    "bigalpha": "list-style-type: upper-alpha",
    "disc": "list-style-type: disc",
    "circle": "list-style-type: circle",
    "square": "list-style-type: square",
})  # fmt: skip

LINKS: Final = re.compile(r"(?:https?://|mailto:|tel:|ftp://)[^\s<>\"]+\Z", re.IGNORECASE)
"""Addresses that a narrative may link to."""
