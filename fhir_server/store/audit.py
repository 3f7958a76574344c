"""The access log of answers that write nothing: what waits at one moment is written in one go.

Whoever flushes first writes for all that wait; what comes meanwhile waits for the next write.  What nobody
flushes is written by a thread of its own.
"""

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
from fhir_server.store.inserts import insert_once
from fhir_server.store.refusals import UNAVAILABLE, refusal_of
from fhir_server.store.told import Told, tell
from fhir_server.store.transactions import Transactions

LARGEST_BATCH: Final = 1_000
UNAWAITED_WINDOW_S: Final = 0.1
"""How long entries may gather while nobody flushes: a commit of its own for each would cost a read more
than the read itself."""
FLUSH_S: Final = 10.0


@dataclass(slots=True, eq=False)
class _Round:
    """Entries that are written together; `led` once somebody is about to, `error` is why they are not."""

    tickets: list[Ticket] = field(default_factory=list)
    led: bool = False
    done: bool = False
    told: threading.Event | None = None
    """Set when it is done; made by the first who waits for that."""
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class Ticket:
    """An entry on its way."""

    document: dict[str, Any]
    notices: tuple[Notice, ...]
    round: _Round


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
        self._next = _Round()
        self._arrived = threading.Condition()
        self._writes = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._closed = False
        self._appended = 0
        self._sleeps = False
        """Whether the thread waits to be woken; else it looks again by itself."""

    def append(self, entry: AuditEntry) -> Ticket:
        """Queue the entry for the next group commit."""
        number = self._numbers.take(1)[0]
        document = audit_document(entry, self._numbers.worker, number)
        with self._arrived:
            if self._closed:
                raise refuse("database-unavailable", UNAVAILABLE)
            ticket = Ticket(document, entry.notices, self._next)
            self._next.tickets.append(ticket)
            self._appended += 1
            if self._process != os.getpid():
                self._start()
            elif self._sleeps:
                self._sleeps = False
                self._arrived.notify()
        return ticket

    def flush(self, ticket: object) -> None:
        """Wait until the entry is durable.  Raises FhirError `database-unavailable` if it cannot be."""
        if not isinstance(ticket, Ticket):
            raise TypeError("flush takes what append returned")
        mine = ticket.round
        with self._arrived:
            leads, mine.led = not mine.led, True
            if not leads and not mine.done and mine.told is None:
                mine.told = threading.Event()
        if leads:
            self._write(mine)
        elif mine.told is not None and not mine.told.wait(FLUSH_S):
            raise refuse("database-unavailable", UNAVAILABLE)
        if mine.error is not None:
            raise refusal_of(mine.error) or refuse("database-unavailable", UNAVAILABLE)

    def close(self) -> None:
        """Write what still waits and end the thread; nothing can be appended any more."""
        with self._arrived:
            self._closed = True
            self._arrived.notify()
            thread = self._thread
        if thread is not None and self._process == os.getpid():
            thread.join()

    def _start(self) -> None:
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """Write what nobody flushes, until the log is closed and nothing waits."""
        seen = 0
        while True:
            with self._arrived:
                self._rest(seen)
                found, seen = self._next, self._appended
                leads = bool(found.tickets) and not found.led
                if leads:
                    found.led = True
                elif self._closed:
                    return
            if leads:
                self._write(found)

    def _rest(self, seen: int) -> None:
        """Let entries gather; where none came for a while, sleep until one does.

        A thread that looks by itself need not be woken: to wake one for each answer costs a switch.
        """
        if seen == self._appended and not self._closed:
            self._sleeps = True
            self._arrived.wait_for(lambda: self._closed or not self._sleeps)
        self._arrived.wait_for(lambda: self._closed, UNAWAITED_WINDOW_S)

    def _write(self, mine: _Round) -> None:
        """Write a round after the one before it; until then, entries join."""
        with self._writes:
            with self._arrived:
                self._next = _Round()
            try:
                for start in range(0, len(mine.tickets), LARGEST_BATCH):
                    self._insert(mine.tickets[start : start + LARGEST_BATCH])
            except Exception as error:  # every waiter is told, whatever it was
                mine.error = error
            except BaseException:
                mine.error = RuntimeError("the thread that wrote was ended")
                raise
            finally:
                with self._arrived:
                    mine.done = True
                if mine.told is not None:
                    mine.told.set()

    def _insert(self, batch: list[Ticket]) -> None:
        documents = [ticket.document for ticket in batch]
        notices = [notice for ticket in batch for notice in ticket.notices]
        notices = self._told.untold(notices) if notices else notices
        if not notices:
            insert_once(self._collection, documents)
            return

        def write(session: ClientSession) -> None:
            self._collection.insert_many(documents, ordered=True, session=session)
            tell(self._outbox, notices, session)

        self._transactions.run(write)
        self._told.remember(notices)
