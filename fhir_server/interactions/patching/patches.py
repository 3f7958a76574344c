"""The ways to describe a change, by media type, and what a patch may not change.

To add one: a reader from bytes to a `Patch`, and its media type in `Patches.readers`; the PATCH interaction,
the entries of a Bundle and the CapabilityStatement take it from there.
Spec: https://hl7.org/fhir/R4/http.html#patch
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.fhirpath import TypeModel
from fhir_server.interactions.patching.fhirpath_patch import apply_fhirpath_patch
from fhir_server.interactions.patching.json_patch import apply_json_patch
from fhir_server.model import exact_json
from fhir_server.model.exact_json import MAX_DEPTH, depth_of
from fhir_server.model.outcome import FhirError, Issue, refuse
from fhir_server.validation.structure import StructureValidator

Tree = dict[str, Any]
Patch = Callable[[Tree], Any]
"""From a resource to what it becomes, the first left as it was.  Raises FhirError."""
PatchReader = Callable[[bytes], Patch]
"""From the body of a request.  Raises FhirError where it describes no patch."""

JSON_PATCH = "application/json-patch+json"
SERVER_ASSIGNED = ("versionId", "lastUpdated")
FATAL = frozenset({"fatal", "error"})


def read_json_patch(data: bytes) -> Patch:
    """Return the JSON Patch of a body."""
    described = exact_json.decode(data)
    return lambda tree: apply_json_patch(tree, described)


@dataclass(frozen=True, slots=True)
class FhirPathPatches:
    """Makes patches of Parameters resources."""

    types: TypeModel
    validator: StructureValidator

    def of(self, parameters: Any) -> Patch:
        """Return the FHIRPath Patch of a tree.  Raises FhirError when it is no valid Parameters resource."""
        issues = self.validator.validate(parameters, "Parameters")
        if any(issue.severity in FATAL for issue in issues):
            raise FhirError(*issues)
        return lambda tree: apply_fhirpath_patch(self.types, tree, parameters)

    def reader(self, decode: Callable[[bytes], Any]) -> PatchReader:
        """Return what reads Parameters in the format that `decode` reads."""
        return lambda data: self.of(decode(data))


@dataclass(frozen=True, slots=True)
class Patches:
    """Every way of patching.  `readers` are by media type, in lower case and without parameters."""

    fhirpath: FhirPathPatches
    readers: Mapping[str, PatchReader]

    def of_entry(self, resource: Any, path: str) -> Patch:
        """Return the patch of a Bundle entry: Parameters, or a Binary that holds the body of a patch.

        `path` is the FHIRPath of the resource.  Raises FhirError `malformed-entry` and those of the reader.
        """
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if kind == "Parameters":
            return self.fhirpath.of(resource)
        if kind != "Binary":
            text = "An entry that says PATCH has Parameters (FHIRPath Patch), or a Binary with a patch in it."
            raise refuse("malformed-entry", text, path)
        name = str(resource.get("contentType", "")).partition(";")[0].strip().lower()
        reader = self.readers.get(name)
        if reader is None:
            text = f"The contentType of a patch is one of {', '.join(self.readers)}."
            raise refuse("malformed-entry", text, f"{path}.contentType")
        try:
            return reader(base64.b64decode(str(resource.get("data", ""))))
        except binascii.Error:
            raise refuse("malformed-entry", "The data is not base64.", f"{path}.data") from None


def patched(patch: Patch, tree: Tree) -> Tree:
    """Return what a patch makes of a stored resource, not yet validated.

    Raises FhirError: those of the patch; `type-mismatch`, `id-mismatch` and `server-assigned` where it would
    change what stays; `too-deep`.
    """
    try:
        result = patch(tree)
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(result, dict):
        raise refuse("patch-failed", "The patch leaves no resource.")
    if depth_of(result) > MAX_DEPTH:
        raise _too_deep()
    _refuse_another_identity(tree, result)
    return result


def _refuse_another_identity(before: Tree, after: Tree) -> None:
    kind = before["resourceType"]
    if after.get("resourceType") != kind:
        raise refuse("type-mismatch", "A patch leaves the resource type as it is.", f"{kind}.resourceType")
    if after.get("id") != before.get("id"):
        raise refuse("id-mismatch", "A patch leaves the id as it is.", f"{kind}.id")
    old, new = before.get("meta"), after.get("meta")
    changed = [name for name in SERVER_ASSIGNED if _member(old, name) != _member(new, name)]
    if changed:
        text = "A patch leaves `meta.{}` as it is: the server sets it."
        raise FhirError(
            *(Issue("server-assigned", text.format(name), f"{kind}.meta.{name}") for name in changed)
        )


def _member(node: Any, name: str) -> Any:
    return node.get(name) if isinstance(node, dict) else None


def _too_deep() -> FhirError:
    return refuse("too-deep", f"The patch makes a resource that is nested more than {MAX_DEPTH} deep.")
