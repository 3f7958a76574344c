"""Why a value is not there: nullFlavor as FHIR's data-absent-reason, masked ones never lost.

Spec: https://hl7.org/fhir/R4/extension-data-absent-reason.html
"""

from __future__ import annotations

from typing import Any, Final

from importers.cda.conversion import Conversion, Element
from importers.cda.vocabulary import null_flavors
from importers.cda.xml import attr

Extension = dict[str, Any]

ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_FLAVOR: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-nullFlavor"
_REASONS: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_MASKED: Final = "MSK"


def null_flavor(node: Element | None) -> str | None:
    """Return the null flavor of an element, None if it has none or one that does not exist."""
    flavor = attr(node, "nullFlavor")
    return flavor if flavor in null_flavors() else None


def is_masked(node: Element | None) -> bool:
    """Return whether a value is there but hidden."""
    return attr(node, "nullFlavor") == _MASKED


def data_absent(cv: Conversion, node: Element | None) -> list[Extension] | None:
    """Return the extensions that say why the value of `node` is absent, and mark its nullFlavor as carried.

    None if it has no nullFlavor; one that does not exist is reported.
    """
    given = attr(node, "nullFlavor")
    if given is None or node is None:
        return None
    known = null_flavors().get(given)
    if known is None:
        cv.issue("warning", "null-flavor", "A nullFlavor is not one of HL7.", node)
        return None
    cv.take(node, "nullFlavor")
    extensions: list[Extension] = [{"url": ABSENT, "valueCode": known.reason}]
    if not known.is_exact:
        extensions.append({"url": _FLAVOR, "valueCode": given})
    return extensions


def absent(cv: Conversion, node: Element | None) -> dict[str, Any] | None:
    """Return an element without value, `{"extension": […]}`: a datatype, or `_field` of a primitive."""
    if node is None or node.get("nullFlavor") is None:
        return None
    extensions = data_absent(cv, node)
    return None if extensions is None else {"extension": extensions}


def masked(cv: Conversion, node: Element) -> dict[str, Any] | None:
    """Return the element without value if it is masked; any other nullFlavor is left, with the reason.

    For what may simply be missing: identifiers, names, addresses, telecoms.
    """
    if is_masked(node):
        return absent(cv, node)
    given = null_flavor(node)
    if given is not None:
        cv.leave(node, f"nullFlavor {given} and nothing else: there is no value to carry")
    return None


def absent_concept(cv: Conversion, node: Element | None) -> dict[str, Any] | None:
    """Return the CodeableConcept for `Observation.dataAbsentReason`, None if there is no nullFlavor."""
    extensions = data_absent(cv, node)
    if extensions is None:
        return None
    concept: dict[str, Any] = {"coding": [{"system": _REASONS, "code": extensions[0]["valueCode"]}]}
    if len(extensions) > 1:
        concept["extension"] = extensions[1:]
    return concept
