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

from fhir_server.interactions.faults import log_fault
from fhir_server.model.clock import Clock
from fhir_server.model.outcome import FhirError
from fhir_server.store.open import Store
from fhir_server.store.sealing.erasing import Erasing
from fhir_server.store.sequencer import Sequencer

LEASE = "work"
LEASE_SPAN = timedelta(seconds=60)
POLL_S = 20.0
"""How often the lease is renewed; a third of its span, so that two failures in a row do not lose it."""
SHORTEST_POLL_S = 1.0
SEQUENCE_EVERY = timedelta(seconds=4)
"""With what a pass takes, an entry is under a checkpoint 5 s after it was written."""


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
    _renewed: datetime | None = None

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
            if not self._holds(now):
                break
            done[task.name] = task.run(now)
            self._done[task.name] = now
        return done

    def run(self, stopped: threading.Event) -> None:
        """Work until `stopped` is set, then give the lease back."""
        while not stopped.is_set():
            pause = POLL_S
            try:
                self.step()
                pause = self.pause()
            except FhirError:
                pass  # the database is away: requests say so, and the task is still due at the next round
            except Exception as error:  # one task's fault must not end the others
                log_fault(error, "background work")
            stopped.wait(pause)
        try:
            self.leases.release(LEASE, self.holder)
        except FhirError:
            return  # it expires by itself

    def pause(self) -> float:
        """Return how long to wait for the next round, in seconds: as long as the shortest task may.

        Whoever does not hold the lease asks for it again no sooner than it would be renewed.
        """
        if self._renewed is None:
            return POLL_S
        shortest = min((task.every.total_seconds() for task in self.tasks), default=POLL_S)
        return min(POLL_S, max(SHORTEST_POLL_S, shortest))

    def _holds(self, now: datetime) -> bool:
        """Whether the lease is ours; it is written again only when it is time to renew it."""
        renewed = self._renewed
        if renewed is not None and renewed <= now < renewed + timedelta(seconds=POLL_S):
            return True
        self._renewed = None
        if self.leases.hold(LEASE, self.holder, now, LEASE_SPAN):
            self._renewed = now
        return self._renewed is not None


def tasks_of(store: Store, sequencer: Sequencer | None = None) -> tuple[Task, ...]:
    """Return the tasks of a server on this store; without a sequencer its access log is not proven."""
    sweep = Task("sweep orphaned attachments", timedelta(hours=1), store.blobs.sweep_orphans)
    tasks: tuple[Task, ...] = (sweep,)
    if sequencer is not None:
        tasks = (Task("sequence the access log", SEQUENCE_EVERY, sequencer.run), *tasks)
    if store.sealing is None:
        return tasks
    erasing = Erasing(store.catalogue, store.blobs, store.sealing.keyring)
    return (*tasks, Task("erase what destroyed keys had sealed", timedelta(minutes=10), erasing.sweep))
