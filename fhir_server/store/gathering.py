"""Look-ups of many threads made together: what comes while one is under way waits for the next, as one.

Every look-up begins after it was asked for, so it sees all that was confirmed before; nothing is remembered.
A thread that is alone looks up at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(slots=True, eq=False)
class _Round(Generic[Value]):
    """One look-up for all who asked before it began."""

    keys: set[str] = field(default_factory=set)
    done: Event | None = None
    """Made by the first who waits: mostly nobody does."""
    found: Mapping[str, Value] = field(default_factory=dict)
    error: BaseException | None = None


class Gathering(Generic[Value]):
    """Shares one look-up at a time among the threads of a process.

    `fetch` is given the keys and returns what it found by key.  What it raises is raised to everyone who
    asked for one of them.
    """

    def __init__(self, fetch: Callable[[Collection[str]], Mapping[str, Value]]) -> None:
        self._fetch = fetch
        self._gathers = Lock()
        self._looks = Lock()
        self._next: _Round[Value] | None = None

    def get(self, key: str) -> Value | None:
        """Return what there is of a key at some instant during this call, None where there is nothing."""
        with self._gathers:
            joined = self._next
            mine = joined if joined is not None else _Round[Value]()
            mine.keys.add(key)
            self._next = mine
            if joined is not None and mine.done is None:
                mine.done = Event()
        if joined is None or mine.done is None:
            self._look(mine)
        else:
            mine.done.wait()
        if mine.error is not None:
            raise mine.error
        return mine.found.get(key)

    def _look(self, mine: _Round[Value]) -> None:
        """Look up for all who have joined by the time that the look-up before has ended."""
        try:
            with self._looks:
                with self._gathers:
                    self._next = None
                mine.found = self._fetch(mine.keys)
        except BaseException as error:
            mine.error = error
        finally:
            # Nobody joins any more: whoever waits has said so by now.
            if mine.done is not None:
                mine.done.set()
