"""Factories of documents, entries and units of work for the tests of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from fhir_server.model.audit import AuditEntry, Notice
from fhir_server.model.document import Access, Document, Facts, SearchEntries
from fhir_server.model.ids import seq_of
from fhir_server.model.temporal import format_instant
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View

OPEN = View.unrestricted("open")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class Make:
    """Makes valid model values with as little said as possible."""

    numbers: Iterable[int] = field(default_factory=lambda: count(1))

    def id(self, prefix: str = "x") -> str:
        return f"{prefix}-{next(iter(self.numbers)):06d}"

    def document(
        self,
        id: str | None = None,
        version: int = 1,
        *,
        type: str = "Observation",
        owner: str | None = "p1",
        updated: datetime = NOON,
        seq: int | None = None,
        content: dict[str, Any] | None = None,
        deleted: bool = False,
        search: SearchEntries | None = None,
        visibility: int = 0,
        access: Access | None = None,
    ) -> Document:
        id = id or self.id()
        meta = {"versionId": str(version), "lastUpdated": format_instant(updated)}
        resource = {"resourceType": type, "id": id, "meta": meta, **(content or {})}
        return Document(
            facts=Facts(type, id, owner, visibility, access or Access()),
            version=version,
            updated=updated,
            seq=seq_of(updated, id) if seq is None else seq,
            resource=None if deleted else resource,
            search=search or SearchEntries(),
        )

    def entry(self, *, owner: str | None = "p1", entities: tuple[str, ...] = ()) -> AuditEntry:
        return AuditEntry(
            id=self.id("audit"), at=NOON, request_id="request", actor=OPEN.actor, purpose="TREAT",
            interaction="create", status=201, owner=owner, entities=entities,
        )  # fmt: skip

    def notice(self, *, owner: str | None = "p1", entities: tuple[str, ...] = ()) -> Notice:
        return Notice(self.id("notice"), NOON, "deposit", owner, entities)

    def creates(self, *documents: Document, **more: Any) -> UnitOfWork:
        return UnitOfWork(OPEN, creates=documents, **more)


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def view() -> View:
    """Everything."""
    return OPEN


@pytest.fixture
def saved(store: Any, make: Make) -> Callable[..., Document]:
    """Creates a document and returns it."""

    def create(*args: Any, **more: Any) -> Document:
        document = make.document(*args, **more)
        store.records.commit(make.creates(document))
        return document

    return create
