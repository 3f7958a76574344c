"""The rules of narrative XHTML.  Spec: https://hl7.org/fhir/R4/narrative.html#xhtml"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

_XHTML = "http://www.w3.org/1999/xhtml"
_ELEMENTS = frozenset({
    "a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup",
    "dd", "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol",
    "p", "pre", "q", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "tt", "ul", "var",
})  # fmt: skip
_ATTRIBUTES = frozenset({
    "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding",
    "cellspacing", "cellvalign", "char", "charoff", "charset", "cite", "class", "colspan", "compact",
    "coords", "dir", "frame", "headers", "height", "href", "hreflang", "hspace", "id", "lang", "longdesc",
    "name", "nowrap", "rel", "rev", "rowspan", "rules", "scope", "shape", "span", "src", "start", "style",
    "summary", "tabindex", "title", "type", "valign", "value", "vspace", "width",
})  # fmt: skip
MAX_DEPTH = 256


class _Refused(Exception):
    """The narrative breaks a rule."""


def is_safe_narrative(text: Any) -> bool:
    """Return whether a `Narrative.div` is well-formed, has only the elements allowed, and says something."""
    if not isinstance(text, str):
        return False
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except (expat.ExpatError, _Refused):
        return False
    return reader.says_something


class _Reader:
    """Watches one document go by."""

    __slots__ = ("_depth", "says_something")

    def __init__(self) -> None:
        self._depth = 0
        self.says_something = False

    def refuse(self, *_: object) -> None:
        raise _Refused

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, element = name.rpartition(" ")
        self._depth += 1
        root_is_wrong = self._depth == 1 and element != "div"
        if root_is_wrong or namespace != _XHTML or element not in _ELEMENTS or self._depth > MAX_DEPTH:
            raise _Refused
        for attribute in attributes:
            if attribute.rpartition(" ")[2] not in _ATTRIBUTES:
                raise _Refused
        self.says_something = self.says_something or element == "img"

    def end(self, _: str) -> None:
        self._depth -= 1

    def characters(self, text: str) -> None:
        self.says_something = self.says_something or not text.isspace()
