"""The ways in which names of people and places are searched for besides the one that they were written in.

`D'Artagnan` is looked for as `dartagnan`, `d artagnan` and `artagnan`, `von der Leyen` as `leyen`, `Müller`
as `mueller`, `O’Brien` as `obrien`.  Folding alone gives one spelling; these are the others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from fhir_server.search.fold import fold

PARTICLES: Final = frozenset({
    "a", "af", "al", "av", "d", "da", "das", "de", "degli", "dei", "del", "della", "den", "der", "des", "di",
    "do", "dos", "du", "e", "el", "het", "i", "in", "l", "la", "las", "le", "les", "lo", "los", "op", "t",
    "te", "ten", "ter", "van", "vom", "von", "y", "zu", "zum", "zur",
})  # fmt: skip
"""Words that a name can begin with and that are often left out, folded."""

_APOSTROPHE: Final = re.compile(r"(?<=\w)['’‘ʼʻ´`′＇](?=\w)")
_WRITTEN_OUT: Final = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe",
    "Ä": "ae", "Ö": "oe", "Ü": "ue", "Å": "aa", "Ø": "oe",
})  # fmt: skip
_MARK: Final = re.compile(r"[aouAOU][\u0308\u030a]")


def other_spellings(text: str, folded: str) -> Iterator[str]:
    """Yield the folded spellings of a name besides `folded`, which is `fold(text)`; of most names none."""
    bases = [folded]
    if not (text.isascii() and text.isalpha()) and _APOSTROPHE.search(text) is not None:
        bases.append(fold(_APOSTROPHE.sub("", text)))
        yield bases[1]
    if (written := written_out(text)) is not None:
        bases.append(written)
        yield written
    for base in bases:
        yield from _without_particles(base)


def written_out(text: str) -> str | None:
    """Return the folded text with two letters for each umlaut, None where there is none."""
    if text.isascii():
        return None
    composed = _MARK.sub(_composed, text)
    changed = composed.translate(_WRITTEN_OUT)
    return fold(changed) if changed != composed else None


def _composed(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", found.group())


def _without_particles(folded: str) -> Iterator[str]:
    words = folded.split(" ")
    while len(words) > 1 and words[0] in PARTICLES:
        del words[0]
        yield " ".join(words)
