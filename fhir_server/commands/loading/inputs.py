"""Files and folders as texts: JSON, NDJSON and XML, each also with `.gz`, and FHIR packages, `.tgz`."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from profiles.archive import read_member_texts
from profiles.package import PackageError

LINES = (".ndjson", ".jsonl")
XML = ".xml"
PACKAGE = ".tgz"
SUFFIXES = (".json", *LINES, XML)

MAX_TEXT_BYTES = 256 * 1024 * 1024
"""A text longer than this, after decompression, is not read: no server takes it."""


class Unreadable(Exception):
    """A file cannot be read; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class Text:
    """One resource as text.  `place` is the file, with the line or the member of a package.

    `file_offset` is how many bytes of the file, as it lies on disk, were read up to here.  A text that is
    `perhaps` a resource is passed over if it has no resourceType: packages hold descriptions of themselves.
    """

    place: str
    data: bytes
    file_offset: int
    form: Literal["json", "xml"] = "json"
    perhaps: bool = False


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files that are named, and those below the named folders that look like ours, by name.

    Raises Unreadable if a path does not exist.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(sorted(file for file in path.rglob("*") if file.is_file() and _is_ours(file)))
        elif path.exists():
            found.append(path)
        else:
            raise Unreadable(f"{path} does not exist.")
    return found


def read_texts(file: Path) -> Iterator[Text]:
    """Yield the texts of one file; blank lines are passed over.  Raises Unreadable."""
    try:
        if file.suffix == PACKAGE:
            yield from _members(file)
            return
        with _opened(file) as (raw, content):
            suffix = _without_gz(file).suffix
            if suffix in LINES:
                yield from _lines(file, raw, content)
            else:
                data = _limited(file, content.read(MAX_TEXT_BYTES + 1))
                yield Text(str(file), data, raw.tell(), "xml" if suffix == XML else "json")
    except OSError as reason:
        raise Unreadable(f"{file} cannot be read: {reason.strerror or reason}.") from None
    except (EOFError, zlib.error) as reason:
        raise Unreadable(f"{file} is damaged: {reason}.") from None


def _lines(file: Path, raw: BinaryIO, content: BinaryIO) -> Iterator[Text]:
    number = 0
    while line := content.readline(MAX_TEXT_BYTES + 1):
        number += 1
        if line.strip():
            yield Text(f"{file}:{number}", _limited(file, line), raw.tell())


def _members(file: Path) -> Iterator[Text]:
    try:
        for member in read_member_texts(file):
            yield Text(f"{file}#{member.name}", member.data, member.file_offset, perhaps=True)
    except PackageError as reason:
        raise Unreadable(str(reason)) from None


@contextmanager
def _opened(file: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Yield the file as it lies on disk, for its position, and its content."""
    with file.open("rb") as raw:
        if file.suffix == ".gz":
            with gzip.GzipFile(fileobj=raw) as content:
                yield raw, cast(BinaryIO, content)
        else:
            yield raw, raw


def _limited(file: Path, data: bytes) -> bytes:
    if len(data) > MAX_TEXT_BYTES:
        raise Unreadable(f"{file} holds a text of more than {MAX_TEXT_BYTES // 1024 // 1024} MiB.")
    return data


def _is_ours(file: Path) -> bool:
    return file.suffix == PACKAGE or _without_gz(file).suffix in SUFFIXES


def _without_gz(file: Path) -> Path:
    return file.with_suffix("") if file.suffix == ".gz" else file
