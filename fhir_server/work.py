"""The background work of a server: tasks that come round, done by one process at a time.

Any number of servers on one database run this; whichever holds the lease does what is due.  To add a task,
add a row to `tasks_of`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from fhir_server.model.clock import Clock
from fhir_server.model.outcome import FhirError
from fhir_server.store.open import Store

LEASE = "work"
LEASE_SPAN = timedelta(seconds=60)
POLL_S = 20.0
"""How often the lease is renewed; a third of its span, so that two failures in a row do not lose it."""


class Leases(Protocol):
    """Who may work."""

    def hold(self, name: str, holder: str, now: datetime, span: timedelta) -> bool:
        """Take or renew a lease; False if another has it."""
        ...

    def release(self, name: str, holder: str) -> None:
        """Give a lease back."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do every `every`; `run` takes the present and returns how many things it did."""

    name: str
    every: timedelta
    run: Callable[[datetime], int]


@dataclass(slots=True)
class Work:
    """The tasks of one process.  `holder` names the process among all that want the lease."""

    tasks: Sequence[Task]
    leases: Leases
    clock: Clock
    holder: str
    _done: dict[str, datetime] = field(default_factory=dict)

    def step(self) -> dict[str, int]:
        """Do what is due if the lease can be had; return how much was done, by task.

        Raises FhirError when the database does not answer; what was not done stays due.
        """
        done: dict[str, int] = {}
        for task in self.tasks:
            now = self.clock.now()
            last = self._done.get(task.name)
            if last is not None and now < last + task.every:
                continue
            if not self.leases.hold(LEASE, self.holder, now, LEASE_SPAN):
                break
            done[task.name] = task.run(now)
            self._done[task.name] = now
        return done

    def run(self, stopped: threading.Event) -> None:
        """Work until `stopped` is set, then give the lease back."""
        while not stopped.is_set():
            try:
                self.step()
            except FhirError:
                # The database is away: requests say so, and the task is still due at the next round.
                stopped.wait(POLL_S)
                continue
            stopped.wait(POLL_S)
        try:
            self.leases.release(LEASE, self.holder)
        except FhirError:
            return  # it expires by itself


def tasks_of(store: Store) -> tuple[Task, ...]:
    """Return the tasks of a server on this store."""
    return (Task("sweep orphaned attachments", timedelta(hours=1), store.blobs.sweep_orphans),)
