"""What an earlier version of a document said, once it is replaced: kept, and no longer said to hold.

Everything gets a tag.  Where a type has a word for "this is not said any more" that is no clinical
statement itself (`unknown`: nobody says which state holds; `inactive`), its status becomes that; a status
that denies something is left as it is, so that no negation is lost.
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
LEFT: Final = frozenset({
    "entered-in-error", "not-done", "not-taken", "cancelled", "declined", "revoked", "rejected", "superseded",
})  # fmt: skip
"""Statuses that stay: what they say is that something did not take place."""

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_INACTIVE = MappingProxyType({
    "AllergyIntolerance": f"{_TERMINOLOGY}allergyintolerance-clinical",
    "Condition": f"{_TERMINOLOGY}condition-clinical",
})  # fmt: skip
STATUS: Final[Mapping[str, str]] = MappingProxyType({
    "CarePlan": "unknown",
    "Consent": "inactive",
    "Device": "inactive",
    "DiagnosticReport": "unknown",
    "DocumentReference": "superseded",
    "Encounter": "unknown",
    "ImagingStudy": "unknown",
    "Media": "unknown",
    "MedicationAdministration": "unknown",
    "MedicationDispense": "unknown",
    "MedicationRequest": "unknown",
    "MedicationStatement": "unknown",
    "Observation": "unknown",
    "Procedure": "unknown",
    "ServiceRequest": "unknown",
    "Specimen": "unavailable",
})  # fmt: skip
"""Type → the status of what is superseded; the types without a row have no such word."""


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
    if status is not None and changed.get("status") not in (None, *LEFT):
        changed["status"] = status
    if resource_type in _INACTIVE and "clinicalStatus" in changed:
        changed["clinicalStatus"] = {"coding": [{"system": _INACTIVE[resource_type], "code": "inactive"}]}
    return changed


def _with_meta(resource: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    if "meta" in resource:
        return {**resource, "meta": meta}
    return {"resourceType": resource["resourceType"], "meta": meta, **resource}
