"""Which condition drives a search across persons: the one with the fewest entries, counted up to a bound.

What the counts say decides about the cost alone: what is found, and its order, are the plan's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from pymongo.errors import ExecutionTimeout

from fhir_server.model.plan import Driver, Plan
from fhir_server.model.view import View
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.filters import all_of, predicate_filter
from fhir_server.store.refusals import database_errors
from fhir_server.store.searches import driver_filter
from fhir_server.store.within import is_within

MOST: Final = 1_000
"""Entries that are counted of a candidate: with as many it is no better than what the table chose."""
COUNT_MS: Final = 50


def driven(catalogue: Catalogue, plan: Plan, view: View) -> Plan:
    """Return the plan with the best of its candidates as driver.  One round trip for each of them.

    A plan of one person's record has none: nothing is counted there.  Nor is it within a transaction, which a
    count that takes too long would end.
    """
    if plan.owner is not None or view.owner is not None or not plan.candidates or is_within():
        return plan
    fewest, best = MOST, None
    for candidate in plan.candidates:
        if catalogue.hint(plan.resource_type, candidate.index) is None:
            continue
        found = _count(catalogue, plan, view, candidate, fewest)
        if found < fewest:
            fewest, best = found, candidate
        if not found:
            break
    plan = replace(plan, candidates=())
    return plan if best is None else replace(plan, index=best.index, driver=best.condition)


def _count(catalogue: Catalogue, plan: Plan, view: View, candidate: Driver, most: int) -> int:
    """Return how many there are inside the View, `most` where there are as many or counting took too long."""
    wanted = all_of([driver_filter(candidate.condition), predicate_filter(view.reads(plan.resource_type))])
    options: dict[str, Any] = {"limit": most, "hint": candidate.index.value, "maxTimeMS": COUNT_MS}
    with database_errors():
        try:
            return catalogue.current(plan.resource_type).count_documents(wanted, **options)
        except ExecutionTimeout:
            return most
