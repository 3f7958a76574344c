"""What an earlier version of a document said, once it is replaced: kept, and withdrawn.

Everything gets a tag.  What the later version says again must not be found to hold twice, and what it says
otherwise must not stand beside it: the status becomes the one that R4 has for a record that was withdrawn,
a modifier that no reader may pass over.  It says nothing of the person, as `inactive` or `resolved` would.
The history of each resource has what was said before.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

TAG: Final = MappingProxyType({
    "system": "http://hl7.org/fhir/document-reference-status",
    "code": "superseded",
    "display": "Superseded",
})  # fmt: skip
APART: Final = frozenset({"Patient", "Binary", "Provenance"})
"""Types that say the same whatever became of the document."""
WITHDRAWN: Final = "entered-in-error"
STATUS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CarePlan": "status",
        "Consent": "status",
        "Coverage": "status",
        "Device": "status",
        "DeviceRequest": "status",
        "DeviceUseStatement": "status",
        "DiagnosticReport": "status",
        "Encounter": "status",
        "FamilyMemberHistory": "status",
        "Goal": "lifecycleStatus",
        "ImagingStudy": "status",
        "Immunization": "status",
        "Media": "status",
        "MedicationAdministration": "status",
        "MedicationDispense": "status",
        "MedicationRequest": "status",
        "MedicationStatement": "status",
        "Observation": "status",
        "Procedure": "status",
        "ServiceRequest": "status",
        "Specimen": "status",
    }
)
"""Type → the element whose code says that the record is withdrawn.  The types without a row have none: of
them, and of the Composition, which is as it was, the tag alone tells."""

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_VERIFICATION = MappingProxyType({
    "AllergyIntolerance": f"{_TERMINOLOGY}allergyintolerance-verification",
    "Condition": f"{_TERMINOLOGY}condition-ver-status",
})  # fmt: skip
_CLINICAL = frozenset({
    "clinicalStatus", "abatementDateTime", "_abatementDateTime", "abatementAge", "abatementPeriod",
    "abatementRange", "abatementString", "_abatementString",
})  # fmt: skip
"""What these two types may not say of a record that is withdrawn (ait-2, con-4, con-5).
Spec: https://hl7.org/fhir/R4/condition.html#invs"""


def is_superseded(resource: Mapping[str, Any]) -> bool:
    """Return whether a resource is tagged already."""
    tags = (resource.get("meta") or {}).get("tag", ())
    return any((tag.get("system"), tag.get("code")) == (TAG["system"], TAG["code"]) for tag in tags)


def superseded(resource: dict[str, Any]) -> dict[str, Any]:
    """Return the resource as it is when its document is replaced, itself where that changes nothing."""
    resource_type = resource["resourceType"]
    if resource_type in APART or is_superseded(resource):
        return resource
    meta = dict(resource.get("meta") or {})
    meta["tag"] = [*meta.get("tag", ()), dict(TAG)]
    changed = _with_meta(resource, meta)
    status = STATUS.get(resource_type)
    if status is not None:
        changed[status] = WITHDRAWN
    if resource_type == "DocumentReference":
        changed["status"] = "superseded"
    if resource_type in _VERIFICATION:
        changed = {name: value for name, value in changed.items() if name not in _CLINICAL}
        coding = {"system": _VERIFICATION[resource_type], "code": WITHDRAWN}
        changed["verificationStatus"] = {"coding": [coding]}
    return changed


def _with_meta(resource: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    if "meta" in resource:
        return {**resource, "meta": meta}
    return {"resourceType": resource["resourceType"], "meta": meta, **resource}
