"""What an entry of a transaction is about, once its criteria are looked up."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.interactions.lookup import Criteria
from fhir_server.model.document import Stored


@dataclass(frozen=True, slots=True)
class Target:
    """The resource of an entry.

    `current` is the version that the entry meets (a conditional create: that it gives way to).
    `guard` are the criteria under which it is created.  `same_as` is the position of an earlier entry with
    the same criteria, which creates it.  `others` are what else a conditional delete deletes.
    """

    resource_type: str
    id: str
    current: Stored | None = None
    guard: Criteria | None = None
    same_as: int | None = None
    others: tuple[Stored, ...] = ()

    @property
    def reference(self) -> str:
        """`Type/id`."""
        return f"{self.resource_type}/{self.id}"
