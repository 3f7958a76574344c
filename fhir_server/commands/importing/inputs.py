"""Files and folders with clinical documents: every file is one to account for, also what is no document."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fhir_server.commands.importing.report import Refusal

SUFFIXES = (".xml", ".cda")
ARCHIVES = (".zip",)

MAX_BYTES = 256 * 1024 * 1024
"""A file that is larger is not read: no server takes it."""


class NoSuchPath(Exception):
    """A path does not exist; the text names it."""


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files that are named and all those below the folders that are named, by name, each once.

    Raises NoSuchPath.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(sorted(file for file in path.rglob("*") if file.is_file()))
        elif path.exists():
            found.append(path)
        else:
            raise NoSuchPath(f"{path} does not exist.")
    return list(dict.fromkeys(found))


def read_document(file: Path) -> bytes | Refusal:
    """Return the bytes of a document, or why the file is not sent."""
    suffix = file.suffix.lower()
    if suffix in ARCHIVES:
        return Refusal("archive", "Archives are not read: unpack it and import its documents.")
    if suffix not in SUFFIXES:
        return Refusal("no-document", f"Documents are files named {' or '.join(SUFFIXES)}.")
    try:
        if file.stat().st_size > MAX_BYTES:
            return Refusal("too-large", f"The file has more than {MAX_BYTES // 1024 // 1024} MiB.")
        return file.read_bytes()
    except OSError as reason:
        return Refusal("unreadable-file", f"The file cannot be read: {reason.strerror or reason}.")
