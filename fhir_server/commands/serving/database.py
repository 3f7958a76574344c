"""The embedded database of a running server: looked after until the server stops."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from fhir_server.store.mongod import MongodUnavailable

POLL_S: Final = 0.5
MOST_RESTARTS: Final = 5
WITHIN_S: Final = 120.0
"""A database that ends more often than `MOST_RESTARTS` times in this span will not be cured by another."""


class Database(Protocol):
    """What can be looked after; `store.embedded.Embedded` is it."""

    @property
    def running(self) -> bool:
        """Whether it is there."""
        ...

    def restart(self, interrupted: threading.Event) -> None:
        """Start it again.  Raises MongodUnavailable."""
        ...


def keep_running(
    database: Database,
    stopped: threading.Event,
    say: Callable[[str, str], None],
    *,
    poll_s: float = POLL_S,
    now: Callable[[], float] = time.monotonic,
) -> str | None:
    """Restart the database whenever it has ended by itself, until `stopped` is set.

    `say` takes the name of an event and its words; `now` counts seconds.
    Returns None once stopped, or why the database cannot be kept running.
    """
    restarts: deque[float] = deque(maxlen=MOST_RESTARTS)
    while not stopped.wait(poll_s):
        if database.running:
            continue
        if len(restarts) == MOST_RESTARTS and now() - restarts[0] < WITHIN_S:
            return f"The database ended by itself {MOST_RESTARTS + 1} times within {WITHIN_S:.0f} s."
        restarts.append(now())
        say("database-ended", "The database ended by itself; it is being restarted.")
        try:
            database.restart(stopped)
        except MongodUnavailable as reason:
            return None if stopped.is_set() else f"The database ended and did not start again: {reason}"
        say("database-restarted", "The database is back.")
    return None
