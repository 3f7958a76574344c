"""The next generation of a Registry: the same definitions with more laid over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from profiles.definitions import CodeSystem, Profile, ValueSet
from profiles.lazy import laid_over
from profiles.registry import Registry

Item = TypeVar("Item")


def with_profiles(
    registry: Registry,
    profiles: Iterable[Profile] = (),
    *,
    value_sets: Iterable[ValueSet] = (),
    code_systems: Iterable[CodeSystem] = (),
) -> Registry:
    """Return generation N+1: what is given counts where the Registry has the same canonical.

    A profile is found by `url` and, if it has a version, by `url|version`.
    """
    found: dict[str, Profile] = {}
    for profile in profiles:
        found[profile.url] = profile
        if profile.version is not None:
            found[f"{profile.url}|{profile.version}"] = profile
    return replace(
        registry,
        generation=registry.generation + 1,
        profiles=laid_over(registry.profiles, found),
        value_sets=laid_over(registry.value_sets, {each.url: each for each in value_sets}),
        code_systems=laid_over(registry.code_systems, {each.url: each for each in code_systems}),
    )
