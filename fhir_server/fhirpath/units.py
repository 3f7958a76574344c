"""The commonest UCUM units, reduced to base units, so that quantities can be compared.

A unit that this table does not know is comparable only with the very same code.
The mole stays a unit of its own (UCUM makes it a number): no count is ever equal to an amount of substance.
Spec: https://ucum.org/ucum
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from types import MappingProxyType

Dimensions = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A unit as `factor` times a product of base units with their exponents, sorted by name."""

    factor: Decimal
    dimensions: Dimensions


_PREFIXES: Mapping[str, int] = MappingProxyType({
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
})  # fmt: skip
_BASE = frozenset({"m", "s", "g", "rad", "K", "C", "cd", "mol", "[iU]", "[arb'U]"})
# A unit that takes prefixes → its factor and what it stands for.
_METRIC: Mapping[str, tuple[str, str]] = MappingProxyType({
    "l": ("0.001", "m3"), "L": ("0.001", "m3"), "t": ("1000000", "g"), "sr": ("1", "rad2"),
    "N": ("1000", "g.m.s-2"), "Pa": ("1000", "g.m-1.s-2"), "J": ("1000", "g.m2.s-2"),
    "W": ("1000", "g.m2.s-3"), "V": ("1000", "g.m2.s-2.C-1"), "A": ("1", "C.s-1"), "Hz": ("1", "s-1"),
    "bar": ("100000000", "g.m-1.s-2"), "m[Hg]": ("133322000", "g.m-1.s-2"),
    "m[H2O]": ("9806650", "g.m-1.s-2"), "cal": ("4184", "g.m2.s-2"), "kat": ("1", "mol.s-1"),
    "Bq": ("1", "s-1"), "Gy": ("1", "m2.s-2"), "Sv": ("1", "m2.s-2"), "Ohm": ("1000", "g.m2.s-1.C-2"),
    "F": ("0.001", "s2.C2.g-1.m-2"), "lm": ("1", "cd.rad2"), "lx": ("1", "cd.rad2.m-2"),
    "eq": ("1", "mol"), "osm": ("1", "mol"), "[IU]": ("1", "[iU]"),
    "U": ("0.000001", "mol/60/s"),  # its factor is no finite decimal
})  # fmt: skip
_CUSTOMARY: Mapping[str, tuple[str, str]] = MappingProxyType({
    "min": ("60", "s"), "h": ("3600", "s"), "d": ("86400", "s"), "wk": ("604800", "s"),
    "a": ("31557600", "s"), "a_j": ("31557600", "s"), "mo": ("2629800", "s"), "mo_j": ("2629800", "s"),
    "%": ("0.01", "1"), "[ppth]": ("0.001", "1"), "[ppm]": ("0.000001", "1"), "[ppb]": ("0.000000001", "1"),
    "[in_i]": ("0.0254", "m"), "[ft_i]": ("0.3048", "m"), "[yd_i]": ("0.9144", "m"),
    "[mi_i]": ("1609.344", "m"), "Ao": ("0.0000000001", "m"),
    "[gr]": ("0.06479891", "g"), "[oz_av]": ("28.349523125", "g"), "[lb_av]": ("453.59237", "g"),
    "[stone_av]": ("6350.29318", "g"), "[foz_us]": ("0.0000295735295625", "m3"),
    "[pt_us]": ("0.000473176473", "m3"), "[qt_us]": ("0.000946352946", "m3"),
    "[gal_us]": ("0.003785411784", "m3"), "[tsp_us]": ("0.00000492892159375", "m3"),
    "[tbs_us]": ("0.00001478676478125", "m3"), "[drp]": ("0.00000005", "m3"),
    "deg": ("0.017453292519943295769236907684886127", "rad"),
    "[psi]": ("6894757.2931683613367226734453469", "g.m-1.s-2"),
})  # fmt: skip
_NOT_METRIC = frozenset({"[arb'U]"})
_TERM = re.compile(r"[./()]|(?:\[[^\]]*\]|[^\s./()\[\]{}0-9+-])+(?:[+-]?[0-9]+)?|10[*^][+-]?[0-9]+|[0-9]+")
_POWER = re.compile(r"(?P<unit>.*?[^0-9+-])(?P<exponent>[+-]?[0-9]+)?\Z", re.DOTALL)
_TEN = re.compile(r"10[*^](?P<exponent>[+-]?[0-9]+)\Z")
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_BARE_ANNOTATION = re.compile(r"(?:^|(?<=[./(]))\{[^{}]*\}(?=$|[./)])")
_MAX_EXPONENT = 99
_EXACT = Context(prec=36)


