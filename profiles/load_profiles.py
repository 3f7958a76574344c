"""The profiles of several packages under one roof, two versions of one canonical among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import msgspec
from msgspec import Raw

from profiles.definitions import Profile, ProfileElement, StructureDefinition, TypeRef
from profiles.lazy import AliasedMapping, LazyMapping
from profiles.packed import unpacked

Pins = Mapping[str, str]
"""Canonical → `canonical|version`."""


class _Version(msgspec.Struct):
    version: str | None = None


class _Type(msgspec.Struct):
    type: str


def load_profiles(
    packages: Sequence[Mapping[str, Raw]], structures: Mapping[str, StructureDefinition]
) -> Mapping[str, Profile]:
    """Return profiles by canonical and by `canonical|version`; without a version the last package counts.

    `packages`: canonical → text of `profiles.json`, in their order.  Where a later package has another
    version of a definition, the profiles of the earlier one still mean their own.
    """
    texts: dict[str, Raw] = {}
    aliases: dict[str, str] = {}
    homes: dict[str, int] = {}
    keys = [_keys(package) for package in packages]
    for number, package in enumerate(packages):
        for url, text in package.items():
            key = keys[number][url]
            texts[key], homes[key] = text, number
            aliases[url] = aliases[key] = key
    pins = [{url: key for url, key in own.items() if aliases[url] != key} for own in keys]

    def make(key: str, text: Raw) -> Profile:
        profile = unpacked(key.partition("|")[0], text, structures)
        own = pins[homes[key]]
        return pinned(profile, own) if own else profile

    return AliasedMapping(aliases, LazyMapping(texts, make))


def profile_types(packages: Iterable[Mapping[str, Raw]]) -> Mapping[str, str]:
    """Return what each profile constrains, by canonical, none of them unpacked."""
    texts = (item for package in packages for item in package.items())
    return MappingProxyType({url: msgspec.json.decode(text, type=_Type).type for url, text in texts})


def pinned(profile: Profile, pins: Pins) -> Profile:
    """Return the profile with the versions of these canonicals said wherever it names one without."""
    elements = tuple(_element(element, pins) for element in profile.elements)
    return replace(profile, elements=elements, base=pins.get(profile.base, profile.base))


def _keys(package: Mapping[str, Raw]) -> dict[str, str]:
    versions = {url: msgspec.json.decode(text, type=_Version).version for url, text in package.items()}
    return {url: url if version is None else f"{url}|{version}" for url, version in versions.items()}


def _element(element: ProfileElement, pins: Pins) -> ProfileElement:
    types = tuple(_type(kind, pins) for kind in element.types)
    return element if types == element.types else replace(element, types=types)


def _type(kind: TypeRef, pins: Pins) -> TypeRef:
    return TypeRef(kind.code, _pinned(kind.targets, pins), _pinned(kind.profiles, pins))


def _pinned(canonicals: Iterable[str], pins: Pins) -> tuple[str, ...]:
    return tuple(pins.get(canonical, canonical) for canonical in canonicals)
