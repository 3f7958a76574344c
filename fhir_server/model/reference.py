"""References between resources: what kind a reference is and what it points to.

Spec: https://hl7.org/fhir/R4/references.html#literal
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from fhir_server.model.ids import ID_PATTERN

_RELATIVE = re.compile(
    r"(?P<base>(?:https?)://[^?#]+/)?(?P<type>[A-Z][A-Za-z]{1,63})/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?(?:#(?P<fragment>.+))?\Z"
)
_CONDITIONAL = re.compile(r"(?P<type>[A-Z][A-Za-z]{1,63})\?(?P<query>.+)\Z", re.DOTALL)


class ReferenceKind(Enum):
    """How `Reference.reference` names its target."""

    RELATIVE = "relative"
    """`Patient/1`, optionally versioned, on this server."""
    ABSOLUTE = "absolute"
    """An http(s) RESTful URL, `https://other/fhir/Patient/1`."""
    CONTAINED = "contained"
    """`#p1`, or `#` for the container itself."""
    CONDITIONAL = "conditional"
    """`Patient?identifier=…`, only inside a transaction."""
    URN = "urn"
    """`urn:uuid:…` or `urn:oid:…`."""
    OTHER = "other"
    """Any other URI."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed `Reference.reference`; parts that the kind does not have are None."""

    kind: ReferenceKind
    text: str
    type: str | None = None
    id: str | None = None
    version: str | None = None
    fragment: str | None = None
    query: str | None = None
    base: str | None = None

    @property
    def local(self) -> str | None:
        """`Type/id` if the reference is relative, else None."""
        return f"{self.type}/{self.id}" if self.kind is ReferenceKind.RELATIVE else None


def parse_reference(text: str, base_url: str | None = None) -> Reference:
    """Return the parsed reference; a URL below `base_url` counts as relative.

    Never raises: what has no other form is `ReferenceKind.OTHER`.
    """
    if text.startswith("#"):
        return Reference(ReferenceKind.CONTAINED, text, fragment=text[1:])
    if text.startswith("urn:"):
        return Reference(ReferenceKind.URN, text)
    match = _RELATIVE.match(text)
    if match is not None:
        base = match["base"]
        if base is not None and base_url is not None and base == base_url.rstrip("/") + "/":
            base = None
        kind = ReferenceKind.RELATIVE if base is None else ReferenceKind.ABSOLUTE
        return Reference(
            kind, text, type=match["type"], id=match["id"], version=match["version"],
            fragment=match["fragment"], base=base,
        )  # fmt: skip
    match = _CONDITIONAL.match(text)
    if match is not None:
        return Reference(ReferenceKind.CONDITIONAL, text, type=match["type"], query=match["query"])
    return Reference(ReferenceKind.OTHER, text)


def is_id(text: str) -> bool:
    """Return whether `text` is a legal logical id.  Spec: https://hl7.org/fhir/R4/datatypes.html#id"""
    return ID_PATTERN.match(text) is not None
