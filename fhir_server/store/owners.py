"""A bounded memory of whose record a resource is part of.  An owner never changes, so it is always right."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

CAPACITY: Final = 100_000


class OwnerCache:
    """Least recently asked resources are forgotten first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._owners: OrderedDict[tuple[str, str], str | None] = OrderedDict()
        self._lock = Lock()

    def get(self, resource_type: str, id: str) -> str | None:
        """Return the owner of a resource.  Raises KeyError where it is not remembered."""
        key = (resource_type, id)
        with self._lock:
            self._owners.move_to_end(key)
            return self._owners[key]

    def put(self, resource_type: str, id: str, owner: str | None) -> None:
        """Remember the owner of a resource that exists."""
        with self._lock:
            self._owners[resource_type, id] = owner
            if len(self._owners) > self._capacity:
                self._owners.popitem(last=False)
