"""The searches of a person's record as the floor asks them: literal conditions on stored entries.

What the server works out by itself (which system a bare code has, which index is best) is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from conformance.load.generate import CATEGORY

Condition = dict[str, Any]
BY_TOKEN, BY_DATE = ("owner", "search.token"), ("owner", "search.sort.date")
BOUNDS: Mapping[str, str] = {"ge": "$gte", "lt": "$lt"}
_TOKENS: Mapping[str, Callable[[str], str]] = {
    "code": lambda value: f"code={value}",
    "category": lambda value: f"category={CATEGORY}|{value}",
    "encounter": lambda value: f"encounter={value}",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """`condition` on documents, the first keys of the index that finds them, and the size of the page."""

    condition: Condition
    index: tuple[str, str]
    count: int
    """0: the total alone."""


def asked(query: str) -> Asked:
    """Read the query string of one of the searches of the workloads `page` and `person-mix`."""
    pairs = parse_qsl(query)
    values = dict(pairs)
    condition: Condition = {"owner": values["patient"]}
    tokens = list(_tokens(pairs))
    if tokens:
        condition["search.token"] = tokens[0]
    bounds = {BOUNDS[text[:2]]: _day(text[2:]) for name, text in pairs if name == "date"}
    if bounds:
        condition["search.sort.date"] = bounds
    count = 0 if values.get("_summary") == "count" else int(values["_count"])
    return Asked(condition, BY_TOKEN if tokens else BY_DATE, count)


def _tokens(pairs: list[tuple[str, str]]) -> Iterator[str]:
    return (_TOKENS[name](value) for name, value in pairs if name in _TOKENS)


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
