"""The operations of a FHIRPath Patch, read from a Parameters resource.

Spec: https://hl7.org/fhir/R4/fhirpatch.html#format
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fhir_server.interactions.patching.elements import JsonObject
from fhir_server.interactions.patching.part_values import PatchFault
from fhir_server.model.outcome import refuse

OPERATION = "operation"
MAX_OPERATIONS = 1000
MAX_PATHS = 50_000
"""Characters of all paths together: each is compiled anew."""

PARTS: Mapping[str, frozenset[str]] = MappingProxyType({
    "add": frozenset({"path", "name", "value"}),
    "insert": frozenset({"path", "value", "index"}),
    "delete": frozenset({"path"}),
    "replace": frozenset({"path", "value"}),
    "move": frozenset({"path", "source", "destination"}),
})  # fmt: skip
"""What each type of operation consists of, apart from its `type`."""

KEYS: Mapping[str, str] = MappingProxyType({
    "type": "valueCode", "path": "valueString", "name": "valueString", "index": "valueInteger",
    "source": "valueInteger", "destination": "valueInteger",
})  # fmt: skip
"""How each part but the value is written."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `place` is its index in the Parameters; it has all parts of its type and no other."""

    place: int
    type: str
    parts: Mapping[str, tuple[int, JsonObject]]

    def part(self, name: str) -> tuple[str, JsonObject]:
        """Return a part, with its place below the operation."""
        number, part = self.parts[name]
        return f".part[{number}]", part

    def text(self, name: str) -> tuple[str, str]:
        """Return what a part of a text says, with its place."""
        place, part = self.part(name)
        return f"{place}.value", str(part[KEYS[name]])

    def number(self, name: str) -> tuple[str, int]:
        """Return what a part of a whole number says, with its place."""
        place, part = self.part(name)
        return f"{place}.value", int(part[KEYS[name]])


def operations_of(parameters: JsonObject) -> Sequence[Operation]:
    """Return the operations in order.

    Raises FhirError `malformed-patch` with the place, `too-costly` where they are too many or their paths too
    long.
    """
    described = parameters.get("parameter") or []
    if len(described) > MAX_OPERATIONS:
        text = f"A patch has at most {MAX_OPERATIONS} operations; this one has {len(described)}."
        raise refuse("too-costly", text, "Parameters.parameter")
    operations = []
    for place, parameter in enumerate(described):
        try:
            operations.append(_operation(place, parameter))
        except PatchFault as fault:
            where = f"Parameters.parameter[{place}]{fault.place}"
            raise refuse(fault.situation, f"{where}: {fault.what}.", where) from None
    if sum(len(operation.text("path")[1]) for operation in operations) > MAX_PATHS:
        text = f"The paths of a patch have at most {MAX_PATHS} characters together."
        raise refuse("too-costly", text, "Parameters.parameter")
    return operations


def _operation(place: int, parameter: JsonObject) -> Operation:
    if parameter.get("name") != OPERATION:
        raise PatchFault("malformed-patch", ".name", f"each parameter of a patch is named {OPERATION}")
    parts: dict[str, tuple[int, Any]] = {}
    for number, part in enumerate(parameter.get("part") or []):
        name = str(part.get("name", ""))
        if name in parts:
            raise PatchFault("malformed-patch", f".part[{number}].name", "the part is there twice")
        if name in KEYS and KEYS[name] not in part:
            raise PatchFault("malformed-patch", f".part[{number}]", f"`{name}` is written as {KEYS[name]}")
        parts[name] = (number, part)
    kind = str(parts["type"][1]["valueCode"]) if "type" in parts else ""
    wanted = PARTS.get(kind)
    if wanted is None:
        where = f".part[{parts['type'][0]}].value" if "type" in parts else ".part"
        raise PatchFault("malformed-patch", where, f"`type` is one of {', '.join(PARTS)}")
    missing = sorted(wanted - parts.keys())
    if missing:
        raise PatchFault("malformed-patch", ".part", f"`{kind}` needs the part `{missing[0]}`")
    for name, (number, _) in parts.items():
        if name not in wanted and name != "type":
            known = ", ".join(f"`{one}`" for one in sorted(wanted))
            raise PatchFault(
                "malformed-patch", f".part[{number}].name", f"`{kind}` takes {known} and no more"
            )
    return Operation(place, kind, parts)
