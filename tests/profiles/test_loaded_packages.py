"""Packages that are loaded beside a running process: used at once, and left alone where they are damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from profiles.build import build_package
from profiles.load import R4_CORE
from profiles.loaded import LoadedPackages
from profiles.package import DATA, PackageError
from profiles.registry import Registry
from tests.profiles.small_package import OWN, TYPE, Members, profile, row, write_archive

URL = OWN + "named-patient"


def archive_of(folder: Path, least: int) -> Path:
    """Return an archive whose one profile asks for so many names."""
    members: Members = [
        (
            "package/package.json",
            {"name": "test.loaded", "version": "1.0.0", "fhirVersions": ["4.0.1"], "license": "CC0-1.0"},
        ),
        (
            "package/StructureDefinition-named-patient.json",
            profile(
                "named-patient",
                TYPE + "Patient",
                row("Patient"),
                row("Patient.name", min=least),
                type="Patient",
            ),
        ),
    ]
    return write_archive(folder, members)


def least_names(registry: Registry) -> int | None:
    """Return how many names the profile asks for, None where it is not there."""
    found = registry.profile(URL)
    return None if found is None else next(each.min for each in found.elements if each.path == "Patient.name")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "packages"


@pytest.fixture
def refused() -> list[PackageError]:
    return []


@pytest.fixture
def loaded(registry: Registry, folder: Path, refused: list[PackageError]) -> LoadedPackages:
    return LoadedPackages(registry, (R4_CORE,), (folder, DATA), refused.append)


def test_nothing_loaded_leaves_the_registry_as_it_is(loaded: LoadedPackages, registry: Registry) -> None:
    assert loaded.current() is registry


def test_a_package_is_there_as_soon_as_it_is_loaded_and_gone_with_its_folder(
    loaded: LoadedPackages, registry: Registry, folder: Path, tmp_path: Path
) -> None:
    assert least_names(loaded.current()) is None
    build_package(archive_of(tmp_path, 1), folder, folders=(DATA,))
    first = loaded.current()
    assert (least_names(first), loaded.current() is first) == (1, True)
    assert (first.parameters, first.structures) == (registry.parameters, registry.structures)
    build_package(archive_of(tmp_path, 2), folder, folders=(DATA,))
    assert (least_names(loaded.current()), least_names(first)) == (2, 1)
    shutil.rmtree(folder)
    assert loaded.current() is registry


def test_a_damaged_package_is_told_once_and_what_was_read_before_stays(
    loaded: LoadedPackages, folder: Path, tmp_path: Path, refused: list[PackageError]
) -> None:
    build_package(archive_of(tmp_path, 1), folder, folders=(DATA,))
    before = loaded.current()
    (folder / "test.loaded-1.0.0" / "package.json").write_bytes(b"{")
    assert loaded.current() is loaded.current() is before
    assert [str(fault).partition(" (")[0] for fault in refused] == [
        "test.loaded-1.0.0/package.json is damaged"
    ]
    build_package(archive_of(tmp_path, 2), folder, folders=(DATA,))
    assert least_names(loaded.current()) == 2
