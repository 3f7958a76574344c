"""The definitions that the cases ask for: packages of the corpus, and what a case brings itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from fhir_server.model import exact_json
from fhir_server.model.canonical import without_version
from profiles.archive import read_member_texts
from profiles.build_terminology import Expander, NotEnumerable, code_system, why_left_out
from profiles.definitions import CodeSystem, Profile, ValueSet
from profiles.library import Library
from profiles.package import DefinitionError
from profiles.read_profile import profile_of
from profiles.registry import Registry

Made = TypeVar("Made")

_ALWAYS = (
    "r4-definitions/hl7.fhir.r4.core-4.0.1.tgz",
    "packages/hl7.fhir.uv.extensions.r4-5.3.0-ballot-tc1.tgz",
    "packages/hl7.fhir.uv.xver-r5.r4-0.1.0-derived.tgz",
)
"""What the reference validator has loaded whatever the case, as far as the corpus has it."""

_FOLDERS = {"hl7.fhir.uv.ips#1.1.0": "eu/ips-1.1.0"}
"""Packages that the corpus has as folders."""


class _Head(msgspec.Struct):
    resourceType: str = ""
    url: str = ""
    version: str = ""
    derivation: str = ""
    kind: str = ""


_HEAD = msgspec.json.Decoder(_Head)


@dataclass(slots=True)
class Texts:
    """Unread definitions by canonical, by kind."""

    profiles: dict[str, bytes] = field(default_factory=dict)
    value_sets: dict[str, bytes] = field(default_factory=dict)
    code_systems: dict[str, bytes] = field(default_factory=dict)

    def add(self, data: bytes) -> None:
        """Take one JSON resource; what defines nothing that is looked up here is passed over."""
        try:
            head = _HEAD.decode(data)
        except msgspec.DecodeError:
            return
        kept = {"ValueSet": self.value_sets, "CodeSystem": self.code_systems}.get(head.resourceType)
        if head.resourceType == "StructureDefinition" and head.derivation == "constraint":
            kept = self.profiles
        if kept is not None and head.url:
            kept[head.url] = data
            if head.version:
                kept[f"{head.url}|{head.version}"] = data

    def over(self, below: Texts) -> Texts:
        """Return both, these first."""
        return Texts(
            below.profiles | self.profiles,
            below.value_sets | self.value_sets,
            below.code_systems | self.code_systems,
        )


class _Made(Mapping[str, Made], Generic[Made]):
    """Values made from texts when asked for; what cannot be made is not there."""

    def __init__(self, texts: Mapping[str, bytes], make: Callable[[str, bytes], Made | None]) -> None:
        self._texts = texts
        self._make = make
        self._done: dict[str, Made | None] = {}

    def __getitem__(self, key: str) -> Made:
        if key not in self._done:
            self._done[key] = self._make(key, self._texts[key])
        made = self._done[key]
        if made is None:
            raise KeyError(key)
        return made

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._texts if self.get(key) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Layered(Mapping[str, Made], Generic[Made]):
    """What the first has, else what the second has."""

    def __init__(self, above: Mapping[str, Made], below: Mapping[str, Made]) -> None:
        self._above, self._below = above, below

    def __getitem__(self, key: str) -> Made:
        found = self._above.get(key)
        return self._below[key] if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter({*self._above, *self._below})

    def __len__(self) -> int:
        return len({*self._above, *self._below})


@cache
def archive_texts(path: Path) -> Texts:
    """Return the definitions of a package archive, read once."""
    texts = Texts()
    for member in read_member_texts(path):
        texts.add(member.data)
    return texts


@cache
def folder_texts(path: Path) -> Texts:
    """Return the definitions of a package that lies unpacked in folders, read once."""
    texts = Texts()
    for file in sorted(path.rglob("*.json")):
        texts.add(file.read_bytes())
    return texts


def packages_of(corpus: Path, names: Iterable[str]) -> tuple[Texts, list[str]]:
    """Return the definitions of packages over those always there, and the names that are not to be had."""
    together, missing = Texts(), []
    for name in _ALWAYS:
        together = archive_texts(corpus / name).over(together)
    for name in names:
        place = _place_of(corpus, name)
        if place is None:
            missing.append(name)
        else:
            together = (folder_texts if place.is_dir() else archive_texts)(place).over(together)
    return together, missing


def _place_of(corpus: Path, package: str) -> Path | None:
    if package in _FOLDERS:
        return corpus / _FOLDERS[package]
    for place in (
        corpus / "validator" / package,
        corpus / "packages" / f"{package.replace('#', '-')}.tgz",
    ):
        if place.is_file():
            return place
    return None


def registry_of(core: Registry, texts: Texts, brought: Iterable[bytes]) -> Registry:
    """Return the Registry of R4 core with these definitions over it.

    `brought` are the StructureDefinitions among them that may be without a snapshot.
    """
    systems: _Made[CodeSystem] = _Made(texts.code_systems, _code_system)
    expander = Expander(
        _Made(texts.value_sets, lambda _, data: {"compose": exact_json.decode(data).get("compose")}),
        _Layered(systems, core.code_systems),
    )

    def value_set(key: str, _data: bytes) -> ValueSet | None:
        url = without_version(key)
        try:
            return ValueSet(url=url, systems=expander.expand(url))
        except (NotEnumerable, KeyError):
            return None

    bare = replace(core, profiles=_Layered(_Made(texts.profiles, _given), core.profiles))
    # Some definitions of the suite have no name, which R4 asks for; what they say is clear without it.
    library = Library(bare, ({"name": "Unnamed", **exact_json.decode(data)} for data in brought))

    def profile(key: str, data: bytes) -> Profile | None:
        try:
            return library.profile(key)
        except DefinitionError:
            return None

    return replace(
        core,
        generation=core.generation + 1,
        profiles=_Layered(_Made(texts.profiles, profile), core.profiles),
        value_sets=_Layered(_Made(texts.value_sets, value_set), core.value_sets),
        code_systems=_Layered(systems, core.code_systems),
    )


def _given(_key: str, data: bytes) -> Profile | None:
    try:
        return profile_of(exact_json.decode(data))
    except DefinitionError:
        return None


def _code_system(_key: str, data: bytes) -> CodeSystem | None:
    tree: dict[str, Any] = exact_json.decode(data)
    return code_system(tree) if why_left_out(tree) is None else None
