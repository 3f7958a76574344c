"""Signed checkpoints and the tree over the entries, as docs/audit-proof.md defines them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

NONE_BEFORE = base64.b64encode(bytes(32)).decode()


class NotVerified(Exception):
    """Something does not agree; the text says what."""


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint whose signature holds."""

    text: str
    origin: str
    size: int
    root: bytes
    batch: int
    previous: str

    @property
    def digest(self) -> str:
        """What the next one has to name."""
        return base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()


def read_key(path: Path) -> Ed25519PublicKey:
    """Return the Ed25519 public key of a PEM file.  Raises NotVerified."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise NotVerified(f"{path} is no Ed25519 public key in PEM")
    return key


def open_note(note: str, key: Ed25519PublicKey) -> Note:
    """Return a signed note.  Raises NotVerified."""
    text, parted, lines = note.partition("\n\n")
    text += "\n"
    try:
        origin, size, root, *named = text.splitlines()
        words = dict(line.split(" ", 1) for line in named)
        read = Note(text, origin, int(size), base64.b64decode(root), int(words["batch"]), words["previous"])
    except (ValueError, KeyError):
        raise NotVerified("a note is no checkpoint") from None
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = hashlib.sha256(origin.encode() + b"\n\x01" + raw).digest()[:4]
    for line in lines.splitlines() if parted else ():
        if _is_signed(line, origin, key_id, text, key):
            return read
    raise NotVerified(f"checkpoint {read.batch} is not signed by the key")


def _is_signed(line: str, origin: str, key_id: bytes, text: str, key: Ed25519PublicKey) -> bool:
    start = f"\u2014 {origin} "
    if not line.startswith(start):
        return False
    try:
        signature = base64.b64decode(line.removeprefix(start), validate=True)
        key.verify(signature[4:], text.encode())
    except (ValueError, InvalidSignature):
        return False
    return signature[:4] == key_id


def read_notes(place: Path, key: Ed25519PublicKey) -> list[Note]:
    """Return the checkpoints of a file or folder, each following the one before.  Raises NotVerified."""
    files = sorted(place.glob("*.ndjson")) if place.is_dir() else [place]
    notes: list[Note] = []
    for line in (line for file in files for line in file.read_text("utf-8").splitlines()):
        try:
            note = json.loads(line)["note"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # a line cut off by a crash
        with readable("a note is no checkpoint"):
            notes.append(open_note(note, key))
    for number, found in enumerate(notes, 1):
        before = notes[number - 2] if number > 1 else None
        if found.batch != number:
            raise NotVerified(f"checkpoint {found.batch} stands where {number} belongs")
        if found.previous != (before.digest if before else NONE_BEFORE):
            raise NotVerified(f"checkpoint {number} does not follow the one before")
        if before and (found.size <= before.size or found.origin != before.origin):
            raise NotVerified(f"checkpoint {number} does not continue the log of the one before")
    return notes


@contextmanager
def readable(otherwise: str) -> Iterator[None]:
    """Raise NotVerified with a text for whatever shows within that something is not of its form."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        raise NotVerified(otherwise) from None


def read_json(text: str) -> Any:
    """Return a JSON tree.  Raises ValueError, also where a name stands twice: readers would differ."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(pairs)
        if len(read) != len(pairs):
            raise ValueError("a name stands twice")
        return read

    return json.loads(text, object_pairs_hook=once)


def leaf_hash(entry: Any) -> bytes:
    """Return the leaf of an entry: over its canonical bytes."""
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"\x00" + canonical.encode()).digest()


def parent(left: bytes, right: bytes) -> bytes:
    """Return the hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots(leaves: Iterable[bytes], sizes: Iterable[int]) -> Iterator[bytes | None]:
    """Yield the root of the tree at each of the growing sizes, None where there are not so many leaves."""
    peaks: list[tuple[int, bytes]] = []
    count, source = 0, iter(leaves)
    for size in sizes:
        while count < size and (leaf := next(source, None)) is not None:
            span = 1
            while peaks and peaks[-1][0] == span:
                leaf = parent(peaks.pop()[1], leaf)
                span *= 2
            peaks.append((span, leaf))
            count += 1
        root = None
        for _, peak in reversed(peaks):
            root = peak if root is None else parent(peak, root)
        yield root if count == size else None


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root to which a path leads from a leaf, None for a path of another length."""
    steps = list(path)

    def climb(start: int, end: int) -> bytes:
        if end - start == 1:
            return leaf
        left = 1
        while left * 2 < end - start:
            left *= 2
        step = steps.pop()  # the path begins at the leaf, this descent at the root
        if index < start + left:
            return parent(climb(start, start + left), step)
        return parent(step, climb(start + left, end))

    try:
        root = climb(0, size) if 0 <= index < size else None
    except IndexError:
        return None
    return root if not steps else None


def named(line: Mapping[str, Any]) -> str:
    """Return by what an exported line is known."""
    entry = line.get("entry")
    id = f" {entry['_id'].removeprefix('s:')}" if isinstance(entry, dict) and "_id" in entry else ""
    return f"entry{id} (number {line.get('number')} of worker {line.get('worker')})"
