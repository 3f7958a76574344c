"""Trees to FHIR XML.  Text is written as it stands: numbers, dates and the narrative keep every character.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from fhir_server.http.xml.shapes import Form, Shape, Shapes
from fhir_server.model.number import is_number, literal
from fhir_server.model.outcome import refuse

_SPECIAL = re.compile('[&<>"\t\n\r]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_NAMED_ENTITY = re.compile(r"&(?!amp;|lt;|gt;|quot;|apos;)([A-Za-z][A-Za-z0-9]*;)")
_DIV_WITHOUT_NAMESPACE = re.compile(r"\s*<div(?![^>]*\sxmlns\s*=)")
INDENT = "  "
_HEADER = '<?xml version="1.0" encoding="UTF-8"?>'


class XmlWriter:
    """Writes the resources of one Registry's types."""

    __slots__ = ("_shapes",)

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    def write(self, resource: dict[str, Any], *, pretty: bool = False) -> bytes:
        """Return the XML document of a valid resource, in UTF-8; `pretty` puts each element on its line.

        Raises FhirError `not-acceptable` if a text holds a character that XML cannot carry.
        """
        parts = [_HEADER]
        self._resource(parts, resource, ' xmlns="http://hl7.org/fhir"')
        text = "\n".join(_indented(parts)) if pretty else "".join(parts)
        if _NOT_IN_XML.search(text) is not None:
            raise refuse(
                "not-acceptable",
                "A text of this resource holds a control character that XML cannot carry; ask for JSON.",
            )
        return text.encode("utf-8")

    def _resource(self, parts: list[str], resource: dict[str, Any], namespace: str) -> None:
        name = resource["resourceType"]
        parts.append(f"<{name}{namespace}>")
        self._children(parts, resource, name)
        parts.append(f"</{name}>")

    def _children(self, parts: list[str], node: dict[str, Any], type_name: str) -> None:
        shapes = self._shapes.of(type_name)
        for shape in _in_order(node, shapes):
            if shape.form is Form.PRIMITIVE:
                self._primitives(parts, shape, node.get(shape.key), node.get("_" + shape.key))
            elif shape.form is not Form.ATTRIBUTE:
                value = node[shape.key]
                for item in value if shape.is_list else (value,):
                    self._element(parts, shape, item)

    def _element(self, parts: list[str], shape: Shape, item: Any) -> None:
        if shape.form is Form.XHTML:
            parts.append(narrative_as_xml(item))
        elif shape.form is Form.RESOURCE:
            parts.append(f"<{shape.key}>")
            self._resource(parts, item, "")
            parts.append(f"</{shape.key}>")
        else:
            self._complex(parts, shape.key, shape.type, item, "")

    def _complex(self, parts: list[str], name: str, type_name: str, node: dict[str, Any], value: str) -> None:
        attributes = "".join(
            f' {key}="{escape(node[key])}"'
            for key in ("id", "url")
            if self._is_attribute(type_name, key, node)
        )
        start = len(parts)
        parts.append("")
        self._children(parts, node, type_name)
        if len(parts) == start + 1:
            parts[start] = f"<{name}{attributes}{value}/>"
        else:
            parts[start] = f"<{name}{attributes}{value}>"
            parts.append(f"</{name}>")

    def _is_attribute(self, type_name: str, key: str, node: dict[str, Any]) -> bool:
        if key not in node:
            return False
        shape = self._shapes.of(type_name).get(key)
        return shape is not None and shape.form is Form.ATTRIBUTE

    def _primitives(self, parts: list[str], shape: Shape, value: Any, companion: Any) -> None:
        if not shape.is_list:
            self._primitive(parts, shape, value, companion)
            return
        values, companions = value or (), companion or ()
        for place in range(max(len(values), len(companions))):
            self._primitive(
                parts,
                shape,
                values[place] if place < len(values) else None,
                companions[place] if place < len(companions) else None,
            )

    def _primitive(self, parts: list[str], shape: Shape, value: Any, companion: Any) -> None:
        attribute = "" if value is None else f' value="{escape(_text(value))}"'
        if companion:
            self._complex(parts, shape.key, "Element", companion, attribute)
        else:
            parts.append(f"<{shape.key}{attribute}/>")


def escape(text: str) -> str:
    """Return the text as it stands in a double-quoted attribute; line ends and tabs survive as references."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], text)


def _indented(parts: list[str]) -> Iterator[str]:
    """Yield the parts with their indent.  A part is a tag or a whole narrative, which stays as it is."""
    depth = 0
    for part in parts:
        is_end = part.startswith("</")
        depth -= is_end
        yield f"{INDENT * depth}{part}"
        # Values hold no `<`: what has only one is a tag.
        depth += not is_end and part.count("<") == 1 and not part.endswith(("/>", "?>"))


def _in_order(node: dict[str, Any], shapes: Any) -> list[Shape]:
    found: dict[int, Shape] = {}
    for key in node:
        shape = shapes.get(key[1:] if key[0] == "_" else key)
        if shape is not None:
            found[shape.order] = shape
    return [found[order] for order in sorted(found)]


def _text(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    return literal(value) if is_number(value) else str(value)


def narrative_as_xml(div: str) -> str:
    """Return the div as XML allows it: with its namespace, and HTML's named characters as characters."""
    if _DIV_WITHOUT_NAMESPACE.match(div) is not None:
        div = div.replace("<div", '<div xmlns="http://www.w3.org/1999/xhtml"', 1)
    return _NAMED_ENTITY.sub(lambda match: html.unescape(match[0]), div)
