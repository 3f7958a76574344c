"""The canonical bytes of an entry of the access log: one text for one content, whatever the order of fields.

A JSON text without white space, whose objects have their keys in the order of their code points.  Every value
is a text that begins with its type, so that no two different values are written alike:

`s:` string · `i:` 32-bit integer · `l:` 64-bit integer · `d:` double, as the 16 hexadecimal digits of its
bits · `t:` instant, milliseconds since 1970 · `b:` binary, two hexadecimal digits of its subtype, `:`,
base64 · `o:` any other type, as the hexadecimal BSON document `{"": value}`.

`true`, `false`, `null`, arrays and objects are themselves.  `docs/audit-proof.md` tells those who verify.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from types import MappingProxyType, NoneType
from typing import Any, Final

import bson
import msgspec
from bson.binary import Binary
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64

EXACT: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_MS, unicode_decode_error_handler="backslashreplace"
)
"""Reads whatever stands in a document, out of its range or not, as the type that it has."""

_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def canonical_bytes(raw: bytes) -> bytes:
    """Return the canonical bytes of a stored document.

    One that holds more than can be read of it (a text that is no UTF-8, one field twice) is a value of the
    type `o:` as a whole: nothing can hide in it.
    """
    document = bson.decode(raw, EXACT)
    if bson.encode(document) != raw:
        return _ENCODER.encode(f"o:{raw.hex()}")
    return _ENCODER.encode(_document(document))


def _tagged(value: Any) -> Any:
    write: Callable[[Any], Any] = _WRITERS.get(type(value), _other)
    return write(value)


def _document(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _tagged(part) for key, part in value.items()}


def _array(value: list[Any]) -> list[Any]:
    return [_tagged(part) for part in value]


def _binary(value: bytes) -> str:
    return f"b:{getattr(value, 'subtype', 0):02x}:{b64encode(value).decode('ascii')}"


def _other(value: Any) -> str:
    return f"o:{bson.encode({'': value}).hex()}"


_WRITERS: Final[Mapping[type, Callable[[Any], Any]]] = MappingProxyType({
    str: "s:{}".format,
    int: "i:{}".format,
    Int64: "l:{}".format,
    float: lambda value: f"d:{struct.pack('>d', value).hex()}",
    DatetimeMS: lambda value: f"t:{int(value)}",
    bytes: _binary,
    Binary: _binary,
    bool: lambda value: value,
    NoneType: lambda value: value,
    dict: _document,
    list: _array,
})  # fmt: skip
