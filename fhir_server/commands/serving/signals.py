"""Signals to stop reach the server also while its main thread begins to wait.

Python calls the handler of a signal in the main thread, between two steps of it.  A signal that comes after
the last step and before the thread sleeps on a lock wakes nobody: the server would run on as if it had never
been told.  What Python writes to a socket the moment that a signal comes is read by a thread of its own.

Spec: https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

MOST_AT_ONCE: Final = 64


@contextmanager
def told_of(signals: Collection[int], tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell`, in a thread, whenever one of these signals has come for which there is a handler.

    To be entered in the main thread.
    """
    coming, going = socket.socketpair()
    going.setblocking(False)
    wanted = frozenset(signals)

    def watch() -> None:
        while came := coming.recv(MOST_AT_ONCE):
            if not wanted.isdisjoint(came):
                tell()

    watching = threading.Thread(target=watch, name="signals")
    watching.start()
    before = signal.set_wakeup_fd(going.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        going.close()
        watching.join()
        coming.close()
