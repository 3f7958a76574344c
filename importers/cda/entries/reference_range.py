"""Reference ranges of an observation, bounds exactly as written."""

from __future__ import annotations

from typing import Any

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes import codeable_concept, quantity, value
from importers.cda.entries import statement as st
from importers.cda.text import said
from importers.cda.xml import XSI_TYPE, child, children


def reference_ranges(cv: Conversion, statement: Element) -> list[dict[str, Any]]:
    """Return `referenceRange` of an observation.

    A bound that is not part of the range (`inclusive="false"`) is an issue: R4 has no element for it.
    """
    found = []
    for holder in children(statement, "referenceRange"):
        cv.take(holder, "typeCode")
        for node in children(holder, "observationRange"):
            item = _range(cv, node)
            if item:
                found.append(item)
    return found


def _range(cv: Conversion, node: Element) -> dict[str, Any]:
    item: dict[str, Any] = {}
    cv.take(node, "classCode", "moodCode")
    words = said(cv, child(node, "text"))
    bounds = child(node, "value")
    if bounds is not None:
        words = _bounds(cv, bounds, item) or words
    kind = child(node, "interpretationCode")
    st.put(item, "type", None if kind is None else codeable_concept(cv, kind))
    st.put(item, "text", words)
    if {"low", "high", "text"}.isdisjoint(item):
        kind_words = st.words_in(cv, node, "interpretationCode") or st.words_in(cv, node)
        st.put(item, "text", kind_words)
    return item if not {"low", "high", "text"}.isdisjoint(item) else {}


def _bounds(cv: Conversion, node: Element, item: dict[str, Any]) -> str | None:
    """Set `low` and `high`; return the words of a value that is no interval of quantities."""
    sides = [(name, child(node, name)) for name in ("low", "high")]
    if all(side is None for _, side in sides):
        converted = value(cv, node)
        return None if converted is None else _words(*converted)
    cv.take(node, XSI_TYPE)
    for name, side in sides:
        if side is None:
            continue
        st.put(item, name, quantity(cv, side))
        if side.get("inclusive") is not None:
            cv.take(side)
            if side.get("inclusive") == "false":
                text = "A bound is not part of the range itself, which R4 cannot say."
                cv.issue("warning", "unit", text, side)
    return None


def _words(suffix: str, content: Any) -> str | None:
    if suffix == "CodeableConcept":
        named = [coding.get("display") for coding in content.get("coding", ())]
        return content.get("text") or next(filter(None, named), None)
    if suffix == "Quantity" and "value" in content:
        pieces = (content.get("comparator"), _literal(content["value"]), content.get("unit"))
        return " ".join(filter(None, pieces))
    return content if isinstance(content, str) else None


def _literal(number: Any) -> str:
    return str(number) if isinstance(number, int) else bytes(number).decode("ascii")
