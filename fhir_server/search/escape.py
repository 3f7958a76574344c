"""Splitting of query values at `,`, `|` and `$`, which a backslash takes literally.

Spec: https://hl7.org/fhir/R4/search.html#escaping
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\,|$])")
_ESCAPED = re.compile(r"\\([\\,|$])")


def split_unescaped(text: str, separator: str) -> list[str]:
    """Return the pieces between separators that no backslash precedes; escapes stay as they are."""
    if separator not in text:
        return [text]
    if "\\" not in text:
        return text.split(separator)
    pieces, start, place = [], 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if text[place] == separator:
            pieces.append(text[start:place])
            start = place + 1
        place += 1
    pieces.append(text[start:])
    return pieces


def escape(text: str) -> str:
    """Return the text that `unescape` turns into `text`."""
    return _SPECIAL.sub(r"\\\1", text)


def unescape(text: str) -> str:
    """Return the text that is meant: `a\\,b` → `a,b`; a backslash before anything else stays."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def split_bar(text: str) -> tuple[str | None, str]:
    """Return (system, code) of `[system|]code`, unescaped; None as system where there is no bar."""
    pieces = split_unescaped(text, "|")
    if len(pieces) == 1:
        return None, unescape(text)
    # A code can hold a bar that nobody escaped; a system cannot.
    return unescape(pieces[0]), unescape("|".join(pieces[1:]))
