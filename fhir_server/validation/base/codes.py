"""Codes: known to their system, shown as it says, inside the value sets that are recommended.

Required bindings are the business of structure.
Spec: https://hl7.org/fhir/R4/terminologies.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from fhir_server.model.outcome import Issue, Severity
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World, fault

_WEAKER: Mapping[str, Severity] = MappingProxyType({"extensible": "warning", "preferred": "information"})


def coding_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield what is wrong with one Coding, whatever it is bound to."""
    if not isinstance(place.value, dict):
        return
    system, code, display = (place.value.get(name) for name in ("system", "code", "display"))
    if not (isinstance(system, str) and isinstance(code, str)) or "|" in system:
        return
    if system not in world.registry.code_systems:
        return
    shown = world.concepts.lookup(system, code)
    if shown is None:
        if world.options.unknown_codes is not None:
            yield fault(
                world.options.unknown_codes,
                "code-not-in-value-set",
                f"{system} has no such code.",
                f"{place.path}.code",
            )
    elif isinstance(display, str) and world.options.wrong_displays is not None:
        known = world.registry.code_systems[system].concepts.get(code)
        if known and not _same(display, known) and _is_english(place):
            yield fault(
                world.options.wrong_displays,
                "illegal-value",
                f"{system} shows this code otherwise.",
                f"{place.path}.display",
            )


def binding_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield a warning or an information for a concept outside of a value set that is recommended."""
    binding = place.element.binding
    severity = _WEAKER.get(binding.strength) if binding is not None else None
    if binding is None or severity is None:
        return
    members = world.concepts.members(binding.value_set)
    if members is None:
        return
    pairs = list(_pairs(place.value))
    if pairs and not any(pair in members for pair in pairs):
        text = f"none of the codes is in {binding.value_set} ({binding.strength})."
        yield fault(severity, "code-not-in-value-set", text, place)


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        return
    codings = value.get("coding", [value])
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                yield system, code


def _same(one: str, other: str) -> bool:
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def _is_english(place: Place) -> bool:
    language = place.scope.resource.get("language")
    return not isinstance(language, str) or language.startswith("en")
