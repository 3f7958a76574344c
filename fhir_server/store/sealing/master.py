"""Master keys: they wrap the keys of persons, and live in a file of the operator.

The file has one key on a line, 64 hexadecimal digits; empty lines and lines with `#` are passed over.  The
last one wraps, all of them unwrap.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhir_server.store.connection import StoreRefused
from fhir_server.store.sealing.vault import KeyRecord, WrappedKey

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_LINE = re.compile(r"[0-9A-Fa-f]{64}\Z")
_OTHERS: Final = 0o077


class KeyDamaged(Exception):
    """A key of the vault cannot be unwrapped: it was changed, moved or wrapped by another master key."""


class MasterUnknown(Exception):
    """A key was wrapped by a master key that the file does not have; `master` names it."""

    def __init__(self, master: str) -> None:
        super().__init__(f"The master key file has no key {master}.")
        self.master = master


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """The keys of a file by name; `current` names the one that wraps."""

    current: str
    _keys: Mapping[str, AESGCM]

    @classmethod
    def read(cls, path: Path) -> MasterKeys:
        """Return the keys of a file.  Raises StoreRefused: missing, open to others, or no key in it."""
        try:
            if path.stat().st_mode & _OTHERS:
                raise StoreRefused(
                    f"The master key file {path} is open to others: `chmod 600` it. Who reads it and the "
                    "key vault reads every record."
                )
            lines = [line.strip() for line in path.read_text("ascii").splitlines()]
        except (OSError, UnicodeDecodeError) as reason:
            raise StoreRefused(
                f"The master key file {path} cannot be read ({type(reason).__name__}): FHIR_KEY_MASTER_FILE "
                "names it, and `openssl rand -hex 32` makes a key."
            ) from None
        keys = [line for line in lines if line and not line.startswith("#")]
        wrong = [number for number, line in enumerate(lines, 1) if line in keys and not _LINE.match(line)]
        if wrong or not keys:
            where = f"line {wrong[0]} is no" if wrong else "no line is a"
            raise StoreRefused(f"In the master key file {path}, {where} key of 64 hexadecimal digits.")
        named = {_name(key): AESGCM(key) for key in map(bytes.fromhex, keys)}
        return cls(_name(bytes.fromhex(keys[-1])), named)

    def has(self, master: str) -> bool:
        """Return whether a key of that name is there."""
        return master in self._keys

    def wrap(self, key: bytes, number: int, owner: str) -> WrappedKey:
        """Return a person's key as the vault keeps it."""
        nonce = os.urandom(NONCE_BYTES)
        wrapped = self._keys[self.current].encrypt(nonce, key, _bound(number, owner, self.current))
        return WrappedKey(number, self.current, nonce + wrapped)

    def unwrap(self, wrapped: WrappedKey, owner: str) -> bytes:
        """Return the 32 bytes of a person's key.  Raises MasterUnknown, KeyDamaged."""
        if wrapped.master not in self._keys:
            raise MasterUnknown(wrapped.master)
        nonce, sealed = wrapped.wrapped[:NONCE_BYTES], wrapped.wrapped[NONCE_BYTES:]
        try:
            key = self._keys[wrapped.master].decrypt(
                nonce, sealed, _bound(wrapped.number, owner, wrapped.master)
            )
        except (InvalidTag, ValueError):
            raise KeyDamaged("A key of the vault does not open under its master key.") from None
        return key

    def rewrap(self, record: KeyRecord) -> tuple[WrappedKey, ...]:
        """Return the keys of a person, all of them wrapped by the current key.

        Raises MasterUnknown, KeyDamaged.
        """
        return tuple(
            wrapped
            if wrapped.master == self.current
            else self.wrap(self.unwrap(wrapped, record.owner), wrapped.number, record.owner)
            for wrapped in record.keys
        )


def add_master_key(path: Path) -> str:
    """Append a new random key to the file, durably and all or nothing; return its name.

    The file is made if there is none.  Raises StoreRefused.
    """
    key = secrets.token_hex(KEY_BYTES)
    before = b""
    fresh = path.with_name(path.name + ".new")
    try:
        if path.exists():
            MasterKeys.read(path)
            before = path.read_bytes().rstrip(b"\n") + b"\n"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(before + key.encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as reason:
        raise StoreRefused(
            f"The master key file {path} cannot be written ({type(reason).__name__})."
        ) from None
    return _name(bytes.fromhex(key))


def _name(key: bytes) -> str:
    """Return what the vault calls a master key: nothing of the key follows from it."""
    return hashlib.sha256(b"fhir-server master key|" + key).hexdigest()[:16]


def _bound(number: int, owner: str, master: str) -> bytes:
    return f"key/1|{number}|{master}|{owner}".encode()
