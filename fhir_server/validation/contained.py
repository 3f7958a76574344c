"""Contained resources: they have no life of their own, only an id within their container.

Spec: https://hl7.org/fhir/R4/references.html#contained
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from fhir_server.model.outcome import Issue
from fhir_server.validation.shapes import Local

NOTHING_LOCAL: Local = MappingProxyType({})

_META_OF_CONTAINED = (
    ("versionId", "dom-4"),
    ("lastUpdated", "dom-4"),
    ("security", "dom-5"),
)


def local_resources(resource: Any) -> Local:
    """Return what `#id` can reach in a resource, itself included; whatever is malformed is left out."""
    if type(resource) is not dict or "contained" not in resource:
        return NOTHING_LOCAL
    found: dict[str, str] = {"": str(resource.get("resourceType"))}
    contained = resource["contained"]
    for item in contained if type(contained) is list else ():
        if type(item) is dict and type(item.get("id")) is str:
            found.setdefault(item["id"], str(item.get("resourceType")))
    return found


def repeated_id_faults(resource: dict[str, Any], path: str, _local: Local) -> Iterator[Issue]:
    """Yield the resources in `resource.contained` that have the id of an earlier one."""
    seen: set[str] = set()
    for index, item in enumerate(resource.get("contained", ())):
        identity = item.get("id")
        if identity in seen:
            place = f"{path}.contained[{index}].id"
            yield Issue("invariant", f"{place} is that of another contained resource as well.", place)
        elif identity is not None:
            seen.add(identity)


def contained_faults(item: dict[str, Any], place: str, _local: Local) -> Iterator[Issue]:
    """Yield what a resource has, or lacks, that it may not as a contained one."""
    if "id" not in item:
        yield Issue(
            "missing-element", f"{place}.id is missing: a contained resource needs one.", f"{place}.id"
        )
    if "contained" in item:
        expression = f"{place}.contained"
        yield Issue(
            "invariant", f"{place} is contained itself and may not contain others (dom-2).", expression
        )
    meta = item.get("meta", {})
    for name, key in _META_OF_CONTAINED:
        if name in meta or f"_{name}" in meta:
            expression = f"{place}.meta.{name}"
            yield Issue(
                "invariant", f"{expression} is not allowed in a contained resource ({key}).", expression
            )
