"""Reads a package archive (.tgz): JSON out, nothing written to disk, hostile input bounded.

Spec: https://hl7.org/fhir/packages.html (an npm archive whose members lie below `package/`)
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import msgspec

from profiles.package import PackageError

MAX_ARCHIVE_BYTES = 256 * 1024 * 1024
MAX_EXPANDED_BYTES = 1024 * 1024 * 1024
MAX_MEMBER_BYTES = 64 * 1024 * 1024
MAX_MEMBERS = 50_000
_CHUNK = 1024 * 1024
_ROOT = "package"
_DECODER = msgspec.json.Decoder(float_hook=msgspec.Raw)
"""Numbers with a point keep their literal, as in the trees of resources."""


@dataclass(frozen=True, slots=True)
class Member:
    """One JSON file of an archive: its name below `package/`, and its tree."""

    name: str
    tree: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MemberText:
    """One JSON file of an archive as it is: its name below `package/`, and its bytes.

    `file_offset` is how many bytes of the archive were read up to here.
    """

    name: str
    data: bytes
    file_offset: int


def archive_sha256(path: Path) -> str:
    """Return the hexadecimal digest of an archive file.  Raises PackageError if it cannot be read."""
    digest = hashlib.sha256()
    with _opened(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_archive(path: Path) -> Iterator[Member]:
    """Yield the trees of the JSON files right below `package/`, in the order of the archive.

    Raises PackageError for broken JSON and what `read_member_texts` refuses.
    """
    for member in read_member_texts(path):
        yield Member(member.name, member_tree(path, member))


def read_member_texts(path: Path) -> Iterator[MemberText]:
    """Yield the JSON files right below `package/` unread, in the order of the archive.

    Deeper folders (examples, openapi) and files that start with a dot are passed over.  Raises PackageError
    for what is no gzipped tar, a name that leads outside, a link or device, or one of the limits above.
    """
    with _opened(path) as file:
        try:
            yield from _members(path, file)
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise PackageError(f"{path.name} is not a complete gzipped tar archive: {error}") from error


class _Bounded:
    """The expanded bytes of a gzip stream, up to the limit."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self._name = name
        self._left = MAX_EXPANDED_BYTES
        self._stream = gzip.GzipFile(fileobj=file)

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise PackageError(f"{self._name} expands to more than {MAX_EXPANDED_BYTES} bytes.")
        return chunk


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        size = path.stat().st_size
        file = path.open("rb")
    except OSError as error:
        raise PackageError(f"The archive {path.name} cannot be read: {error.strerror}.") from error
    with file:
        if size > MAX_ARCHIVE_BYTES:
            raise PackageError(f"{path.name} has {size} bytes; at most {MAX_ARCHIVE_BYTES} are read.")
        yield file


def _members(path: Path, file: IO[bytes]) -> Iterator[MemberText]:
    stream: Any = _Bounded(path.name, file)  # a read method is all that tarfile asks for in this mode
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for count, info in enumerate(tar, start=1):
            if count > MAX_MEMBERS:
                raise PackageError(f"{path.name} has more than {MAX_MEMBERS} members.")
            _refuse_hostile(path, info)
            if _is_wanted(info):
                content = tar.extractfile(info)
                data = content.read() if content is not None else b""
                yield MemberText(PurePosixPath(info.name).name, data, file.tell())


def _refuse_hostile(path: Path, info: tarfile.TarInfo) -> None:
    name = PurePosixPath(info.name)
    if name.is_absolute() or ".." in name.parts or "\\" in info.name:
        raise PackageError(f"{path.name}: the member name {info.name[:200]!r} leads outside the archive.")
    if not (info.isfile() or info.isdir()):
        raise PackageError(f"{path.name}: {info.name[:200]!r} is a link or a device, not a file.")
    if info.size > MAX_MEMBER_BYTES:
        raise PackageError(
            f"{path.name}: {info.name[:200]!r} has {info.size} bytes; at most {MAX_MEMBER_BYTES} are read."
        )


def _is_wanted(info: tarfile.TarInfo) -> bool:
    parts = PurePosixPath(info.name).parts
    return (
        info.isfile()
        and len(parts) == 2
        and parts[0] == _ROOT
        and parts[1].endswith(".json")
        and not parts[1].startswith(".")
    )


def member_tree(path: Path, member: MemberText) -> dict[str, Any]:
    """Return the tree of a member of the archive `path`.  Raises PackageError if it is no JSON object."""
    name = f"{_ROOT}/{member.name}"[:200]
    try:
        tree = _DECODER.decode(member.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PackageError(f"{path.name}: {name!r} is not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise PackageError(f"{path.name}: {name!r} is not a JSON object.")
    return tree
