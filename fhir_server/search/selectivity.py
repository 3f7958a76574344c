"""How selective tokens are, as a fixed table: the lower the rank, the better a driver.

Chosen by the parameter's code alone, never by counting what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping

RANKS: Mapping[str, int] = {
    "identifier": 0,
    "encounter": 1,
    "context": 1,
    "based-on": 1,
    "part-of": 1,
    "specimen": 1,
    "has-member": 1,
    "derived-from": 1,
    "result": 1,
    "url": 1,
    "value-concept": 2,
    "code": 4,
    "category": 6,
    "class": 6,
    "type": 5,
    "performer": 5,
    "author": 5,
    "organization": 5,
}
_ORDINARY = 3
SELECTIVE = 2
"""Up to this rank a token has few documents, so that putting them into another order costs little."""


def rank(entry: str) -> int:
    """Return the rank of a token entry such as `code=http://loinc.org|8310-5`."""
    return RANKS.get(entry.partition("=")[0], _ORDINARY)