@lru_cache(maxsize=2048)
def measure(code: str) -> Measure | None:
    """Return the meaning of a UCUM code, or None where this table cannot tell."""
    bare = _ANNOTATION.sub("", _BARE_ANNOTATION.sub("1", code))
    if not bare or len(bare) > 64 or "".join(_TERM.findall(bare)) != bare:
        return None
    reader = _Reader(_TERM.findall(bare))
    found = reader.product()
    return found if reader.is_done else None


class _Reader:
    """Reads `component ((.|/) component)*`, from left to right as UCUM does."""

    __slots__ = ("_at", "_terms")

    def __init__(self, terms: list[str]) -> None:
        self._terms = terms
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at == len(self._terms)

    def product(self) -> Measure | None:
        found: Measure | None = Measure(Decimal(1), ())
        operator = "."
        if self._peek() == "/":
            operator = self._next()
        while found is not None:
            part = self._component()
            if part is None:
                return None
            found = multiply(found, part if operator == "." else power(part, -1))
            if self._peek() not in (".", "/"):
                return found
            operator = self._next()
        return found

    def _component(self) -> Measure | None:
        if self.is_done:
            return None
        term = self._next()
        if term != "(":
            return _component(term)
        inner = self.product()
        return inner if self._peek() == ")" and self._next() else None

    def _peek(self) -> str:
        return "" if self.is_done else self._terms[self._at]

    def _next(self) -> str:
        self._at += 1
        return self._terms[self._at - 1]


def multiply(left: Measure, right: Measure) -> Measure:
    """Return the product of two units."""
    exponents = dict(left.dimensions)
    for name, exponent in right.dimensions:
        exponents[name] = exponents.get(name, 0) + exponent
    kept = tuple(sorted((name, exponent) for name, exponent in exponents.items() if exponent))
    return Measure(_EXACT.multiply(left.factor, right.factor), kept)


def power(unit: Measure, exponent: int) -> Measure:
    """Return a unit raised to a power."""
    return Measure(
        _EXACT.power(unit.factor, exponent), tuple((name, each * exponent) for name, each in unit.dimensions)
    )


def _component(term: str) -> Measure | None:
    if term.isdigit():
        return Measure(Decimal(term), ()) if int(term) else None
    ten = _TEN.match(term)
    if ten is not None:
        exponent = int(ten["exponent"])
        return Measure(Decimal(10) ** exponent, ()) if abs(exponent) <= _MAX_EXPONENT else None
    match = _POWER.match(term)
    if match is None:
        return None
    unit, exponent = _unit(match["unit"]), int(match["exponent"] or 1)
    return power(unit, exponent) if unit is not None and abs(exponent) <= _MAX_EXPONENT else None


def _unit(name: str) -> Measure | None:
    whole = _CUSTOMARY.get(name) or _METRIC.get(name)
    if whole is not None or name in _BASE:
        return _known(name, whole)
    for length in (2, 1):
        rest = name[length:]
        if name[:length] in _PREFIXES and (rest in _METRIC or (rest in _BASE and rest not in _NOT_METRIC)):
            scale = Measure(Decimal(1).scaleb(_PREFIXES[name[:length]]), ())
            return multiply(scale, _known(rest, _METRIC.get(rest)))
    return None


def _known(name: str, derived: tuple[str, str] | None) -> Measure:
    if derived is None:
        return Measure(Decimal(1), ((name, 1),))
    base = measure(derived[1])
    if base is None:
        raise ValueError(f"the table's own entry {name} does not read")
    return multiply(Measure(Decimal(derived[0]), ()), base)
