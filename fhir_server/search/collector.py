"""What extraction gathers from one resource, free of repeats and in the order in which it was met."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any


class Collector:
    """The growing entries of one resource; the dictionaries are ordered sets.

    `owner_reference` is `Patient/<owner>`, the reference that is never written; `owned` are the
    parameters that held it; `resource` is the whole of it, for what is found from there.
    """

    __slots__ = (
        "composite", "date", "number", "owned", "owner_reference", "quantity", "residual", "resource",
        "string", "token",
    )  # fmt: skip

    def __init__(self, owner_reference: str | None, resource: Any = None) -> None:
        self.resource = resource
        self.token: dict[str, None] = {}
        self.residual: dict[str, None] = {}
        self.string: dict[str, None] = {}
        self.date: dict[tuple[str, datetime, datetime], None] = {}
        self.number: dict[tuple[str, str, str], None] = {}
        self.quantity: dict[tuple[str, str, str], None] = {}
        self.composite: dict[tuple[str, str, str], None] = {}
        self.owner_reference = owner_reference
        self.owned: set[str] = set()


Sink = Callable[[Any, Collector], None]
"""Takes one JSON value of a known FHIR type and writes what is to be found by it."""
