"""Looking after a database: when it is restarted, and when that is given up."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from fhir_server.commands.serving.database import MOST_RESTARTS, WITHIN_S, keep_running
from fhir_server.store.mongod import MongodUnavailable


class Scripted:
    """A database that is there or not as the script says; at the end of the script the server is stopped."""

    def __init__(self, script: Sequence[bool], stopped: threading.Event, *, starts: bool = True) -> None:
        self._script = list(script)
        self._stopped = stopped
        self._starts = starts
        self.restarts = 0

    @property
    def running(self) -> bool:
        there = self._script.pop(0)
        if not self._script:
            self._stopped.set()
        return there

    def restart(self, interrupted: threading.Event) -> None:
        self.restarts += 1
        if not self._starts:
            raise MongodUnavailable("no disk")


def kept(
    script: Sequence[bool], *, starts: bool = True, step_s: float = 1.0
) -> tuple[str | None, int, list[str]]:
    """Return the reason for giving up, the number of restarts and the events; each restart takes `step_s`."""
    stopped = threading.Event()
    database = Scripted(script, stopped, starts=starts)
    said: list[str] = []
    reason = keep_running(
        database,
        stopped,
        lambda event, text: said.append(event),
        poll_s=0,
        now=lambda: database.restarts * step_s,
    )
    return reason, database.restarts, said


def test_a_database_that_runs_is_left_alone() -> None:
    assert kept([True] * 5) == (None, 0, [])


def test_a_database_that_ended_is_restarted() -> None:
    reason, restarts, said = kept([True, False, True, False, True])
    assert (reason, restarts) == (None, 2)
    assert said == ["database-ended", "database-restarted"] * 2


def test_a_database_that_does_not_start_is_given_up() -> None:
    reason, restarts, said = kept([False] * 5, starts=False)
    assert reason == "The database ended and did not start again: no disk"
    assert (restarts, said) == (1, ["database-ended"])


def test_a_start_that_the_end_of_the_server_interrupts_is_no_failure() -> None:
    assert kept([False], starts=False)[0] is None


def test_a_database_that_ends_again_and_again_is_given_up() -> None:
    reason, restarts, _ = kept([False] * 20)
    assert restarts == MOST_RESTARTS
    assert reason is not None
    assert f"{MOST_RESTARTS + 1} times" in reason


def test_a_database_that_ends_now_and_then_is_restarted_every_time() -> None:
    reason, restarts, _ = kept([False] * 20, step_s=WITHIN_S / MOST_RESTARTS)
    assert (reason, restarts) == (None, 20)
