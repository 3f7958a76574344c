"""What ElementDefinitions say in extensions: least length, values by extension, further bindings, narratives.

Spec: https://hl7.org/fhir/extensions/extension-registry.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from profiles.build_structures import extension_value
from profiles.definitions import Binding, BindingStrength, NarrativeControl

_FHIR: Final = "http://hl7.org/fhir/StructureDefinition/"
_R5: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."
_MIN_LENGTH: Final = _FHIR + "minLength"
_ALTERNATIVES: Final = frozenset({_R5 + "valueAlternatives", _FHIR + "elementdefinition-valueAlternatives"})
_FURTHER: Final = frozenset(
    {_R5 + "binding.additional", "http://hl7.org/fhir/tools/StructureDefinition/additional-binding"}
)
_LANGUAGES: Final = _FHIR + "narrative-language-control"
_SOURCES: Final = _FHIR + "narrative-source-control"
_STRENGTHS: Final[Mapping[str, BindingStrength]] = {
    "required": "required",
    "maximum": "required",
    "extensible": "extensible",
}
"""By the purpose of a further binding; the others are for people who choose codes."""
_LEVELS: Final[Mapping[str, Literal["error", "warning", "information"]]] = {
    "fatal": "error",
    "error": "error",
    "warning": "warning",
    "information": "information",
}
_CONDITIONAL: Final = frozenset({"usage", "any"})
"""Parts that make a further binding hold for some uses, or for one repetition only."""


def least_length(row: Mapping[str, Any]) -> int | None:
    """Return the least length of a text, in characters.  Raises ValueError if it is no number."""
    text = extension_value(row, _MIN_LENGTH, "valueInteger")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise ValueError("the least length is no number of 0 or more")
    return int(text)


def value_alternatives(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the canonicals of the extensions that may stand where the value is missing."""
    return tuple(str(each["valueCanonical"]) for each in _extensions(row) if each.get("url") in _ALTERNATIVES)


def further_bindings(row: Mapping[str, Any]) -> tuple[Binding, ...]:
    """Return the bindings beside the binding that hold always and that a code can break.

    Raises one of `read_profile.FAULTS` if they are malformed.
    """
    binding = row.get("binding")
    return tuple(_further(binding)) if isinstance(binding, Mapping) else ()


def narrative_control(row: Mapping[str, Any]) -> NarrativeControl | None:
    """Return what an element asks of the narrative in it, None if it asks nothing."""
    languages = tuple(str(each["valueCode"]) for each in _extensions(row) if each.get("url") == _LANGUAGES)
    sources = _LEVELS.get(extension_value(row, _SOURCES, "valueCode") or "")
    return NarrativeControl(languages, sources) if languages or sources is not None else None


def _further(binding: Mapping[str, Any]) -> Iterator[Binding]:
    for each in _extensions(binding):
        if each.get("url") not in _FURTHER:
            continue
        parts = {part["url"]: part for part in _extensions(each)}
        strength = _STRENGTHS.get(parts["purpose"]["valueCode"])
        if strength is not None and not parts.keys() & _CONDITIONAL:
            value_set = str(parts["valueSet"]["valueCanonical"])
            yield Binding(strength, value_set.partition("|")[0])


def _extensions(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    found = row.get("extension", ())
    yield from found
