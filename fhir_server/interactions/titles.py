"""What a stored resource is called by whoever made it, for lists that people read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from fhir_server.model import exact_json
from fhir_server.model.document import Stored

TITLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "DocumentReference": ("description", "type"),
    "Composition": ("title", "type"),
    "List": ("title", "code"),
    "DiagnosticReport": ("code",),
    "Observation": ("code",),
    "Condition": ("code",),
    "Procedure": ("code",),
    "AllergyIntolerance": ("code",),
    "Immunization": ("vaccineCode",),
})  # fmt: skip
"""Type → the elements that name a resource of it, best first: a text or a CodeableConcept."""

LONGEST: Final = 120
"""Characters of a title."""


def title_of(stored: Stored | None) -> str | None:
    """Return the title of a version; None of what is gone, of other types, and of what has none."""
    if stored is None or stored.deleted or stored.resource_type not in TITLES:
        return None
    resource = exact_json.decode(stored.body)
    texts = (_text(resource.get(element)) for element in TITLES[stored.resource_type])
    title = next((text for text in texts if text), None)
    return None if title is None else title if len(title) <= LONGEST else title[: LONGEST - 1] + "…"


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("text"), str):
        return str(value["text"])
    displays = (coding.get("display") for coding in value.get("coding", ()))
    return next((display for display in displays if isinstance(display, str)), None)
