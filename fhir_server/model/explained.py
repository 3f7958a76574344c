"""What the database did for one walk of a search.

For operators on data of nobody: the figures can tell of what is hidden.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Walk:
    """One query of a page: the indexes it used, what it examined, how much it gave, and its time in ms."""

    indexes: tuple[str, ...]
    stages: tuple[str, ...]
    """From the last to the first, as the database names them: `LIMIT`, `FETCH`, `IXSCAN` …"""
    keys: int
    documents: int
    returned: int
    milliseconds: int
