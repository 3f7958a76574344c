"""Hops of a search followed inside the View: what they lead to is looked up first, and becomes a condition.

A hop over d links costs d round trips, and one more for each further type that a link can lead to.  Each link
sees what the View shows of its own type, so what is hidden leads nowhere, as what is absent does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fhir_server.interactions.context import Context
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Condition, Or, Plan
from fhir_server.model.view import View
from fhir_server.search.following import own_urls, pointed_at, pointers, to_ids, to_urls
from fhir_server.search.hops import Criterion, Hop
from fhir_server.search.includes import is_canonical
from fhir_server.search.parameter import Filter
from fhir_server.search.planner import plan
from fhir_server.search.request import SearchRequest

MOST: Final = 10_000
"""Resources that one link may lead to."""
MOST_TOGETHER: Final = 30_000
"""Resources that the links of one search may lead to together."""


def followed(context: Context, view: View, hops: Sequence[Hop]) -> tuple[Condition, ...]:
    """Return what each hop asks of the resources that are searched.

    Raises FhirError `too-costly` where a link leads to too many, or all of them together do.
    """
    following = _Following(context, view)
    return tuple([following.condition(hop) for hop in hops])


@dataclass(slots=True)
class _Following:
    """Follows the hops of one search; `met` counts what they led to."""

    context: Context
    view: View
    met: int = 0

    def condition(self, hop: Hop) -> Condition:
        """Return what a hop asks of the resources that are searched."""
        if hop.reverse:
            return self._pointed_at(hop)
        parts = [self._points_to(hop, criterion) for criterion in hop.inner]
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _points_to(self, hop: Hop, criterion: Criterion) -> Condition:
        records, target = self.context.records, criterion.resource_type
        inner = self._plan(criterion)
        if not is_canonical(hop.parameter):
            ids = records.ids(inner, self.view, MOST + 1)
            self._count(hop, target, len(ids))
            return to_ids(hop.parameter, target, ids)
        wanted = own_urls(self.context.indexer.catalogue, target)
        if wanted is None:
            return Or(())
        urls = records.pointed(inner, self.view, wanted, MOST + 1).texts
        self._count(hop, target, len(urls))
        return to_urls(hop.parameter, urls)

    def _pointed_at(self, hop: Hop) -> Condition:
        (criterion,) = hop.inner
        inner = self._plan(criterion)
        wanted = pointers(hop.parameter, hop.resource_type)
        found = self.context.records.pointed(inner, self.view, wanted, MOST + 1)
        self._count(hop, hop.resource_type, len(found.texts) + len(found.persons))
        return pointed_at(self.context.indexer.catalogue, hop.parameter, hop.resource_type, found)

    def _plan(self, criterion: Criterion) -> Plan:
        target, held = criterion.resource_type, criterion.held
        further: tuple[Condition, ...] = ()
        filters: tuple[Filter, ...] = ()
        if isinstance(held, Hop):
            further = (self.condition(held),)
        else:
            filters = (held,)
        return plan(
            SearchRequest(target, filters),
            systems=self.context.systems,
            owner=self.view.owner_for(target),
            cross_person_types=self.context.cross_person_types,
            further=further,
        )

    def _count(self, hop: Hop, target: str, found: int) -> None:
        self.met += found
        if found > MOST:
            text = f"`{hop.name}` leads to more than {MOST} of type {target}. Ask for less of it."
            raise refuse("too-costly", text)
        if self.met > MOST_TOGETHER:
            text = f"The chains of this search lead to more than {MOST_TOGETHER} resources. Ask for less."
            raise refuse("too-costly", text)
