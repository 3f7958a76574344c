"""What `#…` can name inside of a resource: ids of elements and contained resources, ids in XHTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.parsers import expat


class Div:
    """One pass over one narrative: its links, ids, attribute names, and whether there is anything to see."""

    __slots__ = ("anchors", "attributes", "has_content", "hrefs", "ids", "sources")

    def __init__(self, text: str) -> None:
        self.hrefs: list[str] = []
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.anchors: set[str] = set()
        self.attributes: set[str] = set()
        self.has_content = False
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = _refuse
        parser.StartElementHandler = self._start

        def characters(found: str) -> None:
            if not found.isspace():
                self.has_content = True
                parser.CharacterDataHandler = None  # once is enough

        parser.CharacterDataHandler = characters
        parser.Parse(text, True)
        self.attributes = {name for name in self.attributes if not name.startswith("xml")}

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if attributes:
            self.attributes.update(attributes)
            if "id" in attributes:
                self.ids.append(attributes["id"])
        if name == "a":
            self.anchors.update(attributes[key] for key in ("name", "id") if key in attributes)
            if "href" in attributes:
                self.hrefs.append(attributes["href"])
        if name == "img":
            self.has_content = True
            self.sources.append(attributes.get("src", ""))


class _HasDoctype(Exception):
    """There is a document type: entities could expand without end."""


def _refuse(*_: object) -> None:
    raise _HasDoctype


def read_div(text: str) -> Div | None:
    """Return what a narrative holds, None if it is not well-formed or has a document type."""
    try:
        return Div(text)
    except (expat.ExpatError, UnicodeEncodeError, _HasDoctype):
        return None


def anchors_of(resource: Mapping[str, Any]) -> set[str]:
    """Return what `#…` can name in a resource."""
    found: set[str] = set()
    waiting: list[Any] = [resource]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, Mapping):
            if isinstance(node.get("id"), str):
                found.add(node["id"])
            div = read_div(node["div"]) if isinstance(node.get("div"), str) else None
            if div is not None:
                found.update(div.anchors, div.ids)
            waiting.extend(node.values())
    return found
