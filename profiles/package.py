"""A package by name: `ID#VERSION`, the folder its facts lie in, and what can be wrong with one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
"""Where the packages that ship with the server lie."""

_NAME = re.compile(r"(?P<id>[a-z0-9][a-z0-9.\-]{0,127})#(?P<version>[A-Za-z0-9][A-Za-z0-9.\-+]{0,63})\Z")


class PackageError(Exception):
    """A package is missing, or its archive cannot be used; the message says which part and why."""


class DefinitionError(PackageError):
    """A definition cannot be used: `definition` is its canonical, `element` the id of what is at fault."""

    def __init__(self, definition: str, element: str | None, reason: str) -> None:
        """`reason` reads on from the name: "has no snapshot"."""
        place = definition if element is None else f"{definition}, element {element}"
        super().__init__(f"{place}: {reason}.")
        self.definition = definition
        self.element = element
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PackageName:
    """The identity of a package, e.g. `hl7.fhir.r4.core#4.0.1`.

    Spec: https://hl7.org/fhir/packages.html
    """

    id: str
    version: str

    def __str__(self) -> str:
        return f"{self.id}#{self.version}"

    @property
    def folder(self) -> str:
        """The folder's name: a `#` is awkward in a path."""
        return f"{self.id}-{self.version}"


def parse_package_name(text: str) -> PackageName:
    """Return the name.  Raises PackageError if `text` is not `ID#VERSION`."""
    match = _NAME.match(text)
    if match is None:
        raise PackageError(f"{text[:200]!r} names no package: write ID#VERSION, e.g. hl7.fhir.r4.core#4.0.1.")
    return PackageName(match["id"], match["version"])
