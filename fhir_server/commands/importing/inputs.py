"""Files and folders with clinical documents: every file is one to account for, also what is no document."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fhir_server.commands.importing.report import Refusal

SUFFIXES = (".xml", ".cda")
ARCHIVES = (".zip", ".xdm")
ARCHIVE_STARTS = (b"PK\x03\x04", b"PK\x05\x06")

MAX_BYTES = 256 * 1024 * 1024
"""A file that is larger is not read: no server takes it."""

ARCHIVE = Refusal("archive", "Archives are not read: unpack it and import its documents.")
EMPTY = Refusal("empty-file", "The file is empty.")
FOLDER = Refusal("unreadable-folder", "The folder cannot be read: nothing in it is accounted for.")
LINK = Refusal("link", "Links to folders are not followed: name the folder that it leads to.")
NO_DOCUMENT = Refusal("no-document", f"Documents are files named {' or '.join(SUFFIXES)}.")
NO_FILE = Refusal("no-file", "It is no regular file, or a link that leads to none.")


class NoSuchPath(Exception):
    """A path does not exist; the text names it."""


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files that are named and all those below the folders that are named, by name, each once.

    What stands in a folder and cannot be looked into (a folder without the right to read it, a link to
    another folder) is there as well, to be accounted for.  Raises NoSuchPath.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(sorted(_below(path)))
        elif path.exists():
            found.append(path)
        else:
            raise NoSuchPath(f"{path} does not exist.")
    return list(dict.fromkeys(found))


def _below(folder: Path) -> Iterator[Path]:
    closed: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=closed.append):
        yield from (Path(root, name) for name in files)
        yield from (path for name in folders if (path := Path(root, name)).is_symlink())
    yield from (Path(os.fsdecode(reason.filename)) for reason in closed)


def read_document(file: Path) -> bytes | Refusal:
    """Return the bytes of a document, or why the file is not sent."""
    try:
        return _unread(file) or _read(file)
    except OSError as reason:
        return Refusal("unreadable-file", f"The file cannot be read: {reason.strerror or reason}.")


def _unread(file: Path) -> Refusal | None:
    """Return why a file is not even opened."""
    if file.is_dir():
        return LINK if file.is_symlink() else FOLDER
    if not file.is_file():
        return NO_FILE
    suffix = file.suffix.lower()
    if suffix in ARCHIVES:
        return ARCHIVE
    if suffix not in SUFFIXES:
        return NO_DOCUMENT
    if file.stat().st_size > MAX_BYTES:
        return Refusal("too-large", f"The file has more than {MAX_BYTES // 1024 // 1024} MiB.")
    return None


def _read(file: Path) -> bytes | Refusal:
    data = file.read_bytes()
    return ARCHIVE if data.startswith(ARCHIVE_STARTS) else data or EMPTY
