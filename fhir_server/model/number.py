"""Numbers as FHIR JSON writes them: an `int`, or the literal of a decimal as `Number`.

A decimal keeps every character that was sent (`1.50e2`, `0.00000010`), because precision carries
clinical meaning.  Spec: https://hl7.org/fhir/R4/json.html#decimal
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeGuard

from msgspec import Raw

Number = Raw
"""A JSON number literal that is not a plain integer; `bytes(number)` is its ASCII text."""


def is_number(value: Any) -> TypeGuard[int | Raw]:
    """Return whether `value` is a JSON number (a `bool` is not)."""
    kind = type(value)
    return kind is int or kind is Raw


def literal(value: int | Raw) -> str:
    """Return the characters of the number as they stand, or stood, in JSON."""
    return str(value) if type(value) is int else bytes(value).decode("ascii")


def decimal(value: int | Raw) -> Decimal:
    """Return the exact value; its exponent is the precision that was sent (`1.50` has two places)."""
    return Decimal(literal(value))


def number(text: str) -> int | Raw:
    """Return the number that `text`, a valid JSON number literal, stands for, its characters kept."""
    return int(text) if str_is_plain_integer(text) else Raw(text.encode("ascii"))


def str_is_plain_integer(text: str) -> bool:
    """Return whether `int(text)` prints as `text` again (`-0` does not)."""
    digits = text[1:] if text.startswith("-") else text
    return digits.isdigit() and text != "-0"
