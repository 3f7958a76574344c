"""Logical ids and sequence numbers as an injected source.

A logical id is a UUID version 7 in its canonical text (RFC 9562, section 5.7): it sorts by time, so new
documents land at the right-hand edge of the `_id` index.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from typing import Protocol
from uuid import UUID

ID_PATTERN = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
"""Spec: https://hl7.org/fhir/R4/datatypes.html#id"""

SEQ_ID_BITS = 12


class Ids(Protocol):
    """Where new logical ids come from."""

    def new(self, now: datetime) -> str:
        """Return an id that was never returned before, legal as a FHIR `id`."""
        ...


class RandomIds:
    """UUIDv7: 48 bits of milliseconds, 74 bits from the operating system."""

    __slots__ = ()

    def new(self, now: datetime) -> str:
        return uuid7(now, os.urandom(10))


def uuid7(now: datetime, randomness: bytes) -> str:
    """Return the UUIDv7 of an aware `now` and 10 bytes of `randomness`."""
    milliseconds = micros(now) // 1000
    random = int.from_bytes(randomness, "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76
    value |= ((random >> 62) & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random & 0x3FFFFFFFFFFFFFFF
    return str(UUID(int=value))


def micros(instant: datetime) -> int:
    """Return the whole microseconds between 1970-01-01T00:00:00Z and an aware `instant`."""
    seconds = int(instant.replace(microsecond=0).timestamp())
    return seconds * 1_000_000 + instant.microsecond


def seq_of(updated: datetime, id: str, ordinal: int = 0) -> int:
    """Return the int64 that orders versions: update time in µs, then 12 bits of the id.

    `ordinal` is the place of the resource within its commit, so that the entries of one transaction
    differ although they share an instant.  No counter is involved: the number tells nothing about
    other writes.
    """
    bits = 0
    for byte in id.encode("ascii"):
        bits = (bits * 31 + byte) & ((1 << SEQ_ID_BITS) - 1)
    return ((micros(updated) + ordinal) << SEQ_ID_BITS) | bits
