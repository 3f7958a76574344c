"""Snapshots on demand: those of a Registry, and those that other definitions still have to get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from profiles.definitions import Profile
from profiles.package import DefinitionError
from profiles.read_profile import definition_url, profile_of, type_name
from profiles.registry import Registry
from profiles.snapshot import snapshot_of, tree_of
from profiles.snapshot_tree import Node, type_tree


class Library:
    """StructureDefinitions by canonical, over the types and profiles of a Registry.

    One that has a snapshot is taken at its word; the others get theirs from their differential when they are
    first asked for.  `regenerate`: all of them do.
    """

    def __init__(
        self, registry: Registry, trees: Iterable[Mapping[str, Any]] = (), *, regenerate: bool = False
    ) -> None:
        """Raises DefinitionError if a tree is no StructureDefinition with a url."""
        self._registry = registry
        self._sources = {definition_url(tree): tree for tree in trees}
        self._regenerate = regenerate
        self._profiles: dict[str, Profile] = {}
        self._trees: dict[str, Node] = {}
        self._open: list[str] = []

    def profile(self, canonical: str) -> Profile | None:
        """Return the profile with its snapshot, None if it is not known.

        Raises DefinitionError if its snapshot cannot be made.
        """
        url = canonical.partition("|")[0]
        source = self._sources.get(url)
        if source is None:
            return self._registry.profile(canonical)
        if url not in self._profiles:
            self._profiles[url] = self._made(url, source)
        return self._profiles[url]

    def generated(self, url: str) -> Profile:
        """Return one of the own sources with the snapshot that its differential makes, whatever it brings.

        Raises DefinitionError if that cannot be made.
        """
        return self._generate(url, self._sources[url])

    def tree(self, canonical: str) -> Node | None:
        """Return the snapshot of a type (by name or canonical) or a profile, None if it is not known.

        Raises DefinitionError if it cannot be made.
        """
        if canonical not in self._trees:
            found = self._tree(canonical)
            if found is None:
                return None
            self._trees[canonical] = found
        return self._trees[canonical]

    def is_open(self, canonical: str) -> bool:
        """Return whether the snapshot of that definition is just being made."""
        return canonical.partition("|")[0] in self._open

    def base_of(self, canonical: str) -> str | None:
        """Return the canonical of the base of one of the own sources, None for others."""
        source = self._sources.get(canonical.partition("|")[0])
        return None if source is None else source.get("baseDefinition")

    def is_below(self, type_code: str, base: str) -> bool:
        """Return whether one type is another or specialises it."""
        step: str | None = type_code
        while step is not None:
            if step == base:
                return True
            structure = self._registry.structures.get(step)
            step = None if structure is None else structure.base
        return False

    def _made(self, url: str, source: Mapping[str, Any]) -> Profile:
        if source.get("snapshot") and not self._regenerate:
            return profile_of(source)
        return self._generate(url, source)

    def _generate(self, url: str, source: Mapping[str, Any]) -> Profile:
        if url in self._open:
            raise DefinitionError(url, None, "is based on itself: " + " → ".join([*self._open, url]))
        self._open.append(url)
        try:
            return snapshot_of(source, self)
        finally:
            self._open.pop()

    def _tree(self, canonical: str) -> Node | None:
        structure = self._registry.structures.get(type_name(canonical.partition("|")[0]))
        if structure is not None:
            return type_tree(structure)
        profile = self.profile(canonical)
        return None if profile is None else tree_of(profile)
