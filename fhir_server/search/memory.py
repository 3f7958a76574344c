"""Searches that were understood, by all that they follow from; see `interactions.understanding`."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from fhir_server.model.plan import Plan
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.compartments import Compartment
from fhir_server.search.request import Pair, SearchRequest

CAPACITY: Final = 2_048
Written = tuple[str, str, tuple[str, ...]]
"""A type, a parameter, and the systems that it was ever written with."""
Key = tuple[bytes, str | None, str, Compartment | None, tuple[Pair, ...], bool]
"""The View's digest, the person, the type, the compartment, the query, whether the client is strict."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A search as it was read; `plan`, for its first page, where that follows from it and `systems` alone."""

    asked: SearchRequest
    digest: bytes
    plan: Plan | None = None
    systems: tuple[Written, ...] = ()
    """The code systems that the plan follows from: it is good for as long as those are all."""
    catalogue: Catalogue | None = None
    """The definitions that it was read by."""


class Memory:
    """The searches understood last; the least recently asked are forgotten first.  Shared by threads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._known: OrderedDict[Key, Understood] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, catalogue: Catalogue) -> Understood | None:
        """Return what was read under a key by these very definitions, or None."""
        with self._lock:
            known = self._known.get(key)
            if known is None or known.catalogue is not catalogue:
                return None
            self._known.move_to_end(key)
            return known

    def put(self, key: Key, understood: Understood) -> None:
        """Remember, in the place of what was known under the key."""
        with self._lock:
            self._known[key] = understood
            self._known.move_to_end(key)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
