"""Predicates and conditions as MongoDB filters.

Every value stands behind `$eq`, `$in`, `$nin` or a range operator, so nothing that a client sends can become
an operator.  Ranges on arrays go through `$elemMatch` only: without it each half of the range may be
satisfied by another entry, and the result is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar

from fhir_server.model import plan, predicate
from fhir_server.model.plan import Condition
from fhir_server.model.predicate import Predicate
from fhir_server.store.distance import distance_filter
from fhir_server.store.values import amount_key, decimal128, millis_down, millis_up

Filter = dict[str, Any]

SPAN_CLASSES: Final = (("d", timedelta(days=1)), ("m", timedelta(days=31)), ("l", None))
"""Span class of a stored range and how long such a range is at most (None: any length)."""

SLACK: Final = timedelta(milliseconds=2)
"""By how much a stored range can be longer than its class: its ends are rounded to milliseconds."""

T = TypeVar("T")

LARGEST = "\U0010ffff"
_NEVER: Final[Filter] = {"_id": {"$in": []}}


def never() -> Filter:
    """Return the filter that no document passes."""
    return {"_id": {"$in": []}}


@lru_cache(maxsize=2048)
def predicate_filter(wanted: Predicate) -> Filter:
    """Return the filter of the documents that the predicate holds for; never to be changed in place."""
    match wanted:
        case predicate.Everything():
            return {}
        case predicate.Nothing():
            return never()
        case predicate.OwnerIs(owner):
            return {"owner": {"$eq": owner}}
        case predicate.VisibilityIn(values):
            return _one_of("visibility", values)
        case predicate.LabelsExclude(labels):
            return _none_of("access.labels", labels)
        case predicate.AuthorIn(authors):
            return _one_of("access.author", authors)
        case predicate.OpensBy(instant):
            return {"access.from": {"$lte": millis_down(instant)}}
        case predicate.SourcesExclude(sources):
            return _none_of("access.source", sources)
        case predicate.IdIn(ids):
            return _one_of("_id", ids)
        case predicate.AllOf(parts):
            return all_of([predicate_filter(part) for part in parts])
        case predicate.AnyOf(parts):
            return any_of([predicate_filter(part) for part in parts])
        case predicate.Not(part):
            return {"$nor": [predicate_filter(part)]}


@lru_cache(maxsize=2048)
def condition_filter(wanted: Condition) -> Filter:
    """Return the filter of the documents that satisfy the condition; never to be changed in place."""
    match wanted:
        case plan.Has(field, values):
            return {f"search.{field}": {"$in": list(values)}}
        case plan.StartsWith(field, prefixes):
            return any_of([_starts_with(field, prefix) for prefix in prefixes])
        case plan.Contains(field, prefix, parts, at_end):
            return any_of([_contains(field, prefix, part, at_end) for part in parts])
        case plan.DateWithin():
            return _date_within(wanted)
        case plan.AmountWithin():
            return _amount_within(wanted)
        case plan.WithinDistance():
            return distance_filter(wanted)
        case plan.UpdatedWithin(from_, before):
            return _range("updated", {"$gte": _given(millis_down, from_), "$lt": _given(millis_up, before)})
        case plan.IdIn(ids):
            return {"_id": {"$in": list(ids)}}
        case plan.OwnerIn(owners):
            return {"owner": {"$in": list(owners)}}
        case plan.And(parts):
            return all_of([condition_filter(part) for part in parts])
        case plan.Or(parts):
            return any_of([condition_filter(part) for part in parts])
        case plan.Negation(part):
            return {"$nor": [condition_filter(part)]}


@lru_cache(maxsize=2048)
def residual_filter(wanted: Condition) -> Filter:
    """Return the same filter in a form that never supplies the bounds of a token index, nor to be changed.

    Behind a leading scalar the planner takes the first token that it meets; the driver has to be it.
    """
    if isinstance(wanted, plan.Has) and wanted.field == "token":
        return {"$nor": [{"search.token": {"$nin": list(wanted.values)}}]}
    built = condition_filter(wanted)
    return {"$nor": [{"$nor": [built]}]} if _mentions_token(wanted) else built


def all_of(parts: list[Filter]) -> Filter:
    """Return the filter that passes what every part passes; of no parts, everything.

    It is flat as far as no two parts test one field, and what two parts say alike is said once: the person of
    the View and of the plan.
    """
    together: Filter = {}
    beside: list[Filter] = []
    for part in parts:
        if part == _NEVER:
            return never()
        for field, test in _tests([part]) if "$and" in part else part.items():
            if field not in together:
                together[field] = test
            elif together[field] != test:
                beside.append({field: test})
    return {**together, "$and": beside} if beside else together


def any_of(parts: list[Filter]) -> Filter:
    """Return the filter that passes what at least one part passes; of no parts, nothing."""
    if {} in parts:
        return {}
    real = [part for part in parts if part != never()]
    if len(real) < 2:
        return real[0] if real else never()
    return {"$or": real}


def _tests(parts: Iterable[Filter]) -> Iterator[tuple[str, Any]]:
    """Yield fields with their tests, and operators over filters, that all have to hold."""
    for part in parts:
        for field, test in part.items():
            if field == "$and":
                yield from _tests(test)
            else:
                yield field, test


def _one_of(field: str, values: Collection[Any]) -> Filter:
    return {field: {"$eq": next(iter(values))} if len(values) == 1 else {"$in": sorted(values)}}


def _none_of(field: str, values: Collection[Any]) -> Filter:
    return {field: {"$nin": sorted(values)}} if values else {}


def _mentions_token(wanted: Condition) -> bool:
    match wanted:
        case plan.Has(field, _) | plan.StartsWith(field, _) | plan.Contains(field, _, _, _):
            return field == "token"
        case plan.And(parts) | plan.Or(parts):
            return any(_mentions_token(part) for part in parts)
        case plan.Negation(part):
            return _mentions_token(part)
        case _:
            return False


def _starts_with(field: str, prefix: str) -> Filter:
    return {f"search.{field}": {"$elemMatch": _beginning(prefix)}}


def _beginning(prefix: str) -> Filter:
    return {"$gte": prefix, "$lt": prefix + LARGEST}


def _contains(field: str, prefix: str, part: str, at_end: bool) -> Filter:
    if "\x00" in prefix + part:
        return never()  # a regular expression cannot hold a NUL, and no stored entry does
    return {f"search.{field}": {"$elemMatch": _pattern(prefix, part, at_end=at_end)}}


def _pattern(prefix: str, part: str, *, at_end: bool = False) -> Filter:
    end = r"\z" if at_end else ""
    return {"$regex": "^" + re.escape(prefix) + ".*" + re.escape(part) + end, "$options": "s"}


def _date_within(wanted: plan.DateWithin) -> Filter:
    return any_of([_dates_of_class(wanted, name, longest) for name, longest in SPAN_CLASSES])


def _dates_of_class(wanted: plan.DateWithin, name: str, longest: timedelta | None) -> Filter:
    low = {"$gte": _given(millis_down, wanted.low_from), "$lt": _given(millis_up, wanted.low_before)}
    high = {"$gt": _given(millis_down, wanted.high_after), "$lte": _given(millis_up, wanted.high_to)}
    # Only `lo` bounds the index walk: what is known of `hi` and of the span is said of `lo` as well.
    if low["$gte"] is None and longest is not None and wanted.high_after is not None:
        low["$gte"] = _before(wanted.high_after, longest + SLACK)
    if low["$lt"] is None and high["$lte"] is not None:
        low = {"$gte": low["$gte"], "$lte": high["$lte"]}
    entry: Filter = {"k": {"$eq": f"{wanted.code}:{name}"}}
    entry |= _range("lo", low) | _range("hi", high)
    return {"search.date": {"$elemMatch": entry}}


def _amount_within(wanted: plan.AmountWithin) -> Filter:
    if "\x00" in wanted.part:
        return never()  # see `_contains`
    return any_of([_points(wanted), _ranges(wanted)])


def _points(wanted: plan.AmountWithin) -> Filter:
    """A single value is both ends at once, so every bound is one on `lo`, which the index holds."""
    low_from, high_after = _given(decimal128, wanted.low_from), _given(decimal128, wanted.high_after)
    low_before, high_to = _given(decimal128, wanted.low_before), _given(decimal128, wanted.high_to)
    bounds = {"$gte": low_from, "$gt": high_after, "$lt": low_before, "$lte": high_to}
    entry = {"k": _key(wanted, point=True), **_range("lo", bounds)}
    return {f"search.{wanted.field}": {"$elemMatch": entry}}


def _ranges(wanted: plan.AmountWithin) -> Filter:
    low = {"$gte": _given(decimal128, wanted.low_from), "$lt": _given(decimal128, wanted.low_before)}
    high = {"$gt": _given(decimal128, wanted.high_after), "$lte": _given(decimal128, wanted.high_to)}
    entry = {"k": _key(wanted, point=False), **_range("lo", low), **_range("hi", high)}
    return {f"search.{wanted.field}": {"$elemMatch": entry}}


def _key(wanted: plan.AmountWithin, *, point: bool) -> Filter:
    key = amount_key(wanted.key, point=point)
    if not wanted.begins:
        return {"$eq": key}
    within = _beginning(key)
    if wanted.part:
        within |= _pattern(key, wanted.part)  # it tests; the range beside it bounds the index walk
    return within


def _given(convert: Callable[[T], Any], value: T | None) -> Any:
    return None if value is None else convert(value)


def _range(field: str, bounds: Filter) -> Filter:
    given = {operator: bound for operator, bound in bounds.items() if bound is not None}
    return {field: given} if given else {}


def _before(instant: datetime, span: timedelta) -> datetime:
    try:
        return millis_down(instant - span)
    except OverflowError:
        return instant.min.replace(tzinfo=instant.tzinfo)
