"""The second place of signed checkpoints: files that are only ever appended to, one for each day.

A line is a JSON object, `{"number": 17, "note": "…"}`.  The directory is best on another machine than the
database, under another administrator: what is there cannot be taken back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATTERN: Final = "checkpoints-*.ndjson"
DAY: Final = "checkpoints-{day}.ndjson"


@dataclass(frozen=True, slots=True)
class Copy:
    """A checkpoint in the second place: the number of its batch, its day (`2026-11-22`) and its note."""

    number: int
    day: str
    note: str


@dataclass(frozen=True, slots=True)
class CheckpointFiles:
    """The files of one directory.  All methods raise OSError when it cannot be used."""

    directory: Path

    def last(self) -> Copy | None:
        """Return the checkpoint that was appended last."""
        for file in reversed(self._files()):
            copies = list(_read(file))
            if copies:
                return copies[-1]
        return None

    def read(self) -> Iterator[Copy]:
        """Yield every checkpoint in the order in which it was appended; a line cut off by a crash is none."""
        for file in self._files():
            yield from _read(file)

    def append(self, copies: Iterable[Copy]) -> int:
        """Append checkpoints durably and return how many."""
        by_day: dict[str, list[Copy]] = {}
        for copy in copies:
            by_day.setdefault(copy.day, []).append(copy)
        for day, lines in by_day.items():
            self._append(self.directory / DAY.format(day=day), lines)
        return sum(map(len, by_day.values()))

    def _append(self, file: Path, copies: list[Copy]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        is_new = not file.exists()
        handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            _write(handle, _separator(handle) + "".join(map(_line, copies)).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            _sync_directory(self.directory)

    def _files(self) -> list[Path]:
        return sorted(self.directory.glob(PATTERN))


def _line(copy: Copy) -> str:
    return json.dumps({"number": copy.number, "note": copy.note}) + "\n"


def _read(file: Path) -> Iterator[Copy]:
    day = file.stem.removeprefix("checkpoints-")
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            copy = _parse(line, day)
            if copy is not None:
                yield copy


def _parse(line: str, day: str) -> Copy | None:
    try:
        read = json.loads(line)
        number, note = read["number"], read["note"]
    except (ValueError, KeyError, TypeError):
        return None
    return Copy(number, day, note) if isinstance(number, int) and isinstance(note, str) else None


def _separator(handle: int) -> bytes:
    """What ends the line of a writer that was killed in the middle of it."""
    size = os.fstat(handle).st_size
    return b"\n" if size and os.pread(handle, 1, size - 1) != b"\n" else b""


def _write(handle: int, text: bytes) -> None:
    while text:
        text = text[os.write(handle, text) :]


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
