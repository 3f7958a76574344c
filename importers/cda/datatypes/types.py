"""Which datatype an element has: its xsi:type as a QName, against the prefixes in scope where it stands.

Spec: https://www.w3.org/TR/xmlschema-1/#xsi_type
"""

from __future__ import annotations

from typing import Final

from importers.cda.conversion import Conversion, Element
from importers.cda.xml import PREFIX_OF, V3, attr, child, own_words

_OURS: Final = frozenset({V3, *PREFIX_OF})


def type_of(cv: Conversion, node: Element) -> str | None:
    """Return the local name of the datatype (`PQ`, `IVL_TS`), None if the element does not say.

    A prefix that is not declared, and a namespace that is not HL7's, are reported; the name is believed.
    """
    given = attr(node, "xsi:type")
    if given is None:
        return None
    prefix, colon, name = given.rpartition(":")
    space = node.nsmap.get(prefix if colon else None)
    if space not in _OURS and (colon or space is not None):
        text = "The namespace of an xsi:type is not one of CDA: its name alone was read."
        cv.issue_once("warning", "structure", text, node, given)
    return name


def guessed_type(node: Element) -> str | None:
    """Return the datatype that the looks of an element without xsi:type suggest, None if it says nothing."""
    if attr(node, "code") is not None or attr(node, "codeSystem") is not None:
        return "CD"
    if attr(node, "value") is not None:
        return "PQ" if attr(node, "unit") is not None else "ST"
    if child(node, "low") is not None or child(node, "high") is not None:
        bound = child(node, "low")
        bound = child(node, "high") if bound is None else bound
        return "IVL_PQ" if attr(bound, "unit") is not None else None
    if child(node, "numerator") is not None:
        return "RTO"
    if child(node, "originalText") is not None or child(node, "translation") is not None:
        return "CD"
    return "ST" if own_words(node) else None
