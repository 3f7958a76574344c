"""Which built packages a package needs, and in which order they are loaded before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from profiles.package import PackageError, PackageName, parse_package_name
from profiles.registry import Package

CORE = "hl7.fhir.r4.core"
_SUFFIX = ".r4"
"""What the id of a package made for all versions of FHIR gets where it is made for R4."""


def place_of(name: PackageName, folders: Sequence[Path]) -> Path:
    """Return where a package lies built.  Raises PackageError if it is in none of the folders."""
    for folder in folders:
        if (folder / name.folder / "package.json").is_file():
            return folder / name.folder
    raise PackageError(f"{name} is not built; run: fhir-server package build '{name}'.")


def built_package(place: Path) -> Package:
    """Return what a built package says of itself.  Raises PackageError if it is damaged."""
    path = place / "package.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Package)
    except OSError as error:
        raise PackageError(f"{place.name}/{path.name} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise PackageError(
            f"{place.name}/{path.name} is damaged ({error}); build the package again."
        ) from error


def built_packages(folders: Iterable[Path], besides: str | None = None) -> tuple[Package, ...]:
    """Return the packages that lie built right below these folders, each folder's by name.

    `besides` is the folder of a package that is not looked at: one that is built again may be damaged.
    Raises PackageError if one of them is damaged.
    """
    return tuple(
        built_package(path.parent)
        for folder in folders
        for path in sorted(folder.glob("[!.]*/package.json"))
        if path.parent.name != besides
    )  # fmt: skip


def load_order(names: Iterable[str], folders: Sequence[Path]) -> tuple[PackageName, ...]:
    """Return the packages with all that they were built over, each behind what it needs.

    Raises PackageError if a name is none, or one is not built.
    """
    order: dict[PackageName, None] = {}
    for text in names:
        name = parse_package_name(text)
        for needed in built_package(place_of(name, folders)).depends:
            order.setdefault(parse_package_name(needed))
        # One that is named counts over what is only needed, and over those that are named before it.
        order.pop(name, None)
        order[name] = None
    for name in order:
        place_of(name, folders)
    return tuple(order)


def dependencies_of(
    wanted: Mapping[str, str], name: PackageName, folders: Sequence[Path]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (packages to build over, dependencies that are not here) of a manifest's `dependencies`.

    `wanted`: id → version.  Where that version is not built, another one of the package is taken.  R4 core
    comes first, and with each package all that it was built over itself.
    """
    built = {(package.id, package.version): package for package in built_packages(folders, name.folder)}
    order: dict[str, None] = {}
    missing: list[str] = []
    for id, version in ({CORE: "4.0.1"} | dict(wanted)).items():
        found = _chosen(id, version, built)
        if found is not None:
            order.update(dict.fromkeys((*found.depends, f"{found.id}#{found.version}")))
        elif id != name.id and id != CORE:
            missing.append(f"{id}#{version}")
    return tuple(order), tuple(missing)


def _chosen(id: str, version: str, built: Mapping[tuple[str, str], Package]) -> Package | None:
    for candidate in (id, id + _SUFFIX):
        if (candidate, version) in built:
            return built[candidate, version]
        others = sorted(known for known in built if known[0] == candidate)
        if others:
            return built[others[-1]]
    return None
