"""The one write path: a UnitOfWork becomes one database transaction.

Before it: what is to be written is checked against the View, encoded, its blobs made durable and its
collections made.  Within it, in round trips: 1 for the idempotency key; 1 for the conditions of each type
(more where one matches) and 1 for all their locks; 1 for the creates of each type; 3 for the replacements
of each type (read, keep the old version, replace), 4 where facts change; 3 at most for the relabels and for
the reindexes of each type; 1 for the choices of a person; 2 or 3 where labels flow in or on; 1 each for
claimed blobs, audit and outbox; 1 to commit.  What is read beside the writes comes once all is written.
What is not asked for costs nothing: a create with its audit entry and notice takes 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError

from fhir_server.access.decide import REFUSED
from fhir_server.model.audit import AuditEntry, Notice
from fhir_server.model.clock import Clock
from fhir_server.model.document import Document
from fhir_server.model.outcome import refuse
from fhir_server.model.predicate import matches
from fhir_server.model.unit_of_work import Committed, Relabel, UnitOfWork, VersionConflict
from fhir_server.model.view import View
from fhir_server.store import conditions, entries
from fhir_server.store.bodies import Bodies, Prepared, blob_ids_of
from fhir_server.store.catalogue import AUDIT, OUTBOX, Catalogue
from fhir_server.store.choices import write_choices
from fhir_server.store.entries import Numbers, Taken
from fhir_server.store.facts import relabel_all
from fhir_server.store.flow_marks import hold
from fhir_server.store.inserts import insert_all
from fhir_server.store.refusals import DUPLICATE_KEY, database_errors, error_code, not_unique
from fhir_server.store.reindexes import Reindex, reindex_all
from fhir_server.store.replacements import Replacement, replace_all
from fhir_server.store.replay import MongoReplay
from fhir_server.store.systems import MongoSystems
from fhir_server.store.told import tell
from fhir_server.store.transactions import CommitUnknown, Transactions
from fhir_server.store.within import within

T = TypeVar("T")

NOT_WRITABLE: Final = REFUSED
"""One text for all refusals: it does not tell what the record holds."""


@dataclass(frozen=True, slots=True)
class Commits:
    """Runs units of work."""

    catalogue: Catalogue
    bodies: Bodies
    systems: MongoSystems
    replay: MongoReplay
    transactions: Transactions
    numbers: Numbers
    clock: Clock
    stripes: conditions.Stripes = field(default_factory=conditions.Stripes)

    def run(self, work: UnitOfWork) -> Committed:
        """Write all of `work` durably, or nothing.

        Raises VersionConflict, ConditionMatched, ReplayFound, and FhirError: `refused` outside the View,
        `owner-changed`, `too-large`, `conflict`, `overloaded`, `timeout`, `database-unavailable`.
        """
        _allow(work)
        self._make_collections(work)
        numbers = Taken(self.numbers, len(work.audit))
        try:
            with database_errors(), self.stripes.hold(condition.key for condition in work.conditions):
                prepared = self._prepare(work, numbers)
                attempts = self.transactions.run(
                    lambda session: self._write(work, prepared, numbers, session)
                )
        except CommitUnknown:
            numbers.give_back_unused()
            raise refuse(
                "timeout",
                "The database did not confirm the commit: it may have taken place. Repeat the request "
                "with the same Idempotency-Key, or look before repeating it.",
            ) from None
        except BaseException:
            numbers.give_back()
            raise
        numbers.give_back_unused()
        return Committed(attempts)

    def _make_collections(self, work: UnitOfWork) -> None:
        documents = _documents(work)
        for resource_type in {document.facts.resource_type for document in documents}:
            self.catalogue.ensure(resource_type)
        for condition in work.conditions:
            self.catalogue.ensure(condition.resource_type)
        for relabel in work.relabels:
            self.catalogue.ensure(relabel.resource_type)
        self.systems.note(documents)

    def _prepare(self, work: UnitOfWork, numbers: Taken) -> _Prepared:
        creates = [self.bodies.prepare(document) for document in work.creates]
        replacements = []
        for replace in (*work.replaces, *work.deletes, *work.rewrites):
            version = self.bodies.prepare(replace.document)
            if replace.expected_version == 0:
                creates.append(version)
            else:
                replacements.append(Replacement(version, replace.expected_version, replace.before))
        return _Prepared(
            creates=_by_type(creates, lambda version: version.resource_type),
            replacements=_by_type(replacements, lambda replacement: replacement.version.resource_type),
            reindexes={
                resource_type: [Reindex(document, self.bodies.reindexed(document)) for document in documents]
                for resource_type, documents in _by_type(work.reindexes, _type_of).items()
            },
            relabels=_by_type(work.relabels, lambda relabel: relabel.resource_type),
            blob_ids=blob_ids_of([*creates, *(replacement.version for replacement in replacements)]),
            audit=self._numbered(work.audit, numbers),
            notices=(*work.notices, *(notice for entry in work.audit for notice in entry.notices)),
        )

    def _numbered(self, audit: Sequence[AuditEntry], numbers: Taken) -> list[dict[str, Any]]:
        return [
            entries.audit_document(entry, self.numbers.worker, number)
            for entry, number in zip(audit, numbers.first(len(audit)), strict=True)
        ]

    def _write(self, work: UnitOfWork, prepared: _Prepared, numbers: Taken, session: ClientSession) -> None:
        if work.idempotency_key is not None:
            self.replay.keep(work.idempotency_key, self.clock.now(), session)
        conditions.exclude(work.conditions, self.catalogue, session, self.clock.now())
        hold(work.flows, self.catalogue, session, self.clock.now())
        for resource_type, versions in prepared.creates.items():
            self._create(resource_type, versions, session)
        for resource_type, replacements in prepared.replacements.items():
            replaced = replace_all(
                self.catalogue, self.bodies, resource_type, replacements, work.view, session
            )
            if replaced:
                self.bodies.blobs.release(replaced, session)
        for resource_type, reindexes in prepared.reindexes.items():
            reindex_all(self.catalogue, resource_type, reindexes, session)
        for resource_type, relabels in prepared.relabels.items():
            relabel_all(self.catalogue, resource_type, relabels, session)
        if work.choices is not None:
            write_choices(work.choices, self.catalogue, session, self.clock.now())
        if prepared.blob_ids:
            self.bodies.blobs.claim(prepared.blob_ids, session)
        self._tell(work, prepared, numbers, session)

    def _tell(self, work: UnitOfWork, prepared: _Prepared, numbers: Taken, session: ClientSession) -> None:
        """Write the audit entries and the notices; what is to be read beside the writes is read before."""
        audit, notices = prepared.audit, prepared.notices
        if work.audited is not None:
            with within(session):
                found = work.audited()
            audit = self._numbered(found, numbers)
            notices = (*notices, *(notice for entry in found for notice in entry.notices))
        if audit:
            insert_all(self.catalogue.service(AUDIT), audit, session)
        if notices:
            tell(self.catalogue.service(OUTBOX), notices, session)

    def _create(self, resource_type: str, versions: Sequence[Prepared], session: ClientSession) -> None:
        try:
            encoded = [version.encoded for version in versions]
            insert_all(self.catalogue.current(resource_type), encoded, session)
        except BulkWriteError as error:
            if error_code(error) != DUPLICATE_KEY:
                raise
            duplicate = error.details["writeErrors"][0]
            if list(duplicate["keyPattern"]) != ["_id"]:
                raise not_unique(resource_type) from None
            raise VersionConflict(resource_type, versions[duplicate["index"]].id) from None


@dataclass(frozen=True, slots=True)
class _Prepared:
    creates: dict[str, list[Prepared]]
    replacements: dict[str, list[Replacement]]
    reindexes: dict[str, list[Reindex]]
    relabels: dict[str, list[Relabel]]
    blob_ids: list[str]
    audit: list[dict[str, Any]]
    notices: tuple[Notice, ...]


def _documents(work: UnitOfWork) -> list[Document]:
    changed = (replace.document for replace in (*work.replaces, *work.deletes, *work.rewrites))
    return [*work.creates, *changed, *work.reindexes]


def _type_of(document: Document) -> str:
    return document.facts.resource_type


def _allow(work: UnitOfWork) -> None:
    for document in _documents(work):
        _allow_document(document, work.view)
    # What a label flows to may be hidden from the writer: of the View, relabels obey the owner only.
    persons = {relabel.owner for relabel in work.relabels} | ({work.choices.owner} if work.choices else set())
    if work.view.owner is not None and not persons <= {work.view.owner}:
        raise refuse("refused", NOT_WRITABLE)


def _allow_document(document: Document, view: View) -> None:
    if not matches(view.writes(document.facts.resource_type), document.facts):
        raise refuse("refused", NOT_WRITABLE)


def _by_type(items: Iterable[T], type_of: Callable[[T], str]) -> dict[str, list[T]]:
    grouped: dict[str, list[T]] = {}
    for item in items:
        grouped.setdefault(type_of(item), []).append(item)
    return grouped
