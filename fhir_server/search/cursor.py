"""Cursors of next links: the position after which a page begins, sealed to its query and its View.

A cursor is AES-SIV over the position alone, bound to the digests of query and View: it says nothing about
the data, cannot be forged or moved to another query, and the same inputs give the same text.
Spec: https://www.rfc-editor.org/rfc/rfc5297
"""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from fhir_server.model.ids import micros
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.plan import Position

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = struct.Struct(">?qq")
_MAX_CHARACTERS = 400


class Cursors:
    """Seals and opens cursors; `key` is 32, 48 or 64 random bytes that all workers share."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal(self, position: Position, query_digest: bytes, view_digest: bytes) -> str:
        """Return the URL-safe text of a position."""
        dated = position.sort is not None
        sort = micros(position.sort) if position.sort is not None else 0
        data = _HEAD.pack(dated, sort, position.seq) + position.id.encode()
        sealed = self._cipher.encrypt(data, [query_digest, view_digest])
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str, query_digest: bytes, view_digest: bytes) -> Position:
        """Return the position.  Raises FhirError `illegal-cursor` unless sealed for the same two digests."""
        if len(text) > _MAX_CHARACTERS:
            raise _illegal()
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            data = self._cipher.decrypt(sealed, [query_digest, view_digest])
        except (InvalidTag, ValueError, binascii.Error):
            raise _illegal() from None
        dated, sort, seq = _HEAD.unpack_from(data)
        at = EPOCH + timedelta(microseconds=sort) if dated else None
        return Position(at, seq, data[_HEAD.size :].decode())


def _illegal() -> FhirError:
    return refuse(
        "illegal-cursor",
        "This `_cursor` was not made for this search. Follow the `next` links as they are, or begin anew.",
    )
