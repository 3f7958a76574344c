"""What an answer showed or wrote, as one short binary value: 17 bytes for most versions.

A manifest is a sequence of runs.  A run is the number of its entries, the length of the name of the type, the
name, and its entries: first `version * 2 + is_uuid`, then the 16 bytes of a UUID or a length and the id.
Version 0 stands for an address without one; the type of no name for whatever has another form, kept as it
is.  Numbers are LEB128, least significant first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Final
from uuid import UUID

_ENTITY: Final = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([1-9][0-9]{0,18}))?")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SEVEN: Final = 0x7F
_MORE: Final = 0x80
_SHORT: Final = tuple(bytes((value,)) for value in range(_SEVEN + 1))
_UUID_CHARACTERS: Final = 36
REMEMBERED: Final = 8_192
"""Addresses whose entries are kept at hand: who consults a record is shown the same versions many times."""

_TYPE: Final = itemgetter(0)

Item = tuple[str, str, int]
"""Type, id, version."""


def pack(entities: Iterable[str]) -> bytes:
    """Return the manifest of addresses `Type/id/_history/version`, in their order."""
    packed = bytearray()
    for resource_type, run in groupby(map(_item, entities), key=_TYPE):
        items = list(run)
        name = resource_type.encode()
        packed += _number(len(items)) + _number(len(name)) + name
        packed += b"".join([entry for _, entry in items])
    return bytes(packed)


def unpack(manifest: bytes) -> tuple[str, ...]:
    """Return the addresses of a manifest.  Raises ValueError where it is none."""
    try:
        return tuple(_address(*item) for item in _items(manifest))
    except (IndexError, UnicodeDecodeError):
        raise ValueError("this is no manifest") from None


@lru_cache(maxsize=REMEMBERED)
def _item(entity: str) -> tuple[str, bytes]:
    """Return the type of an address and its entry."""
    match = _ENTITY.fullmatch(entity)
    if match is None:
        return "", _entry(entity, 0)
    resource_type, id, version = match.groups()
    return resource_type, _entry(id, int(version or 0))


def _address(resource_type: str, id: str, version: int) -> str:
    if not resource_type:
        return id
    return f"{resource_type}/{id}/_history/{version}" if version else f"{resource_type}/{id}"


def _entry(id: str, version: int) -> bytes:
    if len(id) == _UUID_CHARACTERS and _UUID.fullmatch(id):
        head = version << 1 | 1
        return (_SHORT[head] if head <= _SEVEN else _number(head)) + bytes.fromhex(id.replace("-", ""))
    head, text = version << 1, id.encode()
    if head <= _SEVEN >= len(text):
        return _SHORT[head] + _SHORT[len(text)] + text
    return _number(head) + _number(len(text)) + text


def _items(manifest: bytes) -> Iterator[Item]:
    at = 0
    while at < len(manifest):
        count, at = _read_number(manifest, at)
        length, at = _read_number(manifest, at)
        resource_type, at = _read(manifest, at, length).decode(), at + length
        for _ in range(count):
            head, at = _read_number(manifest, at)
            if head & 1:
                id, at = str(UUID(bytes=_read(manifest, at, 16))), at + 16
            else:
                length, at = _read_number(manifest, at)
                id, at = _read(manifest, at, length).decode(), at + length
            yield resource_type, id, head >> 1


def _read(manifest: bytes, at: int, length: int) -> bytes:
    if at + length > len(manifest):
        raise IndexError
    return manifest[at : at + length]


def _number(value: int) -> bytes:
    if value <= _SEVEN:
        return _SHORT[value]
    encoded = bytearray()
    while value > _SEVEN:
        encoded.append(value & _SEVEN | _MORE)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_number(manifest: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = manifest[at]
        value |= (byte & _SEVEN) << shift
        at, shift = at + 1, shift + 7
        if byte <= _SEVEN:
            return value, at
