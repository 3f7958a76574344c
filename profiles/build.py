"""Turns an official package archive into facts under `<out>/<id>-<version>/`.

The facts depend on the content of the archive alone: building twice gives the same bytes, whatever the order
of its members.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Raw

from fhir_server.model.canonical import without_version
from profiles.archive import Member, archive_sha256, read_archive
from profiles.build_collect import MANIFEST, Collected
from profiles.build_profiles import BuiltProfiles, build_profiles
from profiles.build_structures import shorten_targets
from profiles.build_terminology import Expander, NotEnumerable, code_system_facts
from profiles.dependencies import dependencies_of
from profiles.folder import folder_sha256, read_folder
from profiles.lazy import laid_over
from profiles.lines import block_map, compact, line_list, line_map
from profiles.load import load_registry, structure_of
from profiles.package import PackageError, PackageName, parse_package_name
from profiles.registry import Registry
from profiles.rules import RULES, read_rules, rules_sha256
from profiles.selection import narrow, wanted_by

Facts = dict[str, Any]
Progress = Callable[[str], None]

_FHIR_VERSION = "4.0"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What was built: the folder, how many of each kind, and what was left out and why."""

    package: PackageName
    folder: Path
    sha256: str
    licence: str
    counts: Mapping[str, int]
    left_out: Mapping[str, str]
    """Canonical → reason."""
    passed_over: Mapping[str, int]
    """Kind of resource → how many: none of that kind is carried."""
    warnings: tuple[str, ...] = ()
    """Sentences about profiles that are carried although something in them cannot be used."""
    missing: tuple[str, ...] = ()
    """Dependencies (`ID#VERSION`) that are not built here; what they define is not known."""


def build_package(
    archive: Path,
    out: Path,
    expected: PackageName | None = None,
    progress: Progress = lambda _: None,
    *,
    folders: Sequence[Path] = (),
    needed_by: Sequence[Path] | None = None,
) -> BuildReport:
    """Build one package and return what was built; an older build of the same package is replaced whole.

    `archive` is a .tgz, a folder of JSON files or a table of rules (.toml).  `progress` is called with each
    member's name.  The packages that it depends on are looked for in `out` and `folders`.  `needed_by`: of
    the terminology only what those archives refer to is kept, and nothing else.  Raises PackageError: the
    archive is unreadable, hostile, another package than `expected`, or not FHIR R4; an older build stays.
    """
    collected = _collected(archive, progress)
    name = _identity(collected.manifest, archive, expected)
    places = (out, *folders)
    depends, missing = dependencies_of(_dependencies(collected.manifest), name, places)
    earlier = load_registry(depends, 0, folder=places)
    if needed_by is not None:
        wanted = frozenset[str]().union(*(wanted_by(_collected(each, progress)) for each in needed_by))
        narrow(collected, wanted, earlier.code_systems.keys() | earlier.value_sets.keys())
    _shorten(collected)
    built = build_profiles(collected.profiles, _with_structures(earlier, collected))
    collected.left_out.update(built.left_out)
    value_sets = _value_sets(collected, built, earlier)
    sha256 = _sha256(archive)
    facts = _manifest(collected.manifest, name, sha256, depends, is_part=needed_by is not None)
    files = _files(collected, value_sets, built) | {MANIFEST: facts}
    folder = out / name.folder
    _replace_folder(folder, files)
    return BuildReport(
        package=name,
        folder=folder,
        sha256=sha256,
        licence=_licence(collected.manifest),
        counts=_counts(collected, built, value_sets),
        left_out=dict(sorted(collected.left_out.items())),
        passed_over=dict(sorted(collected.passed_over.items())),
        warnings=built.warnings,
        missing=missing,
    )


def _collected(archive: Path, progress: Progress) -> Collected:
    collected = Collected()
    for member in _members(archive):
        progress(member.name)
        collected.add(member)
    return collected


def _members(archive: Path) -> Iterator[Member]:
    if archive.is_dir():
        return read_folder(archive)
    return read_rules(archive) if archive.suffix == RULES else read_archive(archive)


def _sha256(archive: Path) -> str:
    if archive.is_dir():
        return folder_sha256(archive)
    return rules_sha256(archive) if archive.suffix == RULES else archive_sha256(archive)


def _dependencies(manifest: Facts) -> dict[str, str]:
    found = manifest.get("dependencies") or {}
    if not isinstance(found, dict):
        raise PackageError(f"{MANIFEST}: dependencies is no object.")
    return {str(id): str(version) for id, version in found.items()}


def _with_structures(earlier: Registry, collected: Collected) -> Registry:
    """The earlier definitions with the types that the package itself defines."""
    own = {
        facts["name"]: structure_of(facts["name"], Raw(msgspec.json.encode(facts)))
        for facts in collected.structures.values()
    }
    return replace(earlier, structures=MappingProxyType({**earlier.structures, **own}))


