"""The key that signs checkpoints: Ed25519 in a PEM file (PKCS #8) that is its owner's alone."""

from __future__ import annotations

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

from fhir_server.access.secret_file import make_once

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
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        make_once(path, text)
    except OSError as reason:
        raise CheckpointKeyRefused(f"The audit key {path} cannot be made: {reason.strerror}.") from None
