"""Sealed bodies and blobs: AES-256-GCM under a key of the person, bound to where they belong.

What is authenticated besides the bytes is the person, the type, the id and the version (for a piece of a
blob: the person, the blob, its place, how many pieces there are and whether it is packed), the key and the
dictionary: bytes that were changed, moved, swapped or cut open nowhere.
Spec: https://csrc.nist.gov/pubs/sp/800/38/d/final
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import zstandard
from cryptography.exceptions import InvalidTag

from fhir_server.access.decide import REFUSED
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.store.sealing.compression import Dictionaries, DictionaryUnknown
from fhir_server.store.sealing.keyring import KeyDestroyed, Keyring

NONCE_BYTES: Final = 12
_NO_NUMBER: Final = 0

Seal = Mapping[str, Any]
"""`{key, nonce, dictionary}` of a body, `{key, nonce}` of a piece of a blob."""

_BROKEN: Final = "does not open: its bytes, its place or its key are not those with which it was sealed."
_NOT_SEALED: Final = (
    "is not sealed, although everything in this database was: it did not come from a server. If it did, "
    "before sealing was switched on, run `fhir-server keys seal`."
)
_NO_KEY: Final = (
    "was sealed with a key that the vault does not have: was the vault restored from a backup that is older "
    "than the record?"
)
_LATER: Final = "was sealed by a later version of the server: use that one."


@dataclass(frozen=True, slots=True)
class Place:
    """The version that a body belongs to."""

    owner: str
    resource_type: str
    id: str
    version: int

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.id}, version {self.version},"


@dataclass(frozen=True, slots=True)
class Piece:
    """The place of some bytes in a blob of `count` pieces, and whether they are packed."""

    owner: str
    blob_id: str
    number: int
    count: int
    packed: bool = False

    def __str__(self) -> str:
        return "An attachment"


@dataclass(frozen=True, slots=True)
class Sealing:
    """Seals and opens.  `strict`: the database holds nothing unsealed any more, and nothing such is read.

    All methods raise KeyError where the keys of the person were destroyed, and FhirError: `seal-broken`,
    `database-unavailable` while the vault does not answer.
    """

    keyring: Keyring
    dictionaries: Dictionaries
    strict: bool = False

    def seal(self, place: Place, text: bytes) -> tuple[bytes, Seal]:
        """Return a body sealed, and its seal."""
        key, cipher = self.keyring.current(place.owner)
        dictionary, small = self.dictionaries.compress(place.resource_type, text)
        nonce = os.urandom(NONCE_BYTES)
        sealed = cipher.encrypt(nonce, small, _body(place, key, dictionary))
        return sealed, {"key": key, "nonce": nonce, "dictionary": dictionary}

    def open(self, place: Place, body: object, seal: Seal | None) -> bytes:
        """Return the text of a stored body, sealed or from before sealing was switched on."""
        if seal is None:
            return self._unsealed(place, body)
        try:
            key, nonce, dictionary = seal["key"], seal["nonce"], seal["dictionary"]
            small = self._decrypt(place, key, nonce, body, _body(place, key, dictionary))
            return self.dictionaries.expand(dictionary, small)
        except DictionaryUnknown:
            raise _refused(place, _LATER) from None
        except KeyDestroyed:
            raise
        except (KeyError, TypeError, ValueError, zstandard.ZstdError):
            raise _refused(place, _BROKEN) from None

    def seal_piece(self, piece: Piece, data: bytes) -> tuple[bytes, Seal]:
        """Return a piece of a blob sealed, and its seal."""
        key, cipher = self.keyring.current(piece.owner)
        nonce = os.urandom(NONCE_BYTES)
        return cipher.encrypt(nonce, data, _piece(piece, key)), {"key": key, "nonce": nonce}

    def open_piece(self, piece: Piece, data: bytes, seal: Seal | None) -> bytes:
        """Return a piece of a blob, sealed or from before sealing was switched on."""
        if seal is None:
            self.keyring.of(piece.owner, _NO_NUMBER)
            if self.strict:
                raise _refused(piece, _NOT_SEALED)
            return data
        return self._decrypt(piece, seal["key"], seal["nonce"], data, _piece(piece, seal["key"]))

    def _unsealed(self, place: Place, body: object) -> bytes:
        if not isinstance(body, str):
            raise _refused(place, _BROKEN)
        self.keyring.of(place.owner, _NO_NUMBER)  # raises where the keys were destroyed
        if self.strict and body:
            raise _refused(place, _NOT_SEALED)
        return body.encode("utf-8")

    def _decrypt(self, place: Place | Piece, key: int, nonce: bytes, data: Any, bound: bytes) -> bytes:
        cipher = self.keyring.of(place.owner, key)
        if cipher is None:
            raise _refused(place, _NO_KEY)
        try:
            return cipher.decrypt(nonce, data, bound)
        except (InvalidTag, ValueError, TypeError):
            raise _refused(place, _BROKEN) from None


def key_destroyed() -> FhirError:
    """Return the refusal to write into a record whose keys were destroyed."""
    return refuse("refused", REFUSED)


def not_openable(what: str) -> FhirError:
    """Return the refusal to read what is sealed where nothing can be."""
    return refuse("seal-broken", f"{what} {_BROKEN}")


def _body(place: Place, key: int, dictionary: int) -> bytes:
    # `|` is part of no id, so that no two places have one text.
    named = f"{place.owner}|{place.resource_type}|{place.id}|{place.version}"
    return f"body/1|{key}|{dictionary}|{named}".encode()


def _piece(piece: Piece, key: int) -> bytes:
    form = "blob/2" if piece.packed else "blob/1"
    return f"{form}|{key}|{piece.owner}|{piece.blob_id}|{piece.number}|{piece.count}".encode()


def _refused(place: Place | Piece, why: str) -> FhirError:
    return refuse("seal-broken", f"{place} {why}")
