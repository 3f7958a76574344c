"""What the interactions need of the store: records, blobs and replays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from fhir_server.model.audit import AuditEntry
from fhir_server.model.document import Stored
from fhir_server.model.explained import Walk
from fhir_server.model.history import HistoryPage, HistoryPlan
from fhir_server.model.journal import Entries, JournalPlan
from fhir_server.model.plan import Coded, Page, Plan, Pointed, Pointers
from fhir_server.model.unit_of_work import Committed, IdempotencyKey, UnitOfWork
from fhir_server.model.view import View


class Records(Protocol):
    """Every read takes a View; `commit` is the only write.

    All methods raise FhirError `database-unavailable` or `timeout` when the database does not answer.
    """

    def read(self, resource_type: str, id: str, view: View, *, facts: bool = False) -> Stored | None:
        """Return the current version (a deletion too), or None: absent and hidden are the same.

        With `facts`, `Stored.facts` is filled: what a write has to carry on.
        """
        ...

    def vread(self, resource_type: str, id: str, version: int, view: View) -> Stored | None:
        """Return that version, or None.  What the View hides of the current version hides all."""
        ...

    def read_many(
        self, resource_type: str, ids: Sequence[str], view: View, *, facts: bool = False
    ) -> dict[str, Stored]:
        """Return the current versions by id in one round trip; what is absent or hidden is missing."""
        ...

    def history(
        self,
        resource_type: str,
        id: str,
        view: View,
        *,
        count: int,
        before_version: int | None = None,
        since: datetime | None = None,
    ) -> Sequence[Stored]:
        """Return up to `count` versions of one resource, newest first, below `before_version`."""
        ...

    def history_page(self, plan: HistoryPlan, view: View) -> HistoryPage:
        """Return one page of the versions of a resource, a type or everything inside the View.

        Following `HistoryPage.next` gives each version that was there at the first page exactly once,
        whatever is written meanwhile.  A deletion counts as a version.
        """
        ...

    def history_count(self, plan: HistoryPlan, view: View) -> int:
        """Return how many versions there are inside the View, whatever `plan.count` and `plan.after`."""
        ...

    def search(self, plan: Plan, view: View) -> Page:
        """Return one page of the plan inside the View, in one round trip where no tie is cut."""
        ...

    def count(self, plan: Plan, view: View, *, most: int | None = None) -> int:
        """Return how many resources match inside the View, whatever `plan.count` and `plan.after`.

        With `most`, at most that many: counting ends there.
        """
        ...

    def ids(self, plan: Plan, view: View, limit: int) -> Sequence[str]:
        """Return the ids of what matches inside the View, `limit` at most, in no order.  One round trip."""
        ...

    def pointed(self, plan: Plan, view: View, wanted: Pointers, limit: int) -> Pointed:
        """Return what the resources that match inside the View point to, `limit` of it at most, each once.

        One round trip.
        """
        ...

    def coded(self, plan: Plan, view: View, code: str, limit: int) -> Sequence[Coded]:
        """Return what matches inside the View with its codes of one token parameter, newest first, `limit` at
        most.  One round trip.
        """
        ...

    def explain(self, plan: Plan, view: View) -> Sequence[Walk]:
        """Return what the database does for the page of a plan, query by query; where nothing is governed."""
        ...

    def types(self) -> Sequence[str]:
        """Return the types of which anything was ever written, in the order of their names."""
        ...

    def entry_values(
        self, resource_type: str | None, parameters: Sequence[str], view: View, limit: int
    ) -> Sequence[str]:
        """Return up to `limit` residual search entries (`_tag=system|code`) in use, in order, each once."""
        ...

    def flowing_from(
        self, owner: str, sources: Sequence[str], types: Sequence[str] | None = None
    ) -> Sequence[Stored]:
        """Return with their facts the current versions, deletions too, in a record whose labels flow from one
        of `sources` (`Type/id`), of some types or of all.

        For the flow of labels only: nothing is hidden from it, and nothing of it may be answered.
        """
        ...

    def flow_marks(self, owner: str) -> tuple[bytes, ...]:
        """Return what changes with every write of a record that labels flow through, for `Flow.marks`."""
        ...

    def owner_of(self, resource_type: str, id: str) -> str | None:
        """Return the person whose record holds the resource.  For access decisions only."""
        ...

    def commit(self, work: UnitOfWork) -> Committed:
        """Write all of `work` durably, or nothing.

        Raises VersionConflict, ConditionMatched, ReplayFound, FhirError `refused` (outside the View).
        """
        ...


class Blobs(Protocol):
    """Large contents beside the documents, each owned by one person."""

    def put(self, content: bytes, owner: str | None) -> str:
        """Store durably and return the blob's id; an orphan is swept after a day."""
        ...

    def open(self, blob_id: str) -> Iterator[bytes]:
        """Yield the content in chunks.  Raises KeyError if there is none."""
        ...

    def drop(self, blob_id: str) -> None:
        """Delete the content; deleting twice is no error."""
        ...


class Replay(Protocol):
    """What was answered under an idempotency key."""

    def find(self, key: str) -> IdempotencyKey | None:
        """Return the earlier request of that key, or None."""
        ...


class Journal(Protocol):
    """The access log as it is read: only what the View allows of AuditEvent."""

    def read(self, id: str, view: View) -> AuditEntry | None:
        """Return an entry, or None: absent and hidden are the same."""
        ...

    def page(self, plan: JournalPlan, view: View) -> Entries:
        """Return up to `plan.count` entries inside the View, by their instant, in one round trip."""
        ...
