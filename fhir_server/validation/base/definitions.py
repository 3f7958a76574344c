"""Definitions as subjects: whether they agree with what they name.

Spec: https://hl7.org/fhir/R4/profiling.html, https://hl7.org/fhir/R4/searchparameter.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fhir_server.model.outcome import Issue
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World, fault
from fhir_server.validation.questionnaire_items import Item, items_of, objects
from profiles.definitions import Profile
from profiles.library import Library
from profiles.package import DefinitionError

_LEAST_COMPONENTS = 2
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")


def profile_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield why the differential of a StructureDefinition cannot be applied to its base."""
    tree = place.value
    if tree.get("derivation") != "constraint" or tree.get("kind") == "logical" or "differential" not in tree:
        return
    try:
        library = Library(world.registry, [{"name": "Unnamed", **tree}], regenerate=True)
        base = tree.get("baseDefinition")
        if isinstance(base, str) and library.tree(base) is not None:
            made = library.profile(tree["url"])
            if made is not None:
                yield from _contradictions(made, world, f"{place.path}.differential")
    except DefinitionError as error:
        yield fault(world.options.definitions, "invariant", str(error), f"{place.path}.differential")
    except (KeyError, TypeError, AttributeError, ValueError):
        return  # structure has said what is malformed


def _contradictions(made: Profile, world: World, path: str) -> Iterator[Issue]:
    """The fixed values that differ from those of the base, and the type profiles of other types."""
    base = world.registry.profile(made.base)
    fixed = {element.id: element.fixed for element in base.elements} if base is not None else {}
    for element in made.elements:
        if fixed.get(element.id) is not None and element.fixed != fixed[element.id]:
            text = f"{element.id} is fixed to another value than in the base."
            yield fault(world.options.definitions, "invariant", text, path)
        for kind in element.types:
            for canonical in kind.profiles:
                of = _type_of(canonical, world)
                if of is not None and of != kind.code and not _is_abstract(kind.code, world):
                    text = f"{element.id}: {canonical} constrains {of}, not {kind.code}."
                    yield fault(world.options.definitions, "invariant", text, path)


def _is_abstract(name: str, world: World) -> bool:
    structure = world.registry.structures.get(name)
    return structure is not None and structure.abstract


def _type_of(canonical: str, world: World) -> str | None:
    profile = world.registry.profile(canonical)
    if profile is not None:
        return profile.type
    name = canonical.rpartition("/")[2]
    structure = world.registry.structures.get(name)
    return name if structure is not None and structure.url == canonical else None


def parameter_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield a fault where a composite SearchParameter has fewer than two components."""
    components = objects(place.value.get("component"))
    if place.value.get("type") == "composite" and len(components) < _LEAST_COMPONENTS:
        text = "a composite parameter has at least two components."
        yield fault(world.options.definitions, "invariant", text, f"{place.path}.component")


def include_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield a fault where a ValueSet takes codes from a system that is no absolute URI."""
    system = place.value.get("system") if isinstance(place.value, dict) else None
    if isinstance(system, str) and _ABSOLUTE.match(system) is None:
        yield fault(world.options.definitions, "illegal-value", "must be absolute.", f"{place.path}.system")


def supplement_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield a fault where a CodeSystem supplements another one and does not say so in its content."""
    if "supplements" in place.value and place.value.get("content") != "supplement":
        text = "must be supplement, as it supplements another code system."
        yield fault(world.options.definitions, "invariant", text, f"{place.path}.content")


def capability_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield the search parameters of a CapabilityStatement that are of another type than defined."""
    canonical, kind = (place.value.get(name) for name in ("definition", "type"))
    if not isinstance(canonical, str):
        return
    known = world.registry.parameter_by_url(canonical.partition("|")[0])
    if known is not None and kind != known.type:
        text = f"{known.url} is of type {known.type}."
        yield fault(world.options.definitions, "invariant", text, f"{place.path}.type")


def questionnaire_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield the items of a Questionnaire with impossible conditions: on one inside of them, or unjoined.

    The published expression of que-12 counts from three; its words count from two.
    """
    for path, item in _placed(items_of(place.value), place.path):
        inner = {child.link_id for _, child in _placed(item.children, path)}
        conditions = objects(item.node.get("enableWhen"))
        if len(conditions) > 1 and "enableBehavior" not in item.node:
            text = "several conditions need an enableBehavior (que-12)."
            yield fault(world.options.definitions, "invariant", text, f"{path}.enableBehavior")
        for index, condition in enumerate(conditions):
            if condition.get("question") in inner:
                text = "an item cannot be enabled by one inside of it."
                at = f"{path}.enableWhen[{index}].question"
                yield fault(world.options.definitions, "invariant", text, at)


def _placed(items: Sequence[Item], path: str) -> Iterator[tuple[str, Item]]:
    for index, item in enumerate(items):
        at = f"{path}.item[{index}]"
        yield at, item
        yield from _placed(item.children, at)
