"""AD as Address, TEL as ContactPoint.

Spec: https://hl7.org/fhir/R4/datatypes.html#address, https://hl7.org/fhir/R4/datatypes.html#contactpoint
"""

from __future__ import annotations

import re
from typing import Any, Final

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes.absence import masked
from importers.cda.datatypes.times import period
from importers.cda.vocabulary import mailbox, value_map
from importers.cda.xml import XSI_TYPE, attr, child, children, local, own_words

Address = dict[str, Any]
ContactPoint = dict[str, Any]

_FIELDS: Final = {
    "country": "country", "state": "state", "county": "district", "city": "city", "postalCode": "postalCode",
}  # fmt: skip
_LINE: Final = "streetAddressLine"
_STREET: Final = (
    "houseNumber", "houseNumberNumeric", "buildingNumberSuffix", "direction", "streetNameType",
    "streetNameBase", "streetName",
)  # fmt: skip
_OTHER_LINES: Final = (
    "careOf", "additionalLocator", "unitType", "unitID", "postBox", "precinct", "censusTract",
    "deliveryAddressLine", "deliveryInstallationType", "deliveryInstallationArea",
    "deliveryInstallationQualifier", "deliveryMode", "deliveryModeIdentifier",
)  # fmt: skip
_PART: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-"
_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>.*)", re.DOTALL)
_NUMBER: Final = re.compile(r"[+(]?[\d\s().+/-]{3,}")


def address(cv: Conversion, node: Element | None) -> Address | None:
    """Return an `addr` as Address: lines as they are, parts of a street as one line with its parts named."""
    if node is None:
        return None
    parts = [(part, local(part), own_words(part)) for part in children(node)]
    result: Address = {}
    lines: list[tuple[str, list[dict[str, str]]]] = []
    for part, name, words in parts:
        if not words:
            continue
        if name in _FIELDS:
            _join(result, _FIELDS[name], words)
        elif name == _LINE:
            lines.append((words, []))
        elif name in _OTHER_LINES:
            lines.append((words, [{"url": f"{_PART}{name}", "valueString": words}]))
        elif name not in _STREET:
            continue
        cv.take(part)
    lines = _street(parts) + lines
    if lines:
        result["line"] = [line for line, _ in lines]
        if any(extensions for _, extensions in lines):
            result["_line"] = [{"extension": known} if known else None for _, known in lines]
    if not result:
        words = own_words(node)
        if not words:
            return masked(cv, node)
        result["text"] = words
    cv.take(node, XSI_TYPE, "text()", "isNotOrdered")
    return _with_use(cv, node, result)


def contact_point(cv: Conversion, node: Element | None) -> ContactPoint | None:
    """Return a `telecom` as ContactPoint: its scheme is the system; None if it reaches nobody."""
    given = attr(node, "value")
    if node is None:
        return None
    if given is None:
        return masked(cv, node)
    cv.take(node, "value", XSI_TYPE)
    found = _SCHEME.fullmatch(given)
    system = value_map("telecom_system").get(found["scheme"].lower()) if found else None
    result: ContactPoint = {"system": "other", "value": given}
    if found is not None and system is not None:
        rest = found["rest"].strip()
        if not rest:
            cv.issue("information", "structure", "A telecom has a scheme and nothing after it.", node)
            return None
        result = {"system": system, "value": given if system == "url" else rest}
    elif found is None:
        result["system"] = _guessed(given)
        if result["system"] != "other":
            cv.issue_once("information", "structure", "Telecoms have no scheme: read by their looks.", node)
    uses = (attr(node, "use") or "").split()
    use = next((known for known in map(value_map("telecom_use").get, uses) if known), None)
    if use is not None:
        result["use"] = use
        cv.take(node, "use")
    validity = period(cv, child(node, "useablePeriod"))
    if validity is not None:
        result["period"] = validity
    return _with_kind(result)


def _with_kind(result: ContactPoint) -> ContactPoint:
    """Return a telecom with what its domain says of it, if it is a mailbox of a kind that a realm knows."""
    row = mailbox(result["value"].rpartition("@")[2]) if result["system"] == "email" else None
    if row is None:
        return result
    return {"extension": [{"url": row["url"], "valueCoding": dict(row["coding"])}], **result}


def contact_points(cv: Conversion, node: Element) -> list[ContactPoint]:
    """Return every telecom among the children of an element."""
    found = (contact_point(cv, each) for each in children(node, "telecom"))
    return [each for each in found if each is not None]


def addresses(cv: Conversion, node: Element) -> list[Address]:
    """Return every address among the children of an element."""
    found = (address(cv, each) for each in children(node, "addr"))
    return [each for each in found if each is not None]


def _street(parts: list[tuple[Element, str, str]]) -> list[tuple[str, list[dict[str, str]]]]:
    found = [(name, words) for _, name, words in parts if words and name in _STREET]
    if not found:
        return []
    known = [{"url": f"{_PART}{name}", "valueString": words} for name, words in found]
    return [(" ".join(words for _, words in found), known)]


def _with_use(cv: Conversion, node: Element, result: Address) -> Address:
    uses = (attr(node, "use") or "").split()
    taken = False
    for field in ("use", "type"):
        known = next((code for code in map(value_map(f"address_{field}").get, uses) if code), None)
        if known is not None:
            result[field] = known
            taken = True
    if taken:
        cv.take(node, "use")
    validity = period(cv, child(node, "useablePeriod"))
    if validity is not None:
        result["period"] = validity
    return result


def _join(result: Address, field: str, words: str) -> None:
    result[field] = f"{result[field]} {words}" if field in result else words


def _guessed(text: str) -> str:
    if "@" in text:
        return "email"
    return "phone" if _NUMBER.fullmatch(text) else "other"
