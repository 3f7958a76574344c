"""How large a value may become while an expression is evaluated."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_server.fhirpath.errors import FhirPathError

LARGEST_INTEGER = 2**63 - 1
MAX_TEXT = 1 << 20
"""Longest text that an expression makes, in characters."""


def check_text(length: int) -> None:
    """Raise FhirPathError if a text of that length would be too long."""
    if length > MAX_TEXT:
        raise FhirPathError(f"a text would have more than {MAX_TEXT} characters")


def joined(texts: Sequence[str], separator: str = "") -> str:
    """Return the texts one after the other.  Raises FhirPathError if that is too long."""
    check_text(sum(map(len, texts)) + len(separator) * max(len(texts) - 1, 0))
    return separator.join(texts)
