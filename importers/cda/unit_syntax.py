"""Whether a text is a unit of UCUM in its case-sensitive form, by its grammar and its list of atoms.

Spec: https://ucum.org/ucum#section-Grammar-of-Units-and-Unit-Terms
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 64
_PRINTABLE: Final = re.compile(r"[!-~]+")
_ALONE: Final = re.compile(r"(?:^|(?<=[./(]))\{[^{}]*\}(?=$|[./)])")
_NOTE: Final = re.compile(r"(?<=[^./({])\{[^{}]*\}")
_INNER: Final = re.compile(r"(?:^|(?<=[./(]))\(([^()]+)\)(?:[+-]?[0-9]+)?")
_FACTOR: Final = re.compile(r"(?:\[[^\]]*\]|[^./\[\]()])+")
_TEN: Final = re.compile(r"10[*^](?:[+-]?[0-9]+)?|[1-9][0-9]*")
_UNIT: Final = re.compile(r"(?P<atom>.*?[^0-9+-])(?:[+-]?[1-9][0-9]?)?")


@dataclass(frozen=True, slots=True)
class Atoms:
    """The words of UCUM: prefixes, atoms that take one, atoms that do not."""

    prefixes: Set[str]
    metric: Set[str]
    customary: Set[str]

    def knows(self, text: str) -> bool:
        """Return whether `text` is an atom, with a prefix where it may have one."""
        if text in self.metric or text in self.customary:
            return True
        return any(text[:size] in self.prefixes and text[size:] in self.metric for size in (1, 2))


def is_ucum(text: str, atoms: Atoms) -> bool:
    """Return whether `text` is a valid unit term."""
    if len(text) > _LONGEST or _PRINTABLE.fullmatch(text) is None:
        return False
    if atoms.knows(text):
        return True
    bare = _NOTE.sub("", _ALONE.sub("1", text))
    while "(" in bare:
        found = _INNER.search(bare)
        if found is None or not _is_product(found[1], atoms):
            return False
        bare = f"{bare[: found.start()]}1{bare[found.end() :]}"
    return _is_product(bare, atoms)


def _is_product(text: str, atoms: Atoms) -> bool:
    factors = text.removeprefix("/")
    parts = _FACTOR.findall(factors)
    separators = _FACTOR.sub("", factors)
    if not parts or len(separators) != len(parts) - 1 or set(separators) - set("./"):
        return False
    return all(_is_factor(part, atoms) for part in parts)


def _is_factor(text: str, atoms: Atoms) -> bool:
    if _TEN.fullmatch(text):
        return True
    found = _UNIT.fullmatch(text)
    return found is not None and atoms.knows(found["atom"])
