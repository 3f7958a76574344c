"""What a load has already sent, kept in a file so that it can stop and go on.

The first line names the server and the run; each further line is the digest of a parcel that was answered.
The run is part of every Idempotency-Key: a parcel whose answer was lost is answered again, not stored twice.
"""

from __future__ import annotations

import hashlib
import json
import os
from io import TextIOBase
from pathlib import Path


class JournalRefused(Exception):
    """The file is not the journal of this load; the text says why."""


class Journal:
    """The parcels done so far.  Without a file, nothing is remembered beyond the run."""

    def __init__(self, run: str, done: set[str], file: TextIOBase | None = None) -> None:
        self.run = run
        self._done = done
        self._file = file

    @classmethod
    def open(cls, path: Path | None, base_url: str) -> Journal:
        """Return the journal in `path`, begun if it does not exist.  Raises JournalRefused."""
        run = os.urandom(16).hex()
        if path is None:
            return cls(run, set())
        try:
            text = path.read_text(encoding="ascii") if path.exists() else ""
            lines = text.splitlines()
            if lines:
                run = _run_of(lines[0], path, base_url)
            file = path.open("a", encoding="ascii")
            # A line that a kill cut off stands alone, so that it spoils no other.
            file.write("" if text.endswith("\n") or not text else "\n")
        except (OSError, UnicodeDecodeError) as reason:
            raise JournalRefused(f"{path} cannot be used: {reason}.") from None
        if not lines:
            file.write(json.dumps({"base_url": base_url, "run": run}) + "\n")
            file.flush()
        return cls(run, set(lines[1:]), file)

    def holds(self, digest: str) -> bool:
        """Return whether the parcel of that digest was answered before."""
        return digest in self._done

    def add(self, digest: str) -> None:
        """Remember a parcel; it is on its way to the disk when this returns."""
        self._done.add(digest)
        if self._file is not None:
            self._file.write(digest + "\n")
            self._file.flush()

    def key(self, digest: str) -> str:
        """Return the Idempotency-Key of a parcel."""
        return hashlib.sha256(f"{self.run}|{digest}".encode()).hexdigest()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()


def _run_of(line: str, path: Path, base_url: str) -> str:
    try:
        head = json.loads(line)
        run, known = head["run"], head["base_url"]
    except (ValueError, KeyError, TypeError):
        raise JournalRefused(f"{path} is not the journal of a load; name another file.") from None
    if known != base_url:
        raise JournalRefused(f"{path} is the journal of a load to {known}; name another file.")
    return str(run)
