"""What an observation found: `value`, what it means, and what a negation makes of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.datatypes import absent_concept, codeable_concept, value
from importers.cda.entries.value_text import as_text
from importers.cda.xml import children

_LEGAL = frozenset(
    [
        "Quantity",
        "CodeableConcept",
        "String",
        "Boolean",
        "Integer",
        "Range",
        "Ratio",
        "SampledData",
        "Time",
        "DateTime",
        "Period",
    ]
)
"""The types of Observation.value[x].
Spec: http://hl7.org/fhir/R4/observation-definitions.html#Observation.value_x_"""

NEGATIVE: Mapping[str, Any] = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
            "code": "NEG",
            "display": "Negative",
        }
    ]
}


def values_of(
    cv: Conversion, node: Element, code: Mapping[str, Any], negated: bool
) -> tuple[dict[str, Any], list[Element]]:
    """Return what the values of an observation become, and the values that hold a file or an image.

    One value is `value[x]`, several are components under the observation's own code (obs-7).  A null
    flavor is `dataAbsentReason`.  Where the statement is denied (`negated`): a boolean, or no value, is
    `valueBoolean` false; a coded finding becomes a component of its own code with `valueBoolean` false, so
    that nobody who reads `value[x]` takes for present what was said to be absent.
    """
    found: list[dict[str, Any]] = []
    files: list[Element] = []
    why: dict[str, Any] | None = None
    for each in children(node, "value"):
        item = _one(cv, each, files)
        if item:
            found.append(item)
        elif each not in files:
            why = why or absent_concept(cv, each)
    if negated:
        return _denied(cv, node, code, found), files
    if len(found) > 1:
        return {"component": [{"code": dict(code), **item} for item in found]}, files
    result: dict[str, Any] = dict(found[0]) if found else {}
    if not found and why:
        result["dataAbsentReason"] = why
    return result, files


def interpretations(cv: Conversion, node: Element) -> list[dict[str, Any]]:
    """Return the `interpretationCode` of an observation."""
    found = (codeable_concept(cv, each) for each in children(node, "interpretationCode"))
    return [concept for concept in found if concept]


def put_file(resource: dict[str, Any], reference: Reference) -> None:
    """Say that an observation was read from a file or an image."""
    resource.setdefault("derivedFrom", []).append(reference)


def _one(cv: Conversion, node: Element, files: list[Element]) -> dict[str, Any]:
    converted = value(cv, node)
    if converted is None:
        return {}
    suffix, content = converted
    if suffix == "Attachment" and ("data" in content or "url" in content):
        files.append(node)
        return {}
    if suffix == "Decimal":
        return {"valueQuantity": {"value": content}}
    if suffix in _LEGAL:
        return {f"value{suffix}": content}
    text = as_text(suffix, content)
    return {"valueString": text} if text else {}


def _denied(
    cv: Conversion, node: Element, code: Mapping[str, Any], found: list[dict[str, Any]]
) -> dict[str, Any]:
    said = [item for item in found if "valueBoolean" not in item]
    if any(item.get("valueBoolean") is False for item in found):
        cv.issue(
            "warning",
            "negation",
            "The statement is negated and its value is false: carried as false, not turned into true.",
            node,
        )
    if not said:
        return {"valueBoolean": False}
    return {"component": [_denied_component(code, item) for item in said], "interpretation": [dict(NEGATIVE)]}


def _denied_component(code: Mapping[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    concept = item.get("valueCodeableConcept")
    if concept is not None:
        return {"code": concept, "valueBoolean": False}
    return {"code": dict(code), **item, "interpretation": [dict(NEGATIVE)]}
