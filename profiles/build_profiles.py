"""The profiles of a package, with their snapshots, as they are kept; what is wrong with them, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.fhirpath import FhirPathError, compile
from profiles.definitions import Profile
from profiles.library import Library
from profiles.package import DefinitionError
from profiles.packed import packed
from profiles.read_profile import profile_of
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BuiltProfiles:
    """`facts` by canonical; `left_out`: canonical → reason; `warnings` name the profile and the place."""

    facts: Mapping[str, Facts]
    profiles: Mapping[str, Profile]
    left_out: Mapping[str, str]
    warnings: tuple[str, ...]


def build_profiles(trees: Mapping[str, Facts], registry: Registry) -> BuiltProfiles:
    """Return the profiles of these StructureDefinitions, over the types and profiles of the Registry.

    A snapshot that comes with a definition is kept; otherwise it is made.  What cannot be used is left out.
    """
    library = Library(registry, trees.values())
    found: dict[str, Profile] = {}
    facts: dict[str, Facts] = {}
    left_out: dict[str, str] = {}
    for url in sorted(trees):
        try:
            profile = _profile(url, trees[url], library)
            facts[url] = packed(profile, registry.structures)
            found[url] = profile
        except DefinitionError as fault:
            left_out[url] = fault.reason if fault.definition == url and not fault.element else str(fault)
    warnings = tuple(faulty_invariants(found.values(), registry))
    return BuiltProfiles(facts, found, left_out, warnings)


def faulty_invariants(profiles: Iterable[Profile], registry: Registry) -> Iterator[str]:
    """Yield a sentence for each invariant whose expression does not compile, naming profile and element."""
    types = RegistryTypeModel(registry)
    faults: dict[str, str | None] = {}
    for profile in profiles:
        for place, rule in profile.invariants.items():
            if rule.expression not in faults:
                faults[rule.expression] = _fault(rule.expression, types)
            if faults[rule.expression] is not None:
                element = next(each.id for each in profile.elements if place in each.constraints)
                reason = faults[rule.expression]
                yield f"{profile.url}, element {element}: invariant {rule.key} does not compile: {reason}"


def _fault(expression: str, types: RegistryTypeModel) -> str | None:
    try:
        compile(expression, types=types)
    except FhirPathError as fault:
        return str(fault)
    return None


def _profile(url: str, tree: Facts, library: Library) -> Profile:
    try:
        profile = library.profile(url)
    except DefinitionError:
        if not tree.get("snapshot"):
            raise
        # A broken snapshot says nothing about the differential.
        return library.generated(url)
    return profile if profile is not None else profile_of(tree)
