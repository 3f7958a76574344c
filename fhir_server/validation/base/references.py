"""References: where they lead, and whether what is there is of a type that may be there.

Spec: https://hl7.org/fhir/R4/references.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.model.outcome import Issue
from fhir_server.validation.base.bundle_index import RELATIVE, RESTFUL, Entry
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World, fault

_AT = ".reference"
_URNS = ("urn:uuid:", "urn:oid:")
_WHOLE = frozenset({"document", "message"})
"""Bundles that have to hold what their URNs refer to."""


def reference_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield what is wrong with the target of one Reference."""
    text = place.value.get("reference") if isinstance(place.value, dict) else None
    if not isinstance(text, str) or text.startswith("#") or "?" in text:
        return
    bundle = place.scope.outer.bundle
    if bundle is not None and bundle.resource.get("type") != "history":
        index = world.index_of(bundle)
        found = index.matches(text, place.scope.outer.full_url) or index.by_uuid(text)
        if found:
            yield from _found_faults(place, world, text, found)
            return
        if text.startswith(_URNS) and bundle.resource.get("type") in _WHOLE and not _is_document_link(place):
            text = "no entry has this fullUrl."
            yield fault(world.options.references, "unresolved-reference", text, place, _AT)
            return
    yield from _outside_faults(place, world, text)


def _is_document_link(place: Place) -> bool:
    # The rules of documents speak for the Composition.
    return place.scope.resource.get("resourceType") == "Composition"


def _found_faults(place: Place, world: World, text: str, found: tuple[Entry, ...]) -> Iterator[Issue]:
    bundle = place.scope.outer.bundle
    if bundle is not None and "/_history/" not in text and world.index_of(bundle).is_versioned(found):
        text = "several entries match; name the version that is meant."
        yield fault(world.options.references, "illegal-reference", text, place, _AT)
        return
    yield from _type_faults(place, world, text, found[0].resource)


def _outside_faults(place: Place, world: World, text: str) -> Iterator[Issue]:
    if world.options.unresolved is None or world.resolve is None:
        return
    target = world.parameter_named(text) or world.resolve(text)
    if target is None:
        if RELATIVE.match(text) is not None:
            text = "the target is not known."
            yield fault(world.options.unresolved, "unresolved-reference", text, place, _AT)
        return
    yield from _type_faults(place, world, text, target)


def _type_faults(place: Place, world: World, text: str, target: Mapping[str, Any]) -> Iterator[Issue]:
    level = world.options.references
    kind = target.get("resourceType")
    if kind not in world.registry.resource_types:
        return
    form = RELATIVE.match(text) or RESTFUL.match(text)
    if form is not None and form["type"] in world.registry.resource_types and form["type"] != kind:
        text = f"says {form['type']}, but {kind} is there."
        yield fault(level, "illegal-reference", text, place, _AT)
        return
    allowed = targets_of(place, world)
    if allowed and kind not in allowed:
        text = f"may point to {', '.join(sorted(allowed))}, not to {kind}."
        yield fault(level, "illegal-reference", text, place, _AT)


def targets_of(place: Place, world: World) -> frozenset[str]:
    """Return the resource types that a Reference may point to; empty: any, or not known."""
    named = frozenset(
        target for kind in place.element.types if kind.code == "Reference" for target in kind.targets
    )
    return named if named <= world.registry.resource_types else frozenset()
