"""Turns an official package archive into facts under `<out>/<id>-<version>/`.

The facts depend on the content of the archive alone: building twice gives the same bytes, whatever the order
of its members.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_server.model.canonical import without_version
from profiles.archive import archive_sha256, read_archive
from profiles.build_collect import MANIFEST, Collected
from profiles.build_structures import shorten_targets
from profiles.build_terminology import Expander, NotEnumerable, code_system_facts
from profiles.lines import block_map, compact, line_list, line_map
from profiles.package import PackageError, PackageName, parse_package_name

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


def build_package(
    archive: Path, out: Path, expected: PackageName | None = None, progress: Progress = lambda _: None
) -> BuildReport:
    """Build one package and return what was built; an older build of the same package is replaced whole.

    `progress` is called with each member's name.  Raises PackageError: the archive is unreadable, hostile,
    another package than `expected`, or not FHIR R4.
    """
    sha256 = archive_sha256(archive)
    collected = Collected()
    for member in read_archive(archive):
        progress(member.name)
        collected.add(member)
    name = _identity(collected.manifest, archive, expected)
    value_sets = _value_sets(collected)
    _shorten(collected)
    files = _files(collected, value_sets) | {MANIFEST: _manifest(collected.manifest, name, sha256)}
    folder = out / name.folder
    _replace_folder(folder, files)
    counts = {
        "structures": len(collected.structures),
        "search parameters": len(collected.parameters),
        "compartments": len(collected.compartments),
        "operations": len(collected.operations),
        "code systems": len(collected.code_systems),
        "value sets": len(value_sets),
    }
    return BuildReport(
        package=name,
        folder=folder,
        sha256=sha256,
        licence=_licence(collected.manifest),
        counts=counts,
        left_out=dict(sorted(collected.left_out.items())),
        passed_over=dict(sorted(collected.passed_over.items())),
    )


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


def _value_sets(collected: Collected) -> dict[str, Facts]:
    required = {
        without_version(element["binding"]["value_set"])
        for structure in collected.structures.values()
        for element in structure["elements"]
        if element.get("binding", {}).get("strength") == "required"
    }
    expander = Expander(collected.value_sets, collected.code_systems)
    built: dict[str, Facts] = {}
    for url in sorted(required | collected.value_sets.keys()):
        try:
            built[url] = expander.facts(url, foreign=url in required)
        except NotEnumerable as reason:
            collected.left_out[url] = str(reason)
    return built


def _shorten(collected: Collected) -> None:
    names = {url: structure["name"] for url, structure in collected.structures.items()}
    for structure in collected.structures.values():
        shorten_targets(structure, names)


def _licence(manifest: Facts) -> str:
    return str(manifest.get("license", "not said"))


def _manifest(manifest: Facts, name: PackageName, sha256: str) -> str:
    facts = {
        "id": name.id,
        "version": name.version,
        "sha256": sha256,
        "licence": _licence(manifest),
        "canonical": manifest.get("canonical", ""),
    }
    return line_map(facts)


def _files(collected: Collected, value_sets: Mapping[str, Facts]) -> dict[str, str]:
    by_name = {facts["name"]: facts for facts in collected.structures.values()}
    return {
        "structures.json": block_map(dict(sorted(by_name.items())), ("invariants", "elements")),
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
            if folder.exists():
                shutil.rmtree(folder)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise PackageError(f"{folder} cannot be written: {error.strerror}.") from error
