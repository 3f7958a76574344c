"""Reads the JSON resources of a folder, for packages that are kept as files rather than as an archive."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from profiles.archive import MAX_MEMBER_BYTES, Member, MemberText, member_tree
from profiles.package import PackageError

_MANIFEST = "package.json"
_PASSED_OVER = frozenset({"example", "examples", "openapi"})


def read_folder(folder: Path) -> Iterator[Member]:
    """Yield the manifest and the resources (`Type-id.json`) of a folder and those below it, by their path.

    Folders of examples are passed over, links are not followed.  Raises PackageError for broken JSON and for
    files that are too large.
    """
    for path in _files(folder):
        if path.stat().st_size > MAX_MEMBER_BYTES:
            raise PackageError(f"{path.name} has more than {MAX_MEMBER_BYTES} bytes.")
        text = MemberText(path.name, path.read_bytes(), 0)
        yield Member(path.name, member_tree(folder, text))


def folder_sha256(folder: Path) -> str:
    """Return one hexadecimal digest of the names and contents of the files that are read."""
    digest = hashlib.sha256()
    for path in _files(folder):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*.json")
        if not path.is_symlink()
        and path.is_file()
        and not _PASSED_OVER.intersection(path.relative_to(folder).parts)
        and (path.name == _MANIFEST or ("-" in path.name and path.name[0].isupper()))
    )
