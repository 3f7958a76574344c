"""Criteria in a write: `If-None-Exist` and conditional references, bound and looked up inside the View.

Spec: https://hl7.org/fhir/R4/http.html#ccreate
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError, Issue, refuse
from fhir_server.model.plan import Plan
from fhir_server.model.unit_of_work import Condition
from fhir_server.search.criteria import criteria
from fhir_server.search.parameter import Filter
from fhir_server.search.planner import plan
from fhir_server.search.ports import Systems

ENOUGH = 2
"""Whether one or several match is all that criteria ask."""

UNSELECTIVE = frozenset({"missing", "not", "not-in"})
UNSELECTIVE_PARAMETERS = frozenset({"_lastUpdated", "_filter"})
"""By these alone a write would be about whatever is there."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """Bound criteria; two that ask the same have the same `key`."""

    resource_type: str
    key: str
    plan: Plan
    rebind: Callable[[], Plan] | None = None
    """Makes the plan anew where it depends on the systems that a parameter was ever written with."""

    def guards(self, request: Request, id: str) -> Condition:
        """Return the condition that the document `id` is created only while nothing matches."""
        return Condition(self.resource_type, self.key, self.plan, request.view, id, self.rebind)


def bind(
    context: Context, request: Request, resource_type: str, text: str, *, count: int = ENOUGH
) -> Criteria:
    """Return the criteria of a query string; `count` is how many matches will be looked at.

    Raises FhirError `criteria-needed` when they select nothing or next to everything, and those of an
    illegal query.
    """
    asked = criteria(context.indexer.catalogue, resource_type, text, now=request.now)
    if not any(map(_selects, asked.filters)):
        text = "The criteria match next to everything. Name what the resource has, not what it lacks."
        raise refuse("criteria-needed", text)
    systems = _Asked(context.systems)

    def planned() -> Plan:
        across = context.cross_person_types
        owner = request.view.owner_for(resource_type)
        bound = plan(asked, systems=systems, owner=owner, cross_person_types=across)
        return replace(bound, count=count)

    bound = planned()
    return Criteria(resource_type, asked.key, bound, planned if systems.were_asked else None)


class _Asked:
    """Systems that remember whether a plan needed them."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems
        self.were_asked = False

    def of(self, resource_type: str, parameter: str) -> Sequence[str]:
        self.were_asked = True
        return self._systems.of(resource_type, parameter)


def bind_address(context: Context, request: Request, *, count: int = ENOUGH) -> Criteria:
    """Return the criteria in the address of a conditional update, patch or delete; raises as `bind`."""
    return bind(context, request, request.resource_type, urlencode(request.query), count=count)


def _selects(filter: Filter) -> bool:
    return filter.modifier not in UNSELECTIVE and filter.parameter.code not in UNSELECTIVE_PARAMETERS


def find(context: Context, request: Request, wanted: Criteria) -> Sequence[Stored]:
    """Return what matches, two at most, or as many as the criteria were bound for."""
    return context.records.search(wanted.plan, request.view).entries


def several(expression: str | None = None) -> FhirError:
    """Return the 412 of criteria that more than one resource matches."""
    return FhirError(Issue("multiple-matches", "More than one resource matches the criteria.", expression))


def one_at_most(found: Sequence[Stored], expression: str | None = None) -> Stored | None:
    """Return the one match, None where nothing matches.  Raises FhirError `multiple-matches`."""
    if len(found) > 1:
        raise several(expression)
    return found[0] if found else None
