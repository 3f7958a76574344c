"""The key of development tokens: 32 secret bytes in a file that is its owner's alone."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fhir_server.access.secret_file import make_once

KEY_BYTES: Final = 32
FILE_NAME: Final = "token.key"
"""The name of the file in the data directory, where no setting names another one."""
_OTHERS: Final = 0o077


class TokenKeyRefused(Exception):
    """The key cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Whoever has it can make tokens of any role."""

    secret: bytes = field(repr=False)


def read_key(path: Path) -> TokenKey:
    """Return the key in a file.  Raises TokenKeyRefused: missing, of another size, or not private."""
    try:
        mode = path.stat().st_mode
        secret = path.read_bytes()
    except OSError as reason:
        raise TokenKeyRefused(f"The token key {path} cannot be read: {reason.strerror}.") from None
    if stat.S_IMODE(mode) & _OTHERS:
        raise TokenKeyRefused(f"Others may read the token key {path}: `chmod 600` it, or delete it.")
    if len(secret) != KEY_BYTES:
        raise TokenKeyRefused(f"The token key {path} has {len(secret)} bytes, not {KEY_BYTES}: delete it.")
    return TokenKey(secret)


def open_key(path: Path) -> TokenKey:
    """Return the key in a file, made (0600) by whoever comes first.  Raises TokenKeyRefused."""
    if not path.exists():
        _make(path)
    return read_key(path)


def _make(path: Path) -> None:
    try:
        make_once(path, os.urandom(KEY_BYTES))
    except OSError as reason:
        raise TokenKeyRefused(f"The token key {path} cannot be made: {reason.strerror}.") from None
