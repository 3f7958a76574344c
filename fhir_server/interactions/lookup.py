"""Criteria in a write: `If-None-Exist` and conditional references, bound and looked up inside the View.

Spec: https://hl7.org/fhir/R4/http.html#ccreate
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError, Issue
from fhir_server.model.plan import Plan
from fhir_server.model.unit_of_work import Condition
from fhir_server.search.criteria import criteria
from fhir_server.search.planner import plan

ENOUGH = 2
"""Whether one or several match is all that criteria ask."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """Bound criteria; two that ask the same have the same `key`."""

    resource_type: str
    key: str
    plan: Plan

    def guards(self, request: Request, id: str) -> Condition:
        """Return the condition that the document `id` is created only while nothing matches."""
        return Condition(self.resource_type, self.key, self.plan, request.view, id)


def bind(context: Context, request: Request, resource_type: str, text: str) -> Criteria:
    """Return the criteria of a query string.

    Raises FhirError `criteria-needed` when they select nothing, and those of an illegal query.
    """
    asked = criteria(context.indexer.catalogue, resource_type, text, now=request.now)
    bound = plan(
        asked,
        systems=context.systems,
        owner=request.view.owner,
        cross_person_types=context.cross_person_types,
    )
    return Criteria(resource_type, asked.key, replace(bound, count=ENOUGH))


def find(context: Context, request: Request, wanted: Criteria) -> Sequence[Stored]:
    """Return what matches, two at most."""
    return context.records.search(wanted.plan, request.view).entries


def several(expression: str | None = None) -> FhirError:
    """Return the 412 of criteria that more than one resource matches."""
    return FhirError(Issue("multiple-matches", "More than one resource matches the criteria.", expression))
