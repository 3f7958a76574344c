"""The `value` of a statement as a FHIR value[x], by its datatype.

Spec: https://hl7.org/fhir/R4/formats.html#choice
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes import numbers
from importers.cda.datatypes.absence import null_flavor
from importers.cda.datatypes.attachments import attachment
from importers.cda.datatypes.codes import codeable_concept
from importers.cda.datatypes.identifiers import identifier
from importers.cda.datatypes.times import date_time, effective
from importers.cda.datatypes.types import guessed_type, type_of
from importers.cda.text import said, text_of
from importers.cda.xml import XSI_TYPE, attr, child, children

Value = tuple[str, Any]
"""(suffix of value[x] in FHIR, the value): `("Quantity", {…})`."""

_Reader = Callable[[Conversion, Element], Value | None]


def value(cv: Conversion, node: Element | None) -> Value | None:
    """Return what an element says and as which choice: `("Quantity", …)`, `("CodeableConcept", …)` …

    None if it says nothing, or only why it says nothing: see `absent_concept` for that.
    """
    if node is None or _is_only_absent(node):
        return None
    name = type_of(cv, node)
    reader = None if name is None else READERS.get(name)
    if reader is None:
        guess = guessed_type(node)
        if name is None and guess is not None:
            cv.issue_once(
                "information", "structure", "A value does not say its datatype: read by its looks.", node
            )
        elif name is not None:
            text = f"The datatype {name[:20]} is not one that is read: read by its looks."
            cv.issue_once("warning", "structure", text, node, name)
        reader = None if guess is None else READERS[guess]
    return None if reader is None else reader(cv, node)


def _is_only_absent(node: Element) -> bool:
    return null_flavor(node) is not None and not len(node) and attr(node, "code") is None and not node.text


def _as(suffix: str, convert: Callable[[Conversion, Element], Any]) -> _Reader:
    def read(cv: Conversion, node: Element) -> Value | None:
        found = convert(cv, node)
        return None if found is None else (suffix, found)

    return read


def _quantity(cv: Conversion, node: Element) -> Value | None:
    """Return a PQ; a value that is no number is kept as the text that it is."""
    given = attr(node, "value")
    if given is not None and numbers.decimal_text(given) is None:
        cv.issue("warning", "number", "The value of a quantity is not a number: it was kept as text.", node)
        cv.take(node, "value", "unit", XSI_TYPE)
        unit = attr(node, "unit")
        return ("String", given if unit is None else f"{given} {unit}")
    if given is None:
        words = said(
            cv, next((o for t in children(node, "translation") for o in children(t, "originalText")), None)
        )
        if words is not None:
            return ("String", words)
    found = numbers.quantity(cv, node)
    return None if found is None else ("Quantity", found)


def _real(cv: Conversion, node: Element) -> Value | None:
    found = numbers.decimal(cv, node)
    return None if found is None else ("Quantity", {"value": found})


def _string(cv: Conversion, node: Element) -> Value | None:
    found = numbers.string(cv, node) or said(cv, node)
    return None if found is None else ("String", found)


def _data(cv: Conversion, node: Element) -> Value | None:
    """Return an ED: a file as Attachment, plain words and a reference into the text as string."""
    is_file = (attr(node, "representation") or "").upper() == "B64"
    pointer = attr(child(node, "reference"), "value") or ""
    is_file = is_file or ":" in pointer
    if not is_file:
        words = said(cv, node)
        if words is not None:
            return ("String", words)
    found = attachment(cv, node)
    return None if found is None else ("Attachment", found)


def _words(cv: Conversion, node: Element) -> Value | None:
    words = text_of(node)
    if not words:
        return None
    cv.take_all(node)
    return ("String", words)


def _telecom(cv: Conversion, node: Element) -> Value | None:
    given = attr(node, "value")
    if given is None:
        return None
    cv.take(node, "value", XSI_TYPE)
    return ("Url", given)


def _event(cv: Conversion, node: Element) -> Value | None:
    """Return an EIVL_TS: the event of daily life that it names."""
    found = codeable_concept(cv, child(node, "event"))
    cv.take(node, XSI_TYPE)
    return None if found is None else ("CodeableConcept", found)


_coded: Final = _as("CodeableConcept", codeable_concept)
_ratio: Final = _as("Ratio", numbers.ratio)
READERS: Final[Mapping[str, _Reader]] = MappingProxyType({
    **dict.fromkeys(("CD", "CE", "CV", "CO", "CS", "CR"), _coded),
    "BL": _as("Boolean", numbers.boolean),
    "BN": _as("Boolean", numbers.boolean),
    "INT": _as("Integer", numbers.integer),
    "REAL": _real,
    "PQ": _quantity,
    "PQR": _as("Quantity", numbers.pqr),
    "MO": _as("Money", numbers.money),
    **dict.fromkeys(("ST", "SC", "string"), _string),
    **dict.fromkeys(("PN", "ON", "TN", "EN", "AD"), _words),
    **dict.fromkeys(("TEL", "URL", "anyURI"), _telecom),
    "ED": _data,
    "EIVL_TS": _event,
    "TS": _as("DateTime", date_time),
    "IVL_TS": lambda cv, node: effective(cv, node),
    "II": _as("Identifier", identifier),
    **dict.fromkeys(("IVL_PQ", "IVL_REAL", "IVL_INT"), lambda cv, node: numbers.ivl_pq(cv, node)),
    **dict.fromkeys(("RTO", "RTO_PQ_PQ", "RTO_QTY_QTY", "RTO_MO_PQ", "RTO_INT_INT"), _ratio),
    "SXCM_TS": _as("DateTime", date_time),
})  # fmt: skip
"""Datatype → what reads it."""
