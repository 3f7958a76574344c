"""What an import has already done, kept in a file so that it can stop and go on with the whole account.

The first line names the server; each further line is the digest of a file's content and what became of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from io import TextIOBase
from pathlib import Path
from typing import Any

from fhir_server.commands.importing.report import FileResult


class JournalRefused(Exception):
    """The file is not the journal of this import; the text says why."""


class ImportJournal:
    """The files done so far, by their place and content.  Without a file, nothing is remembered."""

    def __init__(self, done: dict[str, FileResult], file: TextIOBase | None = None) -> None:
        self._done = done
        self._file = file

    @classmethod
    def open(cls, path: Path | None, base_url: str) -> ImportJournal:
        """Return the journal in `path`, begun if it does not exist.  Raises JournalRefused."""
        if path is None:
            return cls({})
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            done = _read(text, path, base_url) if text else {}
            file = path.open("a", encoding="utf-8")
            # A line that a kill cut off stands alone, so that it spoils no other.
            file.write("" if text.endswith("\n") or not text else "\n")
            if not text:
                file.write(json.dumps({"import_to": base_url}) + "\n")
            file.flush()
        except (OSError, UnicodeDecodeError) as reason:
            raise JournalRefused(f"{path} cannot be used: {reason}.") from None
        return cls(done, file)

    def find(self, digest: str, place: str) -> FileResult | None:
        """Return what became of a file of this content; it is then at `place`."""
        found = self._done.get(digest)
        return None if found is None else replace(found, place=place)

    def add(self, digest: str, result: FileResult) -> None:
        """Remember a file; it is on its way to the disk when this returns."""
        if self._file is not None and digest not in self._done:
            self._done[digest] = result
            self._file.write(json.dumps({"digest": digest, **asdict(result)}) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()


def _read(text: str, path: Path, base_url: str) -> dict[str, FileResult]:
    first, *lines = text.splitlines()
    try:
        known = json.loads(first)["import_to"]
    except (ValueError, KeyError, TypeError):
        raise JournalRefused(f"{path} is not the journal of an import; name another file.") from None
    if known != base_url:
        raise JournalRefused(f"{path} is the journal of an import to {known}; name another file.")
    done: dict[str, FileResult] = {}
    for line in lines:
        try:
            tree = json.loads(line)
            digest = str(tree.pop("digest"))
            done[digest] = _result(tree)
        except (ValueError, KeyError, TypeError):
            continue  # cut off: that file is sent again, which changes nothing
    return done


def _result(tree: Mapping[str, Any]) -> FileResult:
    templates = {name: (int(met), int(made)) for name, (met, made) in tree["templates"].items()}
    return FileResult(**{**tree, "templates": templates})
