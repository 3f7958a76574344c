"""The definitions that were written through REST, as the store has them, and the mark of their last change.

Every commit that writes one renews a mark in the same transaction: as long as the marks stay, so do the
definitions.  They are of no person; what is read here is compiled and never answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from fhir_server.interactions.ports import Records
from fhir_server.model import exact_json
from fhir_server.model.document import Document
from fhir_server.model.plan import Index, Order, Plan, SortBy
from fhir_server.model.unit_of_work import Flow
from fhir_server.model.view import View

STRUCTURE: Final = "StructureDefinition"
VALUE_SET: Final = "ValueSet"
CODE_SYSTEM: Final = "CodeSystem"
DEFINITION_TYPES: Final = (CODE_SYSTEM, VALUE_SET, STRUCTURE)

EVERYTHING: Final = View.unrestricted("definitions")
"""Sees the definitions whoever asks for a validation; none of them is answered."""
BATCH: Final = 200

_MARKED: Final = "~definitions"
"""Whose marks they are: no id of a person has this form."""


@dataclass(frozen=True, slots=True)
class StoredDefinitions:
    """What is stored of `DEFINITION_TYPES`."""

    records: Records

    def mark(self) -> tuple[bytes, ...]:
        """Return what is another after every change of a definition.  One round trip, by the ids of marks.

        Marks are dropped an hour after the last change: that they are others does not mean that anything is.
        """
        return self.records.flow_marks(_MARKED)

    def trees(self) -> Iterator[dict[str, Any]]:
        """Return all definitions, those changed last at the end."""
        for resource_type in DEFINITION_TYPES:
            order = Order(SortBy.UPDATED, descending=False)
            plan: Plan | None = Plan(resource_type, index=Index.UPDATED, order=order, count=BATCH)
            while plan is not None:
                page = self.records.search(plan, EVERYTHING)
                yield from (exact_json.decode(stored.body) for stored in page.entries)
                plan = None if page.next is None else replace(plan, after=page.next)


def marks_of(documents: Iterable[Document]) -> tuple[Flow, ...]:
    """Return what a commit of these documents has to renew."""
    for document in documents:
        facts = document.facts
        if facts.resource_type in DEFINITION_TYPES:
            return (Flow(_MARKED, f"{facts.resource_type}/{facts.id}"),)
    return ()
