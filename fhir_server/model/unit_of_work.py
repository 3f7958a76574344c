"""The only write path: everything that one request changes, committed in one database transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_server.model.audit import AuditEntry, Notice
from fhir_server.model.document import Document, Facts
from fhir_server.model.plan import Plan
from fhir_server.model.view import View


@dataclass(frozen=True, slots=True)
class Replace:
    """A further version of a resource; `expected_version` is the one that it supersedes (0: none exists).

    Superseding a deletion brings the resource back; a `document` without resource deletes it and keeps the
    facts of what it deletes.  Where facts differ from those before, all earlier versions get the new ones.
    """

    document: Document
    expected_version: int
    before: Facts | None = None
    """The facts of the superseded version as they were read: where its labels are others by now, another
    write came first though the version is the same.  None: whatever they are."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A create that must not happen when something already matches (`If-None-Exist`).

    `plan` is a bound search plan of `resource_type` inside `view`, looked up inside the transaction;
    `key` is the digest of the normalised criteria: concurrent commits with one key exclude each other.
    `creates` is the id of the document in `UnitOfWork.creates` that the condition guards.
    """

    resource_type: str
    key: str
    plan: Plan
    view: View
    creates: str
    rebind: Callable[[], Plan] | None = None
    """Makes `plan` anew inside the commit, where it depends on what others write meanwhile."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's promise that a repeat is the same request: `digest` is over method, URL and body."""

    key: str
    digest: bytes
    reply: bytes
    """What the first request was answered, to be given again."""


@dataclass(frozen=True, slots=True)
class Relabel:
    """Labels of a stored resource and of all its versions, where only what is inherited changes.

    No version is made and no body touched.  `owner` is the person whose record holds it; what is not there
    any more is passed over.
    """

    resource_type: str
    id: str
    owner: str
    labels: tuple[str, ...]
    visibility: int
    source: tuple[str, ...] = ()
    from_: datetime | None = None
    before: Facts | None = None
    """The facts that it was worked out from; VersionConflict where its labels are others by now."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What the labels of one record were worked out from, held against what is there within the commit.

    `sources` are `Type/id` with the facts that they had, None: nothing of the kind was in this record.
    `marks`, of `Records.flow_marks`, where labels of something stored change: as they were before it was
    looked for what else is labelled with it.  Raises VersionConflict where anything moved.
    """

    owner: str
    writer: str
    """`Type/id` of something that is written: spreads deposits over the marks of the record."""
    sources: tuple[tuple[str, Facts | None], ...] = ()
    marks: tuple[bytes, ...] | None = None


@dataclass(frozen=True, slots=True)
class ChoicesChange:
    """The compiled choices of a person, written anew; `expected_version` 0: there were none."""

    owner: str
    expected_version: int
    document: Mapping[str, Any]
    """As `access.choices` writes it: plain values and aware instants."""


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """Creates, replacements and deletions with their audit entries and notices: all or nothing.

    `view` must allow the before- and the after-image of everything in it.
    """

    view: View
    creates: tuple[Document, ...] = ()
    replaces: tuple[Replace, ...] = ()
    deletes: tuple[Replace, ...] = ()
    rewrites: tuple[Replace, ...] = ()
    """The same version written anew in its place: `document.version` is `expected_version`, and nothing
    moves to the history.  For what is no part of a version: tags and labels ($meta-add)."""
    reindexes: tuple[Document, ...] = ()
    """Stored versions of which only what is derived is replaced: search entries, visibility, native mirror.
    One that is no longer the current version is passed over: whoever wrote the next one indexed it.  The
    visibility is taken over only where `facts.access.labels` are the stored ones: it was made from them.
    Earlier versions get the facts of the current one."""
    relabels: tuple[Relabel, ...] = ()
    flows: tuple[Flow, ...] = ()
    choices: ChoicesChange | None = None
    """Raises VersionConflict of type `choices` where another change came first."""
    conditions: tuple[Condition, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    audited: Callable[[], tuple[AuditEntry, ...]] | None = None
    """Where something is read beside the writes: reads it, which is part of the transaction and sees what was
    written, and returns the entries, in the place of `audit`.  May be called again; what it raises undoes
    all."""
    notices: tuple[Notice, ...] = ()
    idempotency_key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """The commit is durable (majority, journaled).  `attempts` counts transient retries, 1 is none."""

    attempts: int = 1


class VersionConflict(Exception):
    """A `Replace` or create met another version than the one expected; nothing was written."""

    def __init__(self, resource_type: str, id: str) -> None:
        super().__init__(f"{resource_type}/{id} has another version by now")
        self.resource_type = resource_type
        self.id = id


class ConditionMatched(Exception):
    """A `Condition` found existing resources, `ids` (two at most are looked up); nothing was written."""

    def __init__(self, condition: Condition, ids: tuple[str, ...]) -> None:
        super().__init__(f"{condition.resource_type}: {len(ids)} match")
        self.condition = condition
        self.ids = ids


class ReplayFound(Exception):
    """The idempotency key was already used; nothing was written now."""

    def __init__(self, digest: bytes, reply: bytes) -> None:
        super().__init__("the idempotency key was used before")
        self.digest = digest
        self.reply = reply
