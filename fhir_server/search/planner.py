"""From a request to a bound plan: which index opens it, what drives it, whose record it is in.

The choice follows fixed tables, never the data, so that its cost tells nothing about what is hidden.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from fhir_server.model.plan import (
    And,
    Condition,
    DateWithin,
    Driver,
    Negation,
    OwnerIn,
    Plan,
    Position,
)
from fhir_server.search.candidates import candidates
from fhir_server.search.date_bounds import common, merged
from fhir_server.search.opening import opening_across, opening_in_record
from fhir_server.search.pairing import paired
from fhir_server.search.parameter import Filter, Parameter
from fhir_server.search.parameter_type import SystemsOf
from fhir_server.search.parameter_types import type_of
from fhir_server.search.ports import Systems
from fhir_server.search.request import MISSING, SearchRequest
from fhir_server.search.simplify import simplified
from fhir_server.search.sort_bounds import reach_of, sort_bounds

EVERY_TYPE = "*"


def plan(
    request: SearchRequest,
    *,
    systems: Systems,
    owner: str | None = None,
    cross_person_types: Collection[str] | None = None,
    after: Position | None = None,
    further: Sequence[Condition] = (),
) -> Plan:
    """Return the plan of a request.

    `owner` is the person that the View is about, if any; else the request's own `patient=` or `subject=`
    names it.  `cross_person_types` are the types that have the token index across persons, None (or `*`
    among them) is every type.  `after` is the position that a next link carried.  `further` conditions hold
    beside those of the request: what its hops lead to, or a compartment.
    """

    known: dict[str, Sequence[str]] = {}

    def systems_of(parameter: str) -> Sequence[str]:
        if parameter not in known:
            known[parameter] = systems.of(request.resource_type, parameter)
        return known[parameter]

    bound = [_bound(each, systems_of) for each in request.filters]
    dates = list(_dates(zip(request.filters, bound)))
    owner, conditions = _together(owner, bound, further)
    # A computed order is made of what is found, in whatever order that is.
    computed = request.order if request.order is not None and request.order.keys else None
    order = request.order if computed is None else None
    reach, weighed = None, tuple[Driver, ...]()
    if owner is not None:
        reach = reach_of(dates)
        opening = opening_in_record(conditions, order)
    else:
        across = _has_token_index(request.resource_type, cross_person_types)
        driver = _narrowest(dates)
        opening = opening_across(conditions, order, by_token=across, dates=driver)
        joined = tuple(paired(request.filters, request.pairings, systems_of))
        weighed = candidates(conditions, opening, by_token=across, dates=driver, joined=joined)
        if opening.driver is not None and opening.driver not in conditions:
            conditions.append(opening.driver)
    from_, before = sort_bounds(dates)
    return Plan(
        request.resource_type, tuple(conditions), owner, opening.index, opening.driver,
        computed or opening.order, request.count, after, from_, before, reach, weighed,
    )  # fmt: skip


def _has_token_index(resource_type: str, cross_person_types: Collection[str] | None) -> bool:
    return cross_person_types is None or not {resource_type, EVERY_TYPE}.isdisjoint(cross_person_types)


def _dates(bound: Iterable[tuple[Filter, Condition]]) -> Iterable[tuple[Parameter, DateWithin]]:
    """Yield what each date filter implies for the ranges that satisfy it."""
    for filter, condition in bound:
        implied = common(condition) if filter.modifier is None else None
        if implied is not None:
            yield filter.parameter, implied


def _narrowest(dates: Sequence[tuple[Parameter, DateWithin]]) -> DateWithin | None:
    """Return the bounds to walk a date index by; only of a single range do several filters add up."""
    if not dates:
        return None
    first, bounds = dates[0]
    return merged(range_ for parameter, range_ in dates if parameter == first) if first.single else bounds


def _bound(filter: Filter, systems: SystemsOf) -> Condition:
    kind = type_of(filter.parameter)
    if filter.modifier == MISSING and kind.present is not None:
        present = kind.present(filter.parameter)
        return Negation(present) if filter.values[0] else present
    return kind.bind(filter, systems)


def _flat(conditions: Iterable[Condition]) -> Iterable[Condition]:
    for condition in conditions:
        if isinstance(condition, And):
            yield from _flat(condition.parts)
        else:
            yield condition


def _together(
    owner: str | None, bound: Iterable[Condition], further: Sequence[Condition]
) -> tuple[str | None, list[Condition]]:
    """Return whose record is searched, and all conditions as short as that makes them."""
    owner, conditions = _owner(owner, list(_flat([*bound, *(simplified(one, owner) for one in further)])))
    if further and owner is not None:
        conditions = list(dict.fromkeys(_flat(simplified(one, owner) for one in conditions)))
    return owner, conditions


def _owner(owner: str | None, conditions: list[Condition]) -> tuple[str | None, list[Condition]]:
    rest: list[Condition] = []
    for condition in conditions:
        if isinstance(condition, OwnerIn) and len(condition.owners) == 1:
            if owner is None:
                owner = condition.owners[0]
            if owner == condition.owners[0]:
                continue
        rest.append(condition)
    return owner, list(dict.fromkeys(rest))
