"""What the values at a path must be like: one function for each word of the suites.

Each takes the values that the path selects and what the suite expects, and returns what is wrong, or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from conformance import literal_json
from conformance.instants import BadInstant, instant
from conformance.literal_json import NotJson, Number, encode, text_of

Check = Callable[[list[Any], Any], str | None]
SHOWN = 300


def _equals(values: list[Any], expected: Any) -> str | None:
    wanted = [_value(item) for item in (expected if isinstance(expected, list) else [expected])]
    return None if _same(values, wanted) else f"is {shown(values)}, expected {shown(wanted)}"


def _literal(values: list[Any], expected: str) -> str | None:
    if values == [Number(expected)]:
        return None
    return f"is {shown(values)}, expected the number written {expected}"


def _contains(values: list[Any], expected: Any) -> str | None:
    wanted = _value(expected)
    if any(_same([value], [wanted]) for value in values):
        return None
    return f"is {shown(values)}, without {shown([wanted])}"


def _lacks(values: list[Any], expected: Any) -> str | None:
    return None if _contains(values, expected) else f"contains {shown([_value(expected)])}"


def _differs(values: list[Any], expected: Any) -> str | None:
    if len(values) != 1:
        return f"has {len(values)} values, expected one"
    return f"is {shown(values)}, expected another" if _same(values, [_value(expected)]) else None


def _count(values: list[Any], expected: int) -> str | None:
    return None if len(values) == expected else f"has {len(values)} values, expected {expected}"


def _at_least(values: list[Any], expected: int) -> str | None:
    return None if len(values) >= expected else f"has {len(values)} values, expected at least {expected}"


def _present(values: list[Any], _expected: bool) -> str | None:
    return None if values else "is missing"


def _absent(values: list[Any], _expected: bool) -> str | None:
    return f"is {shown(values)}, expected nothing" if values else None


def _matches(values: list[Any], expected: str) -> str | None:
    if not values:
        return "is missing"
    odd = [value for value in values if not re.search(expected, text_of(value))]
    return f"is {shown(odd)}, expected to match {expected}" if odd else None


def _includes(values: list[Any], expected: str) -> str | None:
    try:
        wanted = literal_json.decode(expected)
    except NotJson as error:
        return f"cannot be compared: the expectation is {error}"
    if len(values) == 1 and literal_json.includes(values[0], wanted):
        return None
    return f"is {shown(values)}, which does not say {expected}"


def _distinct(values: list[Any], _expected: bool) -> str | None:
    texts = [text_of(value) for value in values]
    repeated = sorted({text for text in texts if texts.count(text) > 1})
    return f"repeats {shown(list(repeated))}" if repeated else None


def _descending(values: list[Any], _expected: bool) -> str | None:
    instants = [instant(text_of(value)) for value in values]
    if all(before >= after for before, after in pairwise(instants)):
        return None
    return f"is {shown(values)}, expected the newest first"


def _same_second(values: list[Any], expected: str) -> str | None:
    seconds = [instant(text_of(value)).replace(microsecond=0) for value in values]
    if seconds == [instant(expected).replace(microsecond=0)]:
        return None
    return f"is {shown(values)}, expected the second of {expected}"


def _not_before(values: list[Any], expected: str) -> str | None:
    if values and all(instant(text_of(value)) >= instant(expected) for value in values):
        return None
    return f"is {shown(values)}, expected {expected} or later"


KINDS: Mapping[str, Check] = {
    "equals": _equals,
    "literal": _literal,
    "contains": _contains,
    "lacks": _lacks,
    "differs": _differs,
    "count": _count,
    "at_least": _at_least,
    "present": _present,
    "absent": _absent,
    "matches": _matches,
    "includes": _includes,
    "distinct": _distinct,
    "descending": _descending,
    "same_second": _same_second,
    "not_before": _not_before,
}


def check(kind: str, values: list[Any], expected: Any) -> str | None:
    """Return what is wrong with the values of a path, or None.  `kind` is a key of `KINDS`."""
    try:
        return KINDS[kind](values, expected)
    except BadInstant as error:
        return str(error)


def shown(values: list[Any]) -> str:
    """Return values as text for a person, cut where they are long."""
    text = ", ".join(encode(value) for value in values) or "nothing"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _value(expected: Any) -> Any:
    """What a suite writes as an integer is a JSON number by its text."""
    if isinstance(expected, int) and not isinstance(expected, bool):
        return Number(str(expected))
    return expected


def _same(values: list[Any], wanted: list[Any]) -> bool:
    return [encode(value) for value in values] == [encode(value) for value in wanted]
