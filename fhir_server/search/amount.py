"""Exact decimals as the indexes hold them: at most 34 significant digits, within the range of Decimal128.

Spec: https://hl7.org/fhir/R4/search.html#number
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import AmountWithin, Condition, Or
from fhir_server.search.prefix import split_prefix

LOWEST, HIGHEST = "-9.999999999999999999999999999999999E+6144", "9.999999999999999999999999999999999E+6144"

_DIGITS, _EXPONENT = 34, 6000
_DOWN, _UP = Context(prec=_DIGITS, rounding=ROUND_FLOOR), Context(prec=_DIGITS, rounding=ROUND_CEILING)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?\Z")
_SHORT = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?\Z")
MAX_TEXT = 400


@dataclass(frozen=True, slots=True)
class AmountValue:
    """A prefix, the exact value and the interval [low, high) that its precision implies."""

    prefix: str
    exact: str
    low: str
    high: str


def bounds(text: str) -> tuple[str, str]:
    """Return (low, high) of a stored decimal literal; they differ only beyond 34 digits."""
    if _SHORT.match(text):
        return text, text
    value = Decimal(text)
    if abs(value.adjusted()) > _EXPONENT:
        return _beyond(value)
    return str(_DOWN.plus(value)), str(_UP.plus(value))


def _beyond(value: Decimal) -> tuple[str, str]:
    if value.is_zero() or value.adjusted() < 0:
        return "0", "0"
    return (LOWEST, LOWEST) if value < 0 else (HIGHEST, HIGHEST)


def read_amount(code: str, text: str) -> AmountValue:
    """Read `[prefix]number`.  Half of its last digit either way is what `eq` covers.

    `100` covers [99.5, 100.5), `1e2` covers [50, 150); `ap` covers a tenth of the value either way.
    Raises FhirError `illegal-parameter-value`.
    """
    prefix, rest = split_prefix(text)
    if len(rest) > MAX_TEXT or _NUMBER.match(rest) is None:
        raise refuse(
            "illegal-parameter-value",
            f"`{code}` needs a number such as `5.4`, with eq, ne, gt, lt, ge, le, sa, eb or ap before it.",
        )
    value = Decimal(rest)
    if abs(value.adjusted()) > _EXPONENT or abs(_exponent(value)) > _EXPONENT:
        raise refuse("illegal-parameter-value", f"`{code}`: the number is outside the range of decimals.")
    half = Decimal(5).scaleb(_exponent(value) - 1)
    margin = max(abs(value) / 10, half) if prefix == "ap" else half
    low, high = _DOWN.subtract(value, margin), _UP.add(value, margin)
    return AmountValue(prefix, str(_DOWN.plus(value)), str(low), str(high))


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


def within(wanted: AmountWithin, value: AmountValue) -> Condition:
    """Return the condition of one value on the amounts that `wanted`, as yet without bounds, names."""
    parts = tuple(replace(wanted, **bounds) for bounds in _BOUNDS[value.prefix](value))
    return parts[0] if len(parts) == 1 else Or(parts)


def both(wanted: AmountWithin, start: AmountValue, end: AmountValue) -> Condition:
    """Return the condition on amounts whose ends are two single numbers, each held against its own value."""
    parts = tuple(
        replace(
            wanted, low_from=first.get("from"), low_before=first.get("before"),
            high_after=_map(_next_down, second.get("from")), high_to=_map(_next_down, second.get("before")),
        )
        for first in _SINGLE[start.prefix](start)
        for second in _SINGLE[end.prefix](end)
    )  # fmt: skip
    return parts[0] if len(parts) == 1 else Or(parts)


def _map(convert: Callable[[str], str], text: str | None) -> str | None:
    return None if text is None else convert(text)


_SINGLE: Mapping[str, Callable[[AmountValue], tuple[dict[str, str], ...]]] = {
    "eq": lambda v: ({"from": v.low, "before": v.high},),
    "ne": lambda v: ({"before": v.low}, {"from": v.high}),
    "gt": lambda v: ({"from": _next_up(v.exact)},),
    "lt": lambda v: ({"before": v.exact},),
    "ge": lambda v: ({"from": v.exact},),
    "le": lambda v: ({"before": _next_up(v.exact)},),
    "sa": lambda v: ({"from": _next_up(v.exact)},),
    "eb": lambda v: ({"before": v.exact},),
    "ap": lambda v: ({"from": v.low, "before": v.high},),
}
"""Prefix → the bounds of a single number, `from <= number < before`, any of which is enough."""


_Bounds = dict[str, Any]
_BOUNDS: Mapping[str, Callable[[AmountValue], tuple[_Bounds, ...]]] = {
    "eq": lambda v: ({"low_from": v.low, "low_before": v.high, "high_to": v.high},),
    "ne": lambda v: ({"low_before": v.low}, {"low_from": v.high}, {"high_after": v.high}),
    "gt": lambda v: ({"high_after": v.exact},),
    "lt": lambda v: ({"low_before": v.exact},),
    "ge": lambda v: ({"high_after": v.exact}, {"low_from": v.exact}),
    "le": lambda v: ({"low_before": v.exact}, {"high_to": v.exact}),
    "sa": lambda v: ({"low_from": _next_up(v.exact)},),
    "eb": lambda v: ({"high_to": _next_down(v.exact)},),
    "ap": lambda v: ({"low_before": v.high, "high_after": v.low},),
}
"""Prefix → the bounds of a match, any of which is enough."""


def _next_up(text: str) -> str:
    return str(_DOWN.next_plus(Decimal(text)))


def _next_down(text: str) -> str:
    return str(_UP.next_minus(Decimal(text)))
