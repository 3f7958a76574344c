"""The parameters of a history, at whatever level.  Spec: https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Pairs, Request
from fhir_server.model.history import HistoryPlan, Place
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.plan import Position
from fhir_server.model.temporal import Interval, format_instant, parse_interval
from fhir_server.search.result_parameters import CURSOR

NEWEST_FIRST, OLDEST_FIRST = "-_lastUpdated", "_lastUpdated"
MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Asked:
    """A history that was understood; `used` are the pairs of its self link, the cursor left out."""

    plan: HistoryPlan
    digest: bytes
    used: Pairs = ()
    only_total: bool = False


def read_parameters(context: Context, request: Request) -> Asked:
    """Return what is asked.

    Raises FhirError `illegal-parameter-value`, `illegal-cursor`, and `unknown-parameter` when the client
    asks to be strict.
    """
    plan = HistoryPlan(request.resource_type or None, request.id or None, count=context.limits.page_size)
    used: list[tuple[str, str]] = []
    cursor: str | None = None
    for name, value in request.query:
        if name == CURSOR:
            cursor = value
        elif name in PARAMETERS:
            plan = PARAMETERS[name](context, plan, value)
            used.append((name, value))
        elif name in SHAPES:
            used.append((name, value))
        elif request.prefer.strict:
            raise refuse("unknown-parameter", f"A history knows {', '.join(sorted(PARAMETERS))}.")
    digest = _digest(plan)
    if cursor is not None:
        plan = replace(plan, after=_place(context.cursors.open(cursor, digest, request.view.digest)))
    only_total = plan.count == 0 or ("_summary", "count") in used
    return Asked(plan, digest, tuple(used), only_total)


def cursor_after(context: Context, request: Request, asked: Asked, place: Place) -> str:
    """Return the cursor of the page that begins behind a place."""
    name = f"{place.resource_type}/{place.id}/{place.version}"
    position = Position(place.updated, place.seq, name)
    return context.cursors.seal(position, asked.digest, request.view.digest)


def _place(position: Position) -> Place:
    if position.sort is None:
        raise refuse("illegal-cursor", "This `_cursor` is of no history.")
    resource_type, id, version = position.id.split("/")
    return Place(position.sort, position.seq, resource_type, id, int(version))


def _digest(plan: HistoryPlan) -> bytes:
    at = None if plan.at is None else [format_instant(plan.at.start), format_instant(plan.at.end)]
    since = None if plan.since is None else format_instant(plan.since)
    told = ["history", plan.resource_type, plan.id, since, at, plan.descending]
    return hashlib.sha256(json.dumps(told).encode()).digest()


def _count(context: Context, plan: HistoryPlan, value: str) -> HistoryPlan:
    if not (value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS):
        raise refuse("illegal-parameter-value", "_count holds a whole number.")
    return replace(plan, count=min(int(value), context.limits.page_size_max))


def _since(context: Context, plan: HistoryPlan, value: str) -> HistoryPlan:
    return replace(plan, since=_interval(context, "_since", value).start)


def _at(context: Context, plan: HistoryPlan, value: str) -> HistoryPlan:
    return replace(plan, at=_interval(context, "_at", value))


def _sort(_context: Context, plan: HistoryPlan, value: str) -> HistoryPlan:
    if value not in (NEWEST_FIRST, OLDEST_FIRST):
        text = f"A history is sorted by {NEWEST_FIRST} (its default) or {OLDEST_FIRST}."
        raise refuse("illegal-parameter-value", text)
    return replace(plan, descending=value == NEWEST_FIRST)


def _interval(context: Context, name: str, value: str) -> Interval:
    # A `+` that a client forgot to encode arrives as a space.
    interval = parse_interval(value.replace(" ", "+"), context.zone)
    if interval is None:
        raise _no_date(name)
    return interval


def _no_date(name: str) -> FhirError:
    text = f"{name} holds a date or an instant: 2026-11-22T08:00:00Z, for instance."
    return refuse("illegal-parameter-value", text)


PARAMETERS: Mapping[str, Callable[[Context, HistoryPlan, str], HistoryPlan]] = {
    "_count": _count,
    "_since": _since,
    "_at": _at,
    "_sort": _sort,
}
SHAPES = frozenset({"_format", "_pretty", "_summary", "_elements"})
"""Parameters of the answer's form, read elsewhere; next links keep them."""
