"""The narrative: well-formed XHTML in one `div`, without anything that acts.

A document type is refused before any entity is read, so that nothing can expand.
Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

_NAMESPACE = "http://www.w3.org/1999/xhtml"
_ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        "a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd del dfn div dl"
        " dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li map ol p pre q samp small span strong sub sup table"
        " tbody td tfoot th thead tr tt ul var",
    )
)
"""HTML 4.0, chapters 7 to 11 and 15, links and images; nothing that runs, submits or embeds."""
_QUALIFIED = frozenset(f"{_NAMESPACE} {name}" for name in _ELEMENTS)
"""As the parser calls them."""
_ROOT = f"{_NAMESPACE} div"
_LINKS = frozenset({"href", "src", "longdesc", "cite"})
_ACTIVE = re.compile(r"(?:javascript|vbscript|data(?!:image/(?!svg))):", re.IGNORECASE)
_BLANKS = re.compile(r"[\x00-\x20]+")


class _Refused(Exception):
    """What is wrong, for an issue text."""


def is_narrative(value: Any) -> bool:
    """Return whether `value` is the text of a legal `div`."""
    return type(value) is str and narrative_fault(value) is None


def narrative_fault(text: str) -> str | None:
    """Return what is wrong with the text of a `div`, None if nothing; never quotes its content."""
    reader = _Reader()
    try:
        reader.read(text)
    except _Refused as refused:
        return str(refused)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "not readable")
        return f"the text is not well-formed XML, line {error.lineno}, column {error.offset + 1}: {reason}"
    except UnicodeEncodeError:
        return "the text holds half of a surrogate pair"
    return None


class _Reader:
    """One pass over one narrative."""

    __slots__ = ("_is_inside",)

    def __init__(self) -> None:
        self._is_inside = False

    def read(self, text: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        parser.XmlDeclHandler = self._instruction
        parser.StartElementHandler = self._start
        parser.Parse(text, True)

    def _doctype(self, *_: object) -> None:
        raise _Refused("a document type declaration is not allowed")

    def _instruction(self, *_: object) -> None:
        raise _Refused("processing instructions and an XML declaration are not allowed")

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        if qualified not in _QUALIFIED or not (self._is_inside or qualified == _ROOT):
            raise _Refused(self._reason(qualified))
        self._is_inside = True
        for attribute, value in attributes.items():
            _check_attribute(attribute.lower(), value)

    def _reason(self, qualified: str) -> str:
        if not qualified.startswith(f"{_NAMESPACE} "):
            return f"every element must be in the namespace {_NAMESPACE}"
        if not self._is_inside and qualified != _ROOT:
            return "the root element must be `div`"
        return "it holds an element that narratives may not have (scripts, forms, frames …)"


def _check_attribute(name: str, value: str) -> None:
    if name.startswith("on"):
        raise _Refused("event attributes (onclick …) are not allowed")
    if name in _LINKS and _ACTIVE.match(_BLANKS.sub("", value)):
        raise _Refused("a link may not carry script or data")
