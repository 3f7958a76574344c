"""Checkpoints of the access log: a short text that says how far the tree had grown, and its signature.

The form is that of a signed note, so that tools and witnesses of public logs can read it: the text, an
empty line, and a line with the name of the log and the signature.  Each one names the hash of the one before.
Spec: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fhir_server.access.merkle import HASH_BYTES

NO_CHECKPOINT: Final = bytes(HASH_BYTES)
"""What the first checkpoint names as the one before it."""

ED25519: Final = b"\x01"
KEY_ID_BYTES: Final = 4
DASH: Final = "\u2014 "


class IllegalCheckpoint(ValueError):
    """A text is no checkpoint, or not one that a known key has signed."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of the log after one batch; `time` is aware, in whole milliseconds."""

    origin: str
    """The name of the log, the same for as long as it lives."""
    size: int
    """Entries in the tree, those of this batch included."""
    root: bytes
    number: int
    """Of the batch, from 1."""
    time: datetime
    """When the batch was put together, by the server's clock."""
    previous: bytes
    """SHA-256 of the text of the checkpoint before; `NO_CHECKPOINT` for the first."""
    content: bytes
    """SHA-256 of what else the batch says: which numbers of which worker its entries have."""

    def text(self) -> str:
        """Return what is signed."""
        lines = (
            self.origin,
            str(self.size),
            _base64(self.root),
            f"batch {self.number}",
            f"time {format_time(self.time)}",
            f"previous {_base64(self.previous)}",
            f"content {_base64(self.content)}",
        )
        return "".join(f"{line}\n" for line in lines)

    def digest(self) -> bytes:
        """Return what the next checkpoint names."""
        return hashlib.sha256(self.text().encode()).digest()


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the inverse of `Checkpoint.text`.  Raises IllegalCheckpoint."""
    try:
        origin, size, root, *named = text.removesuffix("\n").split("\n")
        words = dict(line.split(" ", 1) for line in named)
        made = Checkpoint(
            origin, int(size), _bytes(root), int(words["batch"]), _parse_time(words["time"]),
            _bytes(words["previous"]), _bytes(words["content"]),
        )  # fmt: skip
    except (ValueError, KeyError):
        raise IllegalCheckpoint("The text is no checkpoint of an access log.") from None
    if made.text() != text:
        raise IllegalCheckpoint("The checkpoint is not written as this server writes it.")
    return made


def key_id(name: str, key: Ed25519PublicKey) -> bytes:
    """Return the four bytes by which a signature says which key made it."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(f"{name}\n".encode() + ED25519 + raw).digest()[:KEY_ID_BYTES]


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """Return the signed note of a checkpoint."""
    text = checkpoint.text()
    signature = key_id(checkpoint.origin, key.public_key()) + key.sign(text.encode())
    return f"{text}\n{DASH}{checkpoint.origin} {_base64(signature)}\n"


def open_note(note: str, keys: Iterable[Ed25519PublicKey]) -> Checkpoint:
    """Return the checkpoint of a note that one of the keys has signed.  Raises IllegalCheckpoint."""
    checkpoint, signatures = read_note(note)
    for key in keys:
        wanted = key_id(checkpoint.origin, key)
        for signature in signatures:
            if signature[:KEY_ID_BYTES] == wanted and _holds(key, signature[KEY_ID_BYTES:], checkpoint):
                return checkpoint
    raise IllegalCheckpoint("No known key has signed the checkpoint.")


def read_note(note: str) -> tuple[Checkpoint, tuple[bytes, ...]]:
    """Return the checkpoint of a note and its signatures, unverified.  Raises IllegalCheckpoint."""
    text, parted, lines = note.partition("\n\n")
    if not parted or not lines.endswith("\n"):
        raise IllegalCheckpoint("The text is no signed note.")
    checkpoint = parse_checkpoint(text + "\n")
    signatures = []
    for line in lines.removesuffix("\n").split("\n"):
        name, _, signature = line.removeprefix(DASH).rpartition(" ")
        if line.startswith(DASH) and name == checkpoint.origin:
            signatures.append(_decoded(signature))
    return checkpoint, tuple(signatures)


def format_time(instant: datetime) -> str:
    """Return an aware instant in UTC with its milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _holds(key: Ed25519PublicKey, signature: bytes, checkpoint: Checkpoint) -> bool:
    try:
        key.verify(signature, checkpoint.text().encode())
    except InvalidSignature:
        return False
    return True


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _bytes(text: str) -> bytes:
    value = b64decode(text, validate=True)
    if len(value) != HASH_BYTES:
        raise ValueError("not a hash")
    return value


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise IllegalCheckpoint("A signature is not base64.") from None
