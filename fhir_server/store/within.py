"""Reads as part of a transaction that is under way: they see what it has written and nobody else sees yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from pymongo.client_session import ClientSession

_WITHIN: Final[ContextVar[bool]] = ContextVar("within", default=False)


@contextmanager
def within(session: ClientSession) -> Iterator[None]:
    """Make every read of this thread part of the transaction of `session`."""
    mark = _WITHIN.set(True)
    try:
        with session.bind(end_session=False):
            yield
    finally:
        _WITHIN.reset(mark)


@contextmanager
def apart(client: Any) -> Iterator[None]:
    """Do what no transaction can hold (names of collections, indexes) in a session of its own."""
    if not _WITHIN.get():
        yield
        return
    mark = _WITHIN.set(False)
    try:
        with client.start_session() as session, session.bind(end_session=False):
            yield
    finally:
        _WITHIN.reset(mark)


def is_within() -> bool:
    """Return whether this thread reads as part of a transaction."""
    return _WITHIN.get()
