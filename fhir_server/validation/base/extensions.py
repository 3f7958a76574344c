"""Extensions: where they stand, whether they modify, and whether anybody knows them.

What an extension holds is judged by its own profile, not here.
Spec: https://hl7.org/fhir/R4/extensibility.html, https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fhir_server.model.outcome import Issue
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World, fault
from profiles.definitions import ExtensionContext, Profile
from profiles.registry import Registry

_AT = ".url"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+\Z")
_MOST_SUFFIXES = 27
"""Three for each choice on the way: no context names more than three of them."""
_CORE = "http://hl7.org/fhir/StructureDefinition/"
_OTHER_VERSION = re.compile(r"http://hl7\.org/fhir/[1-6]\.\d/StructureDefinition/extension-[A-Z]")
"""An element of another version of FHIR as an extension: its definition is implied, not published."""


def extension_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield what is wrong with one Extension beyond what it holds."""
    url = place.value.get("url") if isinstance(place.value, dict) else None
    if not isinstance(url, str):
        return
    if _ABSOLUTE.match(url) is None:
        if place.parent is None or place.parent.type != "Extension":
            yield fault(world.options.texts, "illegal-value", "must be an absolute URL.", place, _AT)
        return
    if "|" in url:
        yield fault(world.options.texts, "illegal-value", "may not carry a version.", place, _AT)
        return
    profile = world.registry.profiles.get(url)
    if profile is None or profile.type != "Extension":
        yield from _unknown(place, world, url)
    elif world.options.known_extensions is not None:
        yield from _known(place, world, profile)


def _unknown(place: Place, world: World, url: str) -> Iterator[Issue]:
    options = world.options
    if options.unknown_extensions is None or _OTHER_VERSION.match(url) is not None:
        return
    level = options.unknown_extensions
    if level == "information" and place.element.name == "modifierExtension":
        level = "warning"  # it may turn what is said into its opposite, and nobody here can tell
    if not url.startswith(options.extension_domains):
        yield fault(level, "unknown-element", "no definition is known.", place, _AT)


def _known(place: Place, world: World, profile: Profile) -> Iterator[Issue]:
    level = world.options.known_extensions
    modifies = profile.elements[0].modifier
    if modifies is not (place.element.name == "modifierExtension"):
        wanted, other = ("modifierExtension", "extension") if modifies else ("extension", "modifierExtension")
        text = f"{profile.url} belongs into {wanted}, not {other}."
        yield fault(level, "invariant", text, place, _AT)
    if profile.url.startswith(_CORE):
        level = world.options.core_contexts
    contexts = profile.contexts
    if level is not None and contexts and not any(_fits(context, place, world) for context in contexts):
        allowed = ", ".join(context.expression for context in contexts)
        text = f"{profile.url} may not stand here, only on {allowed}."
        yield fault(level, "invariant", text, place, _AT)


def _fits(context: ExtensionContext, place: Place, world: World) -> bool:
    parent = place.parent
    if parent is None:
        return True
    if context.type == "extension":
        holders = (parent, parent.parent) if parent.element.name == "value[x]" else (parent,)
        return any(_url(holder) == context.expression for holder in holders)
    if context.type == "fhirpath":
        return _selects(context.expression, parent, world)
    expression = context.expression
    if expression.startswith("http"):
        expression = expression.rpartition("/")[2].partition("#")[2] or expression.rpartition("/")[2]
    if expression == "Element":
        return True  # what is meant is anything, resources too
    root = expression.partition(".")[0]
    return root not in world.registry.structures or expression in names_of(parent, world.registry)


def _url(place: Place | None) -> str | None:
    return place.value.get("url") if place is not None and isinstance(place.value, dict) else None


def _selects(expression: str, parent: Place, world: World) -> bool:
    selected = world.selected(expression, parent.scope)
    scope = parent.scope
    path = f"{scope.resource.get('resourceType')}{parent.path[len(scope.path) :]}"
    return selected is None or id(parent.value) in selected or path in selected


def names_of(place: Place, registry: Registry) -> frozenset[str]:
    """Return the element ids that name a place: from its resource, and from each data type around it."""
    names: set[str] = {place.element.path}
    suffixes: list[str] = [""]
    current: Place | None = place
    while current is not None:
        for base in _types(current, registry):
            names.update(base + suffix for suffix in suffixes)
        if current.element.content is not None:
            names.update(current.element.content + suffix for suffix in suffixes)
        if "." not in current.element.path or len(suffixes) > _MOST_SUFFIXES:
            break
        suffixes = [f".{step}{suffix}" for step in _steps(current) for suffix in suffixes]
        current = current.parent
    return frozenset(names)


def _steps(place: Place) -> tuple[str, ...]:
    name = place.element.name
    if not name.endswith("[x]"):
        return (name,)
    short = name.removesuffix("[x]")
    return (name, short, short + place.type[0].upper() + place.type[1:])


def _types(place: Place, registry: Registry) -> Iterator[str]:
    step: str | None = place.type
    while step is not None and step in registry.structures:
        yield step
        step = registry.structures[step].base
