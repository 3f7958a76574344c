"""What the nodes of an XPath must be like.  Spec: https://hl7.org/fhir/R4/xml.html"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

NAMESPACES = {"f": "http://hl7.org/fhir", "h": "http://www.w3.org/1999/xhtml"}

Check = Callable[[list[str], Any], str | None]


class NotXml(ValueError):
    """A text is not well-formed XML, or declares a DTD."""


def _equals(values: list[str], expected: str | list[str]) -> str | None:
    wanted = [expected] if isinstance(expected, str) else expected
    return None if values == wanted else f"is {values}, expected {wanted}"


def _count(values: list[str], expected: int) -> str | None:
    return None if len(values) == expected else f"has {len(values)} nodes, expected {expected}"


def _matches(values: list[str], expected: str) -> str | None:
    if not values:
        return "is missing"
    odd = [value for value in values if not re.search(expected, value)]
    return f"is {odd}, expected to match {expected}" if odd else None


KINDS: Mapping[str, Check] = {"equals": _equals, "count": _count, "matches": _matches}


def parse(body: bytes) -> etree._Element:
    """Return the root of an XML document; nothing outside of it is read.  Raises NotXml."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotXml(f"not XML: {error}") from None
    if b"<!DOCTYPE" in body:
        raise NotXml("the XML has a document type declaration")
    return root


def select(root: etree._Element, xpath: str) -> list[str]:
    """Return what an XPath leads to, as texts: attributes and texts themselves, elements by tag."""
    found = root.xpath(xpath, namespaces=NAMESPACES)
    nodes = found if isinstance(found, list) else [found]
    return [node.tag if isinstance(node, etree._Element) else _text(node) for node in nodes]


def check(kind: str, values: list[str], expected: Any) -> str | None:
    """Return what is wrong with the nodes of an XPath, or None.  `kind` is a key of `KINDS`."""
    return KINDS[kind](values, expected)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
