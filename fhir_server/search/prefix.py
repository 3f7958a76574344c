"""The comparison prefixes of ordered values.  Spec: https://hl7.org/fhir/R4/search.html#prefix"""

from __future__ import annotations

PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})


def split_prefix(text: str) -> tuple[str, str]:
    """Return (prefix, rest); `eq` where there is none."""
    if text[:2] in PREFIXES:
        return text[:2], text[2:]
    return "eq", text