def _counts(collected: Collected, built: BuiltProfiles, value_sets: Mapping[str, Facts]) -> dict[str, int]:
    return {
        "structures": len(collected.structures),
        "profiles": len(built.facts),
        "search parameters": len(collected.parameters),
        "compartments": len(collected.compartments),
        "operations": len(collected.operations),
        "code systems": len(collected.code_systems),
        "value sets": len(value_sets),
    }


def _identity(manifest: Facts, archive: Path, expected: PackageName | None) -> PackageName:
    if not manifest:
        raise PackageError(f"{archive.name} has no package/{MANIFEST}: it is no FHIR package.")
    # Parsed, not taken: the name becomes a folder.
    name = parse_package_name(f"{manifest.get('name')}#{manifest.get('version')}")
    if expected is not None and name != expected:
        raise PackageError(f"{archive.name} holds {name}, not {expected}.")
    versions = manifest.get("fhirVersions") or manifest.get("fhir-version-list") or []
    if not any(str(version).startswith(_FHIR_VERSION) for version in versions):
        raise PackageError(f"{name} is for FHIR {', '.join(map(str, versions)) or '(not said)'}, not for R4.")
    return name


def _value_sets(collected: Collected, built: BuiltProfiles, earlier: Registry) -> dict[str, Facts]:
    """The value sets of the package and those it binds, as far as they can be enumerated."""
    in_types = {
        without_version(element["binding"]["value_set"])
        for structure in collected.structures.values()
        for element in structure["elements"]
        if element.get("binding", {}).get("strength", "example") != "example"
    }
    bound = in_types | set(_bound(built))
    systems = laid_over(earlier.code_systems, collected.code_systems)
    expander = Expander(collected.value_sets, systems, earlier.value_sets)
    found: dict[str, Facts] = {}
    for url in sorted((bound - earlier.value_sets.keys()) | collected.value_sets.keys()):
        try:
            found[url] = expander.facts(url)
        except NotEnumerable as reason:
            collected.left_out[url] = str(reason)
    return found


def _bound(built: BuiltProfiles) -> Iterator[str]:
    for profile in built.profiles.values():
        for element in profile.elements:
            if element.binding is not None and element.binding.strength != "example":
                yield element.binding.value_set
            if element.binding is not None and element.binding.max_value_set is not None:
                yield element.binding.max_value_set


def _shorten(collected: Collected) -> None:
    names = {url: structure["name"] for url, structure in collected.structures.items()}
    for structure in collected.structures.values():
        shorten_targets(structure, names)


def _licence(manifest: Facts) -> str:
    return str(manifest.get("license", "not said"))


def _manifest(
    manifest: Facts, name: PackageName, sha256: str, depends: Sequence[str], *, is_part: bool
) -> str:
    facts = {
        "id": name.id,
        "version": name.version,
        "sha256": sha256,
        "licence": _licence(manifest),
        "canonical": manifest.get("canonical", ""),
        "depends": depends,
    }
    return line_map(facts | ({"part": True} if is_part else {}))


def _files(collected: Collected, value_sets: Mapping[str, Facts], built: BuiltProfiles) -> dict[str, str]:
    by_name = {facts["name"]: facts for facts in collected.structures.values()}
    return {
        "structures.json": block_map(dict(sorted(by_name.items())), ("invariants", "elements")),
        "profiles.json": block_map(built.facts, ("invariants", "elements")),
        "search-parameters.json": line_list(row for _, row in sorted(collected.parameters.items())),
        "compartments.json": "{\n" + ",\n".join(
            f"{compact(name)}:{line_map(links)}" for name, links in sorted(collected.compartments.items())
        ) + "\n}",
        "operations.json": line_list(row for _, row in sorted(collected.operations.items())),
        "code-systems.json": block_map(
            {url: code_system_facts(system) for url, system in sorted(collected.code_systems.items())},
            ("concepts",),
        ),
        "value-sets.json": line_map(dict(sorted(value_sets.items()))),
        "left-out.json": line_map(dict(sorted(collected.left_out.items()))),
    }  # fmt: skip


def _replace_folder(folder: Path, files: Mapping[str, str]) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            fresh.chmod(0o755)
            for name, text in files.items():
                (fresh / name).write_text(text + "\n", encoding="utf-8")
            _swap(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise PackageError(f"{folder} cannot be written: {error.strerror}.") from error


def _swap(fresh: Path, folder: Path) -> None:
    """Put the new build where the old one is; the old one is only gone once the new one is there."""
    old = fresh.with_name(f"{fresh.name}-old")
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
