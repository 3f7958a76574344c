"""Loads built packages into one immutable Registry: small things at once, large ones when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from profiles.definitions import (
    CodeSystem,
    ElementDefinition,
    Invariant,
    Kind,
    OperationDefinition,
    SearchParameter,
    StructureDefinition,
    ValueSet,
)
from profiles.dependencies import built_package, built_packages, load_order, place_of
from profiles.lazy import LazyMapping
from profiles.load_profiles import load_profiles, profile_types
from profiles.package import DATA, PackageError
from profiles.registry import Package, Registry

R4_CORE = "hl7.fhir.r4.core#4.0.1"

Compartments = Mapping[str, Mapping[str, tuple[str, ...]]]
Parameters = Mapping[str, Mapping[str, SearchParameter]]
Item = TypeVar("Item")


class _Invariant(msgspec.Struct):
    severity: Any
    expression: str


class _Structure(msgspec.Struct):
    name: str
    url: str
    kind: Kind
    base: str | None
    abstract: bool
    elements: tuple[ElementDefinition, ...]
    pattern: str | None = None
    invariants: dict[str, _Invariant] = {}


class _Outline(msgspec.Struct):
    """As much of a structure as the type hierarchy needs; the elements are passed over."""

    kind: Kind
    base: str | None
    abstract: bool


class _CodeSystem(msgspec.Struct):
    url: str
    parents: dict[str, tuple[str, ...]]
    concepts: dict[str, str]
    case_sensitive: bool = True


class _ValueSet(msgspec.Struct):
    url: str
    whole: tuple[str, ...] = ()
    codes: dict[str, tuple[str, ...]] = {}
    listed: dict[str, dict[str, str]] = {}


_STRUCTURE = msgspec.json.Decoder(_Structure)
_CODE_SYSTEM = msgspec.json.Decoder(_CodeSystem)
_VALUE_SET = msgspec.json.Decoder(_ValueSet)


def load_registry(
    packages: Sequence[str] = (R4_CORE,), generation: int = 1, *, folder: Path | Sequence[Path] = DATA
) -> Registry:
    """Return the Registry of these packages (`ID#VERSION`), which lie built below one of the folders.

    The packages that one was built over are loaded before it, named or not.  Where two packages define the
    same thing, the later one counts.  Raises PackageError if a package is not there or its files are not what
    `profiles.build` writes.
    """
    searched = (folder,) if isinstance(folder, Path) else tuple(folder)
    folders = [place_of(name, searched) for name in load_order(packages, searched)]
    texts = _merged(_read(place / "structures.json", dict[str, Raw]) for place in folders)
    outlines = {name: msgspec.json.decode(text, type=_Outline) for name, text in texts.items()}
    code_systems = LazyMapping(
        _merged(_read(place / "code-systems.json", dict[str, Raw]) for place in folders), _code_system
    )
    structures = LazyMapping(texts, structure_of)
    operations = [
        operation
        for place in folders
        for operation in _read(place / "operations.json", tuple[OperationDefinition, ...])
    ]
    profiles = [_read(place / "profiles.json", dict[str, Raw]) for place in folders]
    return Registry(
        generation=generation,
        packages=tuple(built_package(place) for place in folders),
        structures=structures,
        parameters=_parameters(folders, outlines),
        compartments=_compartments(folders),
        value_sets=_value_sets(folders, code_systems),
        resource_types=frozenset(
            name for name, outline in outlines.items() if outline.kind == "resource" and not outline.abstract
        ),
        code_systems=code_systems,
        operations=MappingProxyType({operation.url: operation for operation in operations}),
        profiles=load_profiles(profiles, structures),
        profile_types=profile_types(profiles),
    )


def list_packages(folder: Path = DATA) -> tuple[Package, ...]:
    """Return the packages that lie built right below `folder`, by name.

    Raises PackageError if one of them is damaged.
    """
    return built_packages((folder,))


def _read(path: Path, kind: type[Item]) -> Item:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise PackageError(f"{path.parent.name}/{path.name} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise PackageError(
            f"{path.parent.name}/{path.name} is damaged ({error}); build the package again."
        ) from error


def _merged(maps: Iterable[dict[str, Raw]]) -> dict[str, Raw]:
    merged: dict[str, Raw] = {}
    for texts in maps:
        merged.update(texts)
    return merged


def structure_of(name: str, text: Raw) -> StructureDefinition:
    """Return the type whose facts are `text`.  Raises msgspec.DecodeError if they are damaged."""
    read = _STRUCTURE.decode(text)
    invariants = {
        key: Invariant(key=key, severity=rule.severity, expression=rule.expression, human=key)
        for key, rule in read.invariants.items()
    }
    return StructureDefinition(
        name=name,
        url=read.url,
        kind=read.kind,
        base=read.base,
        abstract=read.abstract,
        elements=read.elements,
        invariants=MappingProxyType(invariants),
        pattern=read.pattern,
    )


def _parameters(folders: Sequence[Path], outlines: Mapping[str, _Outline]) -> Parameters:
    by_base: dict[str, dict[str, SearchParameter]] = {}
    for place in folders:
        for parameter in _read(place / "search-parameters.json", tuple[SearchParameter, ...]):
            for base in parameter.bases:
                by_base.setdefault(base, {})[parameter.code] = parameter
    found: dict[str, Mapping[str, SearchParameter]] = {}
    for name, outline in outlines.items():
        if outline.kind == "resource" and not outline.abstract:
            codes: dict[str, SearchParameter] = {}
            for ancestor in reversed(_lineage(name, outlines)):
                codes.update(by_base.get(ancestor, {}))
            found[name] = MappingProxyType(codes)
    return MappingProxyType(found)


def _lineage(name: str, outlines: Mapping[str, _Outline]) -> list[str]:
    """The type, what it specialises, and so on up."""
    lineage: list[str] = []
    step: str | None = name
    while step is not None and step in outlines and step not in lineage:
        lineage.append(step)
        step = outlines[step].base
    return lineage


def _compartments(folders: Sequence[Path]) -> Compartments:
    found: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for place in folders:
        for name, links in _read(place / "compartments.json", dict[str, dict[str, tuple[str, ...]]]).items():
            found[name] = MappingProxyType(links)
    return MappingProxyType(found)


def _value_sets(folders: Sequence[Path], code_systems: Mapping[str, CodeSystem]) -> Mapping[str, ValueSet]:
    def make(url: str, text: Raw) -> ValueSet:
        read = _VALUE_SET.decode(text)
        systems: dict[str, Mapping[str, str]] = {
            system: code_systems[system].concepts for system in read.whole
        }
        for system, codes in read.codes.items():
            displays = code_systems[system].concepts
            # A later package may hold the system in another version, without some of the codes.
            systems[system] = MappingProxyType({code: displays.get(code, "") for code in codes})
        for system, concepts in read.listed.items():
            systems[system] = MappingProxyType(concepts)
        return ValueSet(url=url, systems=MappingProxyType(systems))

    return LazyMapping(_merged(_read(place / "value-sets.json", dict[str, Raw]) for place in folders), make)


def _code_system(url: str, text: Raw) -> CodeSystem:
    read = _CODE_SYSTEM.decode(text)
    return CodeSystem(
        url=url,
        concepts=MappingProxyType(read.concepts),
        parents=MappingProxyType(read.parents),
        case_sensitive=read.case_sensitive,
    )
