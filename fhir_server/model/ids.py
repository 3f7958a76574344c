"""Logical ids and sequence numbers as an injected source.

A logical id is a UUID version 7 in its canonical text (RFC 9562, section 5.7): it sorts by time, so new
documents land at the right-hand edge of the `_id` index.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Protocol
from zlib import crc32

ID_PATTERN = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
"""Spec: https://hl7.org/fhir/R4/datatypes.html#id"""

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")

SEQ_ID_BITS = 12
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ID_BYTES = 10
POOLED_IDS = 512


class Ids(Protocol):
    """Where new logical ids come from."""

    def new(self, now: datetime) -> str:
        """Return an id that was never returned before, legal as a FHIR `id`."""
        ...


class RandomIds:
    """UUIDv7: 48 bits of milliseconds, 74 bits from the operating system.

    Randomness is fetched for many ids at once: a call to the system for each of them gives up the
    interpreter's lock each time, which costs a busy server more than all the rest of a read.
    """

    __slots__ = ("_pool", "_process")

    def __init__(self) -> None:
        self._pool: list[bytes] = []
        self._process = os.getpid()

    def new(self, now: datetime) -> str:
        # A process that was forked must not hand out what its parent will.
        if self._process != os.getpid():
            self._pool, self._process = [], os.getpid()
        try:
            # Two threads never get the same one: taking the last of a list is one step of the interpreter.
            randomness = self._pool.pop()
        except IndexError:
            fetched = os.urandom(ID_BYTES * POOLED_IDS)
            parts = [fetched[at : at + ID_BYTES] for at in range(0, len(fetched), ID_BYTES)]
            randomness = parts.pop()
            self._pool.extend(parts)
        return uuid7(now, randomness)


def uuid7(now: datetime, randomness: bytes) -> str:
    """Return the UUIDv7 of an aware `now` and 10 bytes of `randomness`."""
    milliseconds = micros(now) // 1000
    random = int.from_bytes(randomness, "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76
    value |= ((random >> 62) & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random & 0x3FFFFFFFFFFFFFFF
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_made_at(id: str, instant: datetime) -> bool:
    """Return whether `id` is a UUIDv7 of the millisecond of an aware `instant`.

    A resource whose first version is of that instant got its id from the server that stored it.
    """
    return _UUID7.match(id) is not None and int(id[:8] + id[9:13], 16) == micros(instant) // 1000


def micros(instant: datetime) -> int:
    """Return the whole microseconds between 1970-01-01T00:00:00Z and an aware `instant`."""
    since = instant - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def seq_of(updated: datetime, id: str, ordinal: int = 0) -> int:
    """Return the int64 that orders versions: update time in µs, then 12 bits of the id.

    `ordinal` is the place of the resource within its commit, so that the entries of one transaction
    differ although they share an instant.  No counter is involved: the number tells nothing about
    other writes.
    """
    bits = crc32(id.encode("ascii")) & ((1 << SEQ_ID_BITS) - 1)
    return ((micros(updated) + ordinal) << SEQ_ID_BITS) | bits
