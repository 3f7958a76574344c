"""The access log of answers that write nothing: one thread gathers what waits and writes it in one go."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.client_session import ClientSession

from fhir_server.model.audit import AuditEntry, Notice
from fhir_server.model.outcome import refuse
from fhir_server.store.catalogue import AUDIT, OUTBOX, Catalogue
from fhir_server.store.entries import Numbers, audit_document
from fhir_server.store.refusals import UNAVAILABLE, refusal_of
from fhir_server.store.told import Told, tell
from fhir_server.store.transactions import Transactions

LARGEST_BATCH: Final = 1_000
MANY_WAITING: Final = 4
WINDOW_S: Final = 0.001
"""How long to wait for more entries once `MANY_WAITING` wait; at less, waiting only delays them."""
UNAWAITED_WINDOW_S: Final = 0.1
"""How long entries may gather while nobody flushes: a commit of its own for each would cost a read more
than the read itself."""
FLUSH_S: Final = 10.0


@dataclass(slots=True, eq=False)
class Ticket:
    """An entry on its way; `error` is why it could not be written."""

    document: dict[str, Any]
    notices: tuple[Notice, ...] = ()
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class MongoAuditSink:
    """Implements `access.ports.AuditSink`.  Its thread starts with the first entry of each process.

    Entries of which somebody is to be told are written in one transaction with those notices.
    """

    def __init__(self, catalogue: Catalogue, numbers: Numbers, transactions: Transactions) -> None:
        self._collection = catalogue.service(AUDIT)
        self._outbox = catalogue.service(OUTBOX)
        self._transactions = transactions
        self._told = Told()
        self._numbers = numbers
        self._waiting: list[Ticket] = []
        self._arrived = threading.Condition()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._closed = False
        self._flushing = 0
        self._wake_at = 1
        """How many waiting entries the thread wants to be woken for."""
        self._wakes_to_flush = False

    def append(self, entry: AuditEntry) -> Ticket:
        """Queue the entry for the next group commit."""
        number = self._numbers.take(1)[0]
        ticket = Ticket(audit_document(entry, self._numbers.worker, number), entry.notices)
        with self._arrived:
            if self._closed:
                raise refuse("database-unavailable", UNAVAILABLE)
            self._waiting.append(ticket)
            self._start()
            if len(self._waiting) == self._wake_at:
                self._arrived.notify()
        return ticket

    def flush(self, ticket: object) -> None:
        """Wait until the entry is durable.  Raises FhirError `database-unavailable` if it cannot be."""
        if not isinstance(ticket, Ticket):
            raise TypeError("flush takes what append returned")
        with self._arrived:
            self._flushing += 1
            if self._wakes_to_flush:
                self._arrived.notify()
        try:
            written = ticket.done.wait(FLUSH_S)
        finally:
            with self._arrived:
                self._flushing -= 1
        if not written:
            raise refuse("database-unavailable", UNAVAILABLE)
        if ticket.error is not None:
            raise refusal_of(ticket.error) or refuse("database-unavailable", UNAVAILABLE)

    def close(self) -> None:
        """Write what still waits and end the thread; nothing can be appended any more."""
        with self._arrived:
            self._closed = True
            self._arrived.notify()
            thread = self._thread
        if thread is not None and self._process == os.getpid():
            thread.join()

    def _start(self) -> None:
        if self._thread is None or self._process != os.getpid():
            self._process = os.getpid()
            self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._arrived:
                self._wait(1)
                if not self._waiting:
                    return
                self._gather()
                batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            self._write(batch)

    def _gather(self) -> None:
        """Let a batch grow: long while nobody waits for it, for a moment when many do."""
        self._wait(LARGEST_BATCH, UNAWAITED_WINDOW_S, or_flush=True)
        if len(self._waiting) > MANY_WAITING:
            self._wait(LARGEST_BATCH, WINDOW_S)

    def _wait(self, entries: int, seconds: float | None = None, *, or_flush: bool = False) -> None:
        """Sleep until so many entries wait, or somebody flushes; to wake up for less costs a switch."""
        self._wake_at, self._wakes_to_flush = entries, or_flush
        self._arrived.wait_for(
            lambda: self._closed or len(self._waiting) >= entries or (or_flush and self._flushing), seconds
        )
        self._wakes_to_flush = False

    def _write(self, batch: list[Ticket]) -> None:
        try:
            self._insert(batch)
        except Exception as error:  # every waiter is told, whatever it was
            for ticket in batch:
                ticket.error = error
        finally:
            for ticket in batch:
                ticket.done.set()

    def _insert(self, batch: list[Ticket]) -> None:
        documents = [ticket.document for ticket in batch]
        notices = self._told.untold(notice for ticket in batch for notice in ticket.notices)
        if not notices:
            self._collection.insert_many(documents, ordered=True)
            return

        def write(session: ClientSession) -> None:
            self._collection.insert_many(documents, ordered=True, session=session)
            tell(self._outbox, notices, session)

        self._transactions.run(write)
        self._told.remember(notices)
