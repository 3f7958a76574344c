"""How many resources a search of the person mix must bring, counted in what was posted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from conformance.load.seed import Planted

Resource = Mapping[str, Any]


def found(planted: Planted, path: str) -> int:
    """Return the entries of the page at `path` (`/Type?…`) about a person of the Bundle."""
    resource_type, _, query = path[1:].partition("?")
    pairs = parse_qsl(query)
    values = dict(pairs)
    if values.get("_summary") == "count":
        return 0
    tests = [(TESTS[name], value) for name, value in pairs if name in TESTS]
    matching = sum(
        all(test(resource, value) for test, value in tests) for resource in _of_type(planted, resource_type)
    )
    return min(matching, int(values["_count"]))


def _of_type(planted: Planted, resource_type: str) -> Iterator[Resource]:
    for index, (kind, _) in enumerate(planted.places):
        if kind == resource_type:
            yield planted.stored(index)


def _coded(concept: Resource, value: str) -> bool:
    system, bar, code = value.rpartition("|")
    return any(
        one.get("code") == code and (not bar or one.get("system") == system)
        for one in concept.get("coding", ())
    )


def _dated(resource: Resource, value: str) -> bool:
    text = resource.get("effectiveDateTime")
    if text is None:
        return False
    at, bound = _instant(text), _instant(value[2:])
    return at >= bound if value[:2] == "ge" else at < bound


def _instant(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


TESTS: Mapping[str, Callable[[Resource, str], bool]] = {
    "patient": lambda one, value: one.get("subject", {}).get("reference") == f"Patient/{value}",
    "encounter": lambda one, value: one.get("encounter", {}).get("reference") == value,
    "code": lambda one, value: _coded(one.get("code", {}), value),
    "category": lambda one, value: any(_coded(each, value) for each in one.get("category", ())),
    "date": _dated,
}
"""Parameter → whether a posted resource has the value."""
