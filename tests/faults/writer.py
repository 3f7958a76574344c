"""A process that commits transactions until it is killed: `python -m tests.faults.writer URI DATABASE SIZE`.

It prints `ready`, then the name of each transaction as soon as it is acknowledged.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from itertools import count

from fhir_server.model.audit import AuditEntry, Notice
from fhir_server.model.document import Document, Facts, SearchEntries
from fhir_server.model.ids import seq_of
from fhir_server.model.unit_of_work import IdempotencyKey, UnitOfWork
from fhir_server.model.view import View
from fhir_server.store.open import open_store

TYPES = ("Observation", "Condition", "Patient")


def work(name: str, size: int, now: datetime) -> UnitOfWork:
    """Return a transaction whose every id begins with `name` and a dot."""
    view = View.unrestricted("open")
    documents = []
    for number in range(size):
        id = f"{name}.{number}"
        resource = {"resourceType": TYPES[number % 3], "id": id, "text": {"div": "x" * 1000}}
        facts = Facts(TYPES[number % 3], id, name)
        entries = SearchEntries(token=(f"code=s|{number}",), sort_date=now)
        documents.append(Document(facts, 1, now, seq_of(now, id, number), resource, entries))
    entry = AuditEntry(f"{name}.a", now, name, view.actor, "TREAT", "transaction", 200, name)
    notice = Notice(f"{name}.n", now, "deposit", name)
    key = IdempotencyKey(f"{name}.k", b"digest", b"reply")
    return UnitOfWork(
        view, tuple(documents), audit=(entry,), notices=(notice,), idempotency_key=key
    )  # fmt: skip


def main() -> None:
    """Commit until killed."""
    uri, database, size = sys.argv[1:]
    store = open_store(uri, database)
    print("ready", flush=True)
    for number in count():
        name = f"w{os.getpid()}-{number}"
        store.records.commit(work(name, int(size), datetime.now(UTC)))
        print(name, flush=True)


if __name__ == "__main__":
    main()
