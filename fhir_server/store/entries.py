"""Audit entries and notices as documents, numbered so that a gap shows.

Each entry carries the worker that made it and a number; the numbers of a worker are consecutive.  A number
whose entry was not written, because its commit was refused, is given to the next entry.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from threading import Lock
from typing import Any

from bson.int64 import Int64

from fhir_server.model.audit import AuditEntry, Notice


class Numbers:
    """The numbers of one worker, from 1."""

    def __init__(self, worker: str | None = None) -> None:
        self.worker = worker or secrets.token_hex(6)
        self._next = 1
        self._returned: list[int] = []
        self._lock = Lock()

    def take(self, count: int) -> list[int]:
        """Return `count` numbers that no written entry has."""
        with self._lock:
            reused, self._returned = self._returned[:count], self._returned[count:]
            missing = count - len(reused)
            fresh = range(self._next, self._next + missing)
            self._next += missing
            return [*reused, *fresh]

    def give_back(self, numbers: Sequence[int]) -> None:
        """Take back numbers whose entries were certainly not written."""
        with self._lock:
            self._returned += numbers


def audit_document(entry: AuditEntry, worker: str, number: int) -> dict[str, Any]:
    """Return the compact form of an entry; the AuditEvent is rendered from it when it is read."""
    return {
        "_id": entry.id,
        "at": entry.at,
        "worker": worker,
        "n": Int64(number),
        "request": entry.request_id,
        "actor": {"kind": entry.actor.kind, "identity": entry.actor.identity},
        "purpose": entry.purpose,
        "interaction": entry.interaction,
        "status": entry.status,
        "owner": entry.owner,
        "entities": list(entry.entities),
        "query": entry.query,
    }


def notice_document(notice: Notice) -> dict[str, Any]:
    """Return the outbox document of a notice."""
    return {
        "_id": notice.id,
        "at": notice.at,
        "kind": notice.kind,
        "owner": notice.owner,
        "entities": list(notice.entities),
    }
