"""Qualifiers of codes (laterality, grade …) and codes that R4 has no element for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from importers.cda import extensions
from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes import codeable_concept, value
from importers.cda.datatypes.absence import ABSENT
from importers.cda.entries import statement as st
from importers.cda.entries.value_text import as_text
from importers.cda.xml import XSI_TYPE, child, children

_CODED = ("code", "value", "targetSiteCode", "approachSiteCode", "methodCode", "interpretationCode")


def qualifier_components(cv: Conversion, statement: Element) -> list[dict[str, Any]]:
    """Return the qualifiers of an observation's codes as components: what is qualified, and how.

    A client that knows no extension of a code must not take the left eye for the right one.
    """
    found = []
    for name, concept in _qualifiers(cv, statement):
        found.append({"code": name, "valueCodeableConcept": concept})
    return found


def put_attribute(cv: Conversion, resource: dict[str, Any], of: str, concept: dict[str, Any] | None) -> None:
    """Keep a code that has no element of its own: `of` names the element of CDA that it stands in."""
    if concept:
        parts = {"of": ("Code", of), "value": ("CodeableConcept", concept)}
        st.add(resource, "extension", extensions.own_parts(cv.base, extensions.ATTRIBUTE, **parts))


def _qualifiers(cv: Conversion, statement: Element) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for coded in children(statement, *_CODED):
        for qualifier in children(coded, "qualifier"):
            node, what = child(qualifier, "name"), child(qualifier, "value")
            name = None if node is None else codeable_concept(cv, node)
            concept = None if what is None else _concept(cv, what)
            if concept:
                cv.take(qualifier, "inverted")
                yield name or _unnamed(), concept


def _concept(cv: Conversion, node: Element) -> dict[str, Any] | None:
    found = codeable_concept(cv, node) if node.get(XSI_TYPE) is None else None
    if found or node.get(XSI_TYPE) is None:
        return found
    converted = value(cv, node)
    if converted is None:
        return None
    if converted[0] == "CodeableConcept":
        return dict(converted[1])
    text = as_text(*converted)
    return {"text": text} if text else None


def _unnamed() -> dict[str, Any]:
    return {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
