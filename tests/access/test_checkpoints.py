"""Checkpoints: one text for one state of the log, signed, and refused when anything is not as it was."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from fhir_server.access.checkpoint_key import (
    CheckpointKeyRefused,
    open_signing_key,
    public_pem,
    read_public_key,
    read_signing_key,
)
from fhir_server.access.checkpoints import (
    NO_CHECKPOINT,
    Checkpoint,
    IllegalCheckpoint,
    open_note,
    parse_checkpoint,
    read_note,
    sign_checkpoint,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TEXT = """log.example/audit/1
7
AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=
batch 3
time 2026-11-22T12:00:00.250Z
previous AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
content AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=
"""
CHECKPOINT = Checkpoint(
    "log.example/audit/1", 7, b"\x01" * 32, 3, datetime(2026, 11, 22, 12, 0, 0, 250_000, UTC), NO_CHECKPOINT,
    b"\x02" * 32,
)  # fmt: skip


def test_a_checkpoint_is_written_as_documented() -> None:
    assert CHECKPOINT.text() == TEXT
    assert parse_checkpoint(TEXT) == CHECKPOINT


def test_a_signed_note_has_text_an_empty_line_and_signature() -> None:
    note = sign_checkpoint(CHECKPOINT, KEY)
    text, _, line = note.partition("\n\n")
    assert text + "\n" == TEXT
    assert line.startswith("\u2014 log.example/audit/1 ")
    signature = b64decode(line.split(" ")[2])
    assert len(signature) == 4 + 64
    KEY.public_key().verify(signature[4:], TEXT.encode())


def test_a_note_of_one_of_the_keys_is_opened() -> None:
    other = Ed25519PrivateKey.generate()
    note = sign_checkpoint(CHECKPOINT, KEY)
    assert open_note(note, [other.public_key(), KEY.public_key()]) == CHECKPOINT
    with pytest.raises(IllegalCheckpoint, match="No known key"):
        open_note(note, [other.public_key()])


def test_a_second_signature_of_a_witness_does_no_harm() -> None:
    note = sign_checkpoint(CHECKPOINT, KEY) + "\u2014 witness.example AAAAAAAA\n"
    assert open_note(note, [KEY.public_key()]) == CHECKPOINT


@pytest.mark.parametrize("line", range(7))
def test_a_note_of_which_a_line_was_changed_is_not_opened(line: int) -> None:
    lines = sign_checkpoint(CHECKPOINT, KEY).split("\n")
    kept = lines[line]
    for changed in ("5" + kept[1:] if kept[0] != "5" else "6", "", kept + " ", kept[:-1]):
        lines[line] = changed
        with pytest.raises(IllegalCheckpoint):
            open_note("\n".join(lines), [KEY.public_key()])


@pytest.mark.parametrize("note", [
    pytest.param("", id="empty"),
    pytest.param(TEXT, id="unsigned"),
    pytest.param(TEXT + "\n", id="without-a-line-of-signature"),
    pytest.param(sign_checkpoint(CHECKPOINT, KEY).removesuffix("\n"), id="cut-off-within-its-last-line"),
    pytest.param(TEXT + "\n\u2014 log.example/audit/1 ?\n", id="signature-not-base64"),
    pytest.param(TEXT.replace("7\n", "07\n", 1) + "\n\u2014 log.example/audit/1 AAAA\n", id="size-written-otherwise"),
    pytest.param(TEXT.replace("time", "date") + "\n\u2014 log.example/audit/1 AAAA\n", id="another-word"),
])  # fmt: skip
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(IllegalCheckpoint):
        open_note(note, [KEY.public_key()])


def test_a_note_can_be_read_before_it_is_verified() -> None:
    checkpoint, signatures = read_note(sign_checkpoint(CHECKPOINT, KEY))
    assert (checkpoint, len(signatures)) == (CHECKPOINT, 1)


def test_a_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "below" / "audit-key.pem"
    made = open_signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    raw = (Encoding.Raw, PublicFormat.Raw)
    assert open_signing_key(path).public_key().public_bytes(*raw) == made.public_key().public_bytes(*raw)
    public = tmp_path / "public.pem"
    public.write_text(public_pem(made.public_key()))
    assert read_public_key(public).public_bytes(*raw) == made.public_key().public_bytes(*raw)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit-key.pem"
    open_signing_key(path)
    path.chmod(0o640)
    with pytest.raises(CheckpointKeyRefused, match="chmod 600"):
        read_signing_key(path)


@pytest.mark.parametrize("text", [
    pytest.param(b"", id="empty"),
    pytest.param(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="damaged"),
    pytest.param(public_pem(KEY.public_key()).encode(), id="public"),
])  # fmt: skip
def test_what_is_no_signing_key_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "audit-key.pem"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(CheckpointKeyRefused, match="no Ed25519 private key"):
        read_signing_key(path)


def test_a_missing_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointKeyRefused, match="cannot be read"):
        read_signing_key(tmp_path / "absent.pem")


def test_a_private_key_is_no_public_key(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(CheckpointKeyRefused, match="no Ed25519 public key"):
        read_public_key(path)
