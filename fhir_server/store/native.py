"""The native mirror: a resource as BSON that people can query directly.  The server never reads it."""

from __future__ import annotations

from typing import Any, Final

from bson.int64 import Int64
from msgspec import Raw

from fhir_server.model.number import literal
from fhir_server.store.values import decimal128

_INT64: Final = range(-(1 << 63), 1 << 63)
_INT32: Final = range(-(1 << 31), 1 << 31)


def native(value: Any) -> Any:
    """Return a resource tree as BSON values: integers as int32 or int64, decimals as Decimal128.

    A decimal of more than 34 digits is rounded here; the body keeps it.
    """
    if isinstance(value, dict):
        return {name: native(part) for name, part in value.items()}
    if isinstance(value, list):
        return [native(part) for part in value]
    if isinstance(value, Raw):
        return decimal128(literal(value))
    if type(value) is int:
        return _integer(value)
    return value


def _integer(value: int) -> Any:
    if value in _INT32:
        return value
    return Int64(value) if value in _INT64 else decimal128(str(value))
