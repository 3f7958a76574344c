"""Hops of a search followed inside the View: what they lead to is looked up first, and becomes a condition.

A hop over d links costs d round trips, and one more for each further type that a link can lead to.  Each link
sees what the View shows of its own type, so what is hidden leads nowhere, as what is absent does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fhir_server.interactions.context import Context
from fhir_server.model.outcome import FhirError, refuse
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


def followed(context: Context, view: View, hops: Sequence[Hop]) -> tuple[Condition, ...]:
    """Return what each hop asks of the resources that are searched.

    Raises FhirError `too-costly` where a link leads to too many.
    """
    return tuple(_condition(context, view, hop) for hop in hops)


def _condition(context: Context, view: View, hop: Hop) -> Condition:
    if hop.reverse:
        return _pointed_at(context, view, hop)
    parts = [_points_to(context, view, hop, criterion) for criterion in hop.inner]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _points_to(context: Context, view: View, hop: Hop, criterion: Criterion) -> Condition:
    target = criterion.resource_type
    inner = _plan(context, view, criterion)
    if not is_canonical(hop.parameter):
        ids = context.records.ids(inner, view, MOST + 1)
        _check(hop, target, len(ids))
        return to_ids(hop.parameter, target, ids)
    wanted = own_urls(context.indexer.catalogue, target)
    if wanted is None:
        return Or(())
    urls = context.records.pointed(inner, view, wanted, MOST + 1).texts
    _check(hop, target, len(urls))
    return to_urls(hop.parameter, urls)


def _pointed_at(context: Context, view: View, hop: Hop) -> Condition:
    (criterion,) = hop.inner
    inner = _plan(context, view, criterion)
    wanted = pointers(hop.parameter, hop.resource_type)
    found = context.records.pointed(inner, view, wanted, MOST + 1)
    _check(hop, hop.resource_type, len(found.texts) + len(found.persons))
    return pointed_at(context.indexer.catalogue, hop.parameter, hop.resource_type, found)


def _plan(context: Context, view: View, criterion: Criterion) -> Plan:
    target, held = criterion.resource_type, criterion.held
    further: tuple[Condition, ...] = ()
    filters: tuple[Filter, ...] = ()
    if isinstance(held, Hop):
        further = (_condition(context, view, held),)
    else:
        filters = (held,)
    return plan(
        SearchRequest(target, filters),
        systems=context.systems,
        owner=view.owner_for(target),
        cross_person_types=context.cross_person_types,
        further=further,
    )


def _check(hop: Hop, target: str, found: int) -> None:
    if found > MOST:
        raise _too_many(hop, target)


def _too_many(hop: Hop, target: str) -> FhirError:
    text = f"`{hop.name}` leads to more than {MOST} of type {target}. Ask for less of it."
    return refuse("too-costly", text)
