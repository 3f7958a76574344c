"""The packages that were loaded into a folder, laid over a Registry: looked at anew while the process runs.

Profiles, value sets and code systems come that way.  Types, search parameters and operations are what a
server is built of, and stay those of the packages that it was started with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from profiles.load import list_packages, load_registry
from profiles.package import PackageError
from profiles.registry import Registry

_Stamp: TypeAlias = tuple[tuple[str, int, int], ...]


class LoadedPackages:
    """The definitions of a Registry and of what lies below a folder; threads have to take turns."""

    def __init__(
        self,
        registry: Registry,
        named: Sequence[str],
        folders: Sequence[Path],
        refused: Callable[[PackageError], None],
    ) -> None:
        """`named` are the packages (`ID#VERSION`) that `registry` was made of, found below `folders`.

        What lies in the first of the folders is laid over them, by name.  `refused` is told once of a folder
        in which a package is damaged, or lacks what it was built over: what was read before stays in use.
        """
        self._registry = registry
        self._named = tuple(named)
        self._folders = tuple(folders)
        self._refused = refused
        self._stamp: _Stamp = ()
        self._current = registry

    def current(self) -> Registry:
        """Return the definitions in use: the same object, until a package comes, goes or is built again."""
        stamp = _stamp(self._folders[0])
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._current = self._read() if stamp else self._registry
            except PackageError as fault:
                self._refused(fault)
        return self._current

    def _read(self) -> Registry:
        found = (f"{package.id}#{package.version}" for package in list_packages(self._folders[0]))
        others = [name for name in found if name not in self._named]
        read = load_registry([*self._named, *others], folder=self._folders)
        return replace(
            self._registry,
            packages=read.packages,
            value_sets=read.value_sets,
            code_systems=read.code_systems,
            profiles=read.profiles,
            profile_types=read.profile_types,
        )


def _stamp(folder: Path) -> _Stamp:
    """What is another as soon as one of the packages is; building one again makes a new file."""
    return tuple(_facts(path) for path in sorted(folder.glob("[!.]*/package.json")))


def _facts(path: Path) -> tuple[str, int, int]:
    try:
        facts = path.stat()
    except OSError:  # taken away a moment ago
        return path.parent.name, 0, 0
    return path.parent.name, facts.st_ino, facts.st_mtime_ns
