"""Audit entries and notices as documents, numbered so that a gap shows.

Each entry carries the worker that made it and a number; the numbers of a worker are consecutive.  A number
whose entry was not written, because its commit was refused, is given to the next entry.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC
from functools import lru_cache
from threading import Lock
from typing import Any, Final

from bson.int64 import Int64

from fhir_server.model.actor import Actor
from fhir_server.model.audit import AuditEntry, Notice
from fhir_server.model.view import ActorRef
from fhir_server.store.manifests import pack, unpack

NORMAL: Final = "normal"
AGENTS: Final = 1_024
"""Actors whose form is kept at hand: one acts many times in a session."""
AGENT_FIELDS: Final = tuple(
    field.name for field in fields(Actor) if field.name not in ("kind", "identity", "record")
)


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


class Taken:
    """The numbers of one commit: as many as the last of its attempts needs."""

    def __init__(self, numbers: Numbers, count: int) -> None:
        self._numbers = numbers
        self._taken = numbers.take(count)
        self._used = count

    def first(self, count: int) -> list[int]:
        """Return `count` numbers, the same to every attempt."""
        self._taken += self._numbers.take(max(0, count - len(self._taken)))
        self._used = count
        return self._taken[:count]

    def give_back_unused(self) -> None:
        """Give back what the last attempt had no entry for."""
        self._numbers.give_back(self._taken[self._used :])

    def give_back(self) -> None:
        """Give back all: nothing was written."""
        self._numbers.give_back(self._taken)


def audit_document(entry: AuditEntry, worker: str, number: int) -> dict[str, Any]:
    """Return the compact form of an entry; the AuditEvent is rendered from it when it is read.

    What is empty or usual is left out.  Nothing of it is ever changed.
    """
    document = {
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
    }
    optional = {
        "entities": pack(entry.entities),
        # The digest stands for criteria that are not kept; where they are, it says nothing more.
        "query": entry.query if entry.request is None else None,
        "asked": entry.request,
        "rule": entry.rule,
        "mode": entry.mode if entry.mode != NORMAL else None,
        "situation": entry.situation,
        "labels": list(entry.labels),
        "agent": None if entry.agent is None else _agent(entry.agent),
    }
    return document | {name: value for name, value in optional.items() if value}


def audit_entry(document: Mapping[str, Any]) -> AuditEntry:
    """Return the entry that a document stands for; of its instants, zone and microseconds are not kept."""
    actor = ActorRef(document["actor"]["kind"], document["actor"]["identity"])
    agent = document.get("agent")
    return AuditEntry(
        id=document["_id"],
        at=document["at"].replace(tzinfo=UTC),
        request_id=document["request"],
        actor=actor,
        purpose=document["purpose"],
        interaction=document["interaction"],
        status=document["status"],
        owner=document["owner"],
        entities=unpack(document.get("entities", b"")),
        query=document.get("query"),
        agent=None if agent is None else _actor(actor, agent),
        rule=document.get("rule", ""),
        mode=document.get("mode", NORMAL),
        situation=document.get("situation"),
        labels=tuple(document.get("labels", ())),
        request=document.get("asked"),
    )


def notice_document(notice: Notice) -> dict[str, Any]:
    """Return the outbox document of a notice."""
    document: dict[str, Any] = {
        "_id": notice.id,
        "at": notice.at,
        "kind": notice.kind,
        "owner": notice.owner,
        "entities": list(notice.entities),
        "recipients": list(notice.recipients),
    }
    if notice.actor is not None:
        document["actor"] = {"kind": notice.actor.kind, "identity": notice.actor.identity}
    if notice.labels:
        document["labels"] = list(notice.labels)
    if notice.opens is not None:
        document["opens"] = notice.opens
    return document


@lru_cache(maxsize=AGENTS)
def _agent(actor: Actor) -> Mapping[str, Any]:
    """Return what is known of an actor beside its kind and identity, as it was at that time."""
    known = {field: getattr(actor, field) for field in AGENT_FIELDS}
    return {
        field: list(value) if isinstance(value, tuple) else value for field, value in known.items() if value
    }


def _actor(ref: ActorRef, agent: Mapping[str, Any]) -> Actor:
    known: dict[str, Any] = {
        field: tuple(value) if isinstance(value, list) else value for field, value in agent.items()
    }
    return Actor(ref.kind, ref.identity, **known)
