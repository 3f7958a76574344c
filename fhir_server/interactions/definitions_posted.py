"""Definitions that were posted, laid over those of the packages: snapshots are made when they are asked for.

Of several with one canonical the one changed last counts; with its version each is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import RLock
from typing import Any, Final

from fhir_server.interactions.definitions_source import STRUCTURE
from profiles.definitions import Profile
from profiles.lazy import laid_over
from profiles.library import Library
from profiles.overlay import with_profiles
from profiles.package import DefinitionError
from profiles.read_profile import FAULTS
from profiles.read_terminology import terminology_of
from profiles.registry import Registry

Tree = Mapping[str, Any]

CONSTRAINT: Final = "constraint"


def is_profile(tree: Tree) -> bool:
    """Return whether a definition constrains a type: others (logical models, types) are only stored."""
    return tree.get("resourceType") == STRUCTURE and tree.get("derivation") == CONSTRAINT


class PostedProfiles(Mapping[str, Profile]):
    """Profiles by `url` and `url|version`; one that cannot be made is not there.  Safe to share."""

    def __init__(self, registry: Registry, trees: Iterable[Tree]) -> None:
        """`registry` holds what they are based on; `trees` are in the order of their changes."""
        self._registry = registry
        self._newest: dict[str, Tree] = {}
        self._sources: dict[str, Tree] = {}
        for tree in trees:
            url, version = tree.get("url"), tree.get("version")
            if not is_profile(tree) or not isinstance(url, str):
                continue
            self._newest[url] = self._sources[url] = tree
            if isinstance(version, str):
                self._sources[f"{url}|{version}"] = tree
        self._library = Library(registry, self._newest.values())
        self._made: dict[str, Profile | str] = {}
        self._lock = RLock()

    def problem(self, canonical: str) -> str | None:
        """Return why a posted profile cannot be used, None if it can, or is not here."""
        for key in (canonical, canonical.partition("|")[0]):
            if key in self._sources:
                made = self._found(key)
                return made if isinstance(made, str) else None
        return None

    def __getitem__(self, canonical: str) -> Profile:
        made = self._found(canonical)
        if isinstance(made, str):
            raise KeyError(canonical)
        return made

    def __iter__(self) -> Iterator[str]:
        return (canonical for canonical in self._sources if canonical in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _found(self, canonical: str) -> Profile | str:
        tree = self._sources[canonical]
        with self._lock:
            known = self._made.get(canonical)
            if known is None:
                known = self._made[canonical] = self._make(tree)
            return known

    def _make(self, tree: Tree) -> Profile | str:
        url = str(tree["url"])
        library = self._library
        if tree is not self._newest[url]:
            others = (other for key, other in self._newest.items() if key != url)
            library = Library(self._registry, [*others, tree])
        try:
            return made_by(library, url)
        except DefinitionError as fault:
            return str(fault)


def made_by(library: Library, url: str) -> Profile:
    """Return the profile of a library's own source.  Raises DefinitionError, whatever the source says."""
    try:
        profile = library.profile(url)
    except (*FAULTS, RecursionError) as fault:
        raise DefinitionError(url, None, "is malformed") from fault
    if profile is None:
        raise DefinitionError(url, None, "is not here")
    return profile


def registry_with(
    registry: Registry, trees: Sequence[Tree], generation: int
) -> tuple[Registry, PostedProfiles]:
    """Return the Registry with what was posted laid over it, as that generation, and the posted profiles."""
    terminology = terminology_of(trees, registry)
    laid = with_profiles(registry, value_sets=terminology.value_sets, code_systems=terminology.code_systems)
    posted = PostedProfiles(registry, trees)
    profiles: Mapping[str, Profile] = laid_over(registry.profiles, posted)
    return replace(laid, generation=generation, profiles=profiles), posted
