"""The matrix of a policy: which profession reads which type class, and which codes are of which class."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

_COLUMNS: Final = ("class", "code")
_CELLS: Final = {"yes": True, "no": False}

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Matrix:
    """`class_by_code`: `system|code` -> name of the class; `reads`: profession -> names of the classes."""

    class_by_code: Mapping[str, str] = field(default_factory=lambda: _NONE)
    reads: Mapping[str, frozenset[str]] = field(default_factory=lambda: _NONE)
    faults: tuple[str, ...] = ()


NO_MATRIX: Final = Matrix()


def read_matrix(text: bytes, document: Mapping[str, Any]) -> Matrix:
    """Return the matrix of a CSV file, with every fault in it; lines that begin with `#` say what it is.

    Its columns are `class`, `code` (empty: the class has no codes) and the professions of the policy.
    """
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return Matrix(faults=("matrix: the file is not UTF-8",))
    numbered = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    rows = list(csv.reader(line for _, line in numbered))
    if not rows or tuple(rows[0][:2]) != _COLUMNS:
        return Matrix(faults=("matrix: the first line names the columns: class, code, then professions",))
    reader = _Reader(rows[0][2:], document)
    for (number, _), row in zip(numbered[1:], rows[1:], strict=True):
        reader.add(number, row)
    return reader.matrix()


class _Reader:
    def __init__(self, professions: Sequence[str], document: Mapping[str, Any]) -> None:
        self._professions = professions
        self._classes = frozenset(document["classes"]["names"])
        self._rows: dict[str, tuple[int, list[str]]] = {}
        self._class_by_code: dict[str, str] = {}
        self._faults = [
            f"matrix, column `{name}`: the policy has no profession of this name"
            for name in professions
            if name not in document.get("professions", {})
        ]
        if len(set(professions)) != len(professions):
            self._faults.append("matrix: two columns have the same name")

    def add(self, number: int, row: Sequence[str]) -> None:
        """Take one line in."""
        if len(row) != len(self._professions) + 2:
            self._faults.append(f"matrix, line {number}: {len(row)} cells, not {len(self._professions) + 2}")
            return
        name, code, *cells = row
        self._faults += [
            f"matrix, line {number}, column `{profession}`: `yes` or `no` is meant to stand here"
            for profession, cell in zip(self._professions, cells, strict=True)
            if cell not in _CELLS
        ]
        if name not in self._classes:
            self._faults.append(f"matrix, line {number}: the policy has no class `{name}`")
        first = self._rows.setdefault(name, (number, cells))
        if first[1] != cells:
            self._faults.append(f"matrix, line {number}: differs from line {first[0]} of the same class")
        if code in self._class_by_code:
            self._faults.append(f"matrix, line {number}: the code stands in two rows")
        elif code:
            self._class_by_code[code] = name

    def matrix(self) -> Matrix:
        """Return what the lines say."""
        missing = self._classes - self._rows.keys()
        faults = [f"matrix: there is no row for the class `{name}`" for name in sorted(missing)]
        return Matrix(
            MappingProxyType(self._class_by_code),
            MappingProxyType({
                profession: frozenset(n for n, (_, cells) in self._rows.items() if cells[at] == "yes")
                for at, profession in enumerate(self._professions)
            }),
            (*self._faults, *faults),
        )  # fmt: skip
