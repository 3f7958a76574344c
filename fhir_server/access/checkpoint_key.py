"""The key that signs checkpoints: Ed25519 in a PEM file (PKCS #8) that is its owner's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

FILE_NAME: Final = "audit-key.pem"
"""The name of the file in the data directory, where no setting names another one."""
_OTHERS: Final = 0o077


class CheckpointKeyRefused(Exception):
    """The key cannot be used; the text says why and what to do."""


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the key in a file.  Raises CheckpointKeyRefused: missing, of another kind, or not private."""
    text = _content(path)
    if stat.S_IMODE(path.stat().st_mode) & _OTHERS:
        raise CheckpointKeyRefused(f"Others may read the audit key {path}: `chmod 600` it.")
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise CheckpointKeyRefused(
            f"The audit key {path} is no Ed25519 private key in PEM, without password."
        )
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Return the public key in a PEM file.  Raises CheckpointKeyRefused."""
    try:
        key = load_pem_public_key(_content(path))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise CheckpointKeyRefused(f"{path} is no Ed25519 public key in PEM.")
    return key


def open_signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the key in a file, made (0600) by whoever comes first.  Raises CheckpointKeyRefused."""
    if not path.exists():
        _make(path)
    return read_signing_key(path)


def public_pem(key: Ed25519PublicKey) -> str:
    """Return a public key as it is given to those who verify."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as reason:
        raise CheckpointKeyRefused(f"The audit key {path} cannot be read: {reason.strerror}.") from None


def _make(path: Path) -> None:
    # Written beside and linked: another process never sees half a key, and the first one stands.
    beside = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            return
        finally:
            beside.unlink()
    except OSError as reason:
        raise CheckpointKeyRefused(f"The audit key {path} cannot be made: {reason.strerror}.") from None
