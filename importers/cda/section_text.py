"""The narrative of a section: its own, or a list of what its entries became."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.narrative import narrative
from importers.cda.xml import child

Json = dict[str, Any]

_NAMING = ("code", "vaccineCode", "medicationCodeableConcept", "type", "category", "scope", "relationship")
"""Elements whose words name a resource, the most telling first."""
_XHTML = "http://www.w3.org/1999/xhtml"


def written(cv: Conversion, node: Element) -> Json | None:
    """Return the narrative of a section, None if it has none or an empty one.

    Its status is `additional`: it was written by a person and may say more than the entries.
    """
    text = child(node, "text")
    div = None if text is None else narrative(cv, text)
    return {"status": "additional", "div": div} if div else None


def generated(cv: Conversion, entries: Iterable[Reference]) -> Json:
    """Return a narrative that names what the entries of a section became."""
    named = [(cv.resource(each)) for each in entries]
    items = "".join(f"<li>{escape(_name(each))}</li>" for each in named)
    return {"status": "generated", "div": f'<div xmlns="{_XHTML}"><ul>{items}</ul></div>'}


def nothing(title: str) -> Json:
    """Return the narrative of a section without any content, which R4 asks for (cmp-1): its title."""
    return {"status": "empty", "div": f'<div xmlns="{_XHTML}"><p>{escape(title)}</p></div>'}


def _name(resource: Resource) -> str:
    for element in _NAMING:
        value = resource.get(element)
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, dict):
            shown = (each.get("display") or each.get("code") for each in first.get("coding", ()))
            words = first.get("text") or next(filter(None, shown), None)
            if words:
                return str(words)
    return str(resource["resourceType"])
