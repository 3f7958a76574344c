"""Cursors of next links: the position after which a page begins, sealed to its query and its View.

A cursor is AES-SIV over the position alone, bound to the digests of query and View: it says nothing about
the data, cannot be forged or moved to another query, and the same inputs give the same text.
Spec: https://www.rfc-editor.org/rfc/rfc5297
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from fhir_server.model.ids import micros
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.plan import KeyValue, Position

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = struct.Struct(">??qqB")
_NO_KEYS = b"[]"
_MAX_CHARACTERS = 4_000


class Cursors:
    """Seals and opens cursors; `key` is 32, 48 or 64 random bytes that all workers share."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal(self, position: Position, query_digest: bytes, view_digest: bytes) -> str:
        """Return the URL-safe text of a position."""
        dated = position.sort is not None
        sort = micros(position.sort) if position.sort is not None else 0
        id = position.id.encode()
        head = _HEAD.pack(position.backward, dated, sort, position.seq, len(id))
        keys = json.dumps([_spelled(key) for key in position.keys]).encode() if position.keys else _NO_KEYS
        data = head + id + keys
        sealed = self._cipher.encrypt(data, [query_digest, view_digest])
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str, query_digest: bytes, view_digest: bytes) -> Position:
        """Return the position.  Raises FhirError `illegal-cursor` unless sealed for the same two digests."""
        if len(text) > _MAX_CHARACTERS:
            raise illegal_cursor()
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            data = self._cipher.decrypt(sealed, [query_digest, view_digest])
        except (InvalidTag, ValueError, binascii.Error):
            raise illegal_cursor() from None
        backward, dated, sort, seq, size = _HEAD.unpack_from(data)
        at = _instant(sort) if dated else None
        end = _HEAD.size + size
        keys = tuple(_READ[kind](value) for kind, value in json.loads(data[end:]))
        return Position(at, seq, data[_HEAD.size : end].decode(), keys, backward)


def _spelled(key: KeyValue) -> tuple[str, Any]:
    match key:
        case None | str():
            return "text", key
        case Decimal():
            return "number", str(key)
        case datetime():
            return "instant", micros(key)


def _instant(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


_READ: Mapping[str, Callable[[Any], KeyValue]] = {
    "text": lambda value: value,
    "number": Decimal,
    "instant": _instant,
}


def illegal_cursor() -> FhirError:
    """Return the refusal of a cursor that this server did not make for the search at hand."""
    return refuse(
        "illegal-cursor",
        "This `_cursor` was not made for this search. Follow the `next` links as they are, or begin anew.",
    )
