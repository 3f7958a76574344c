"""Searches that were understood, remembered: the same question asked again is neither read nor planned anew.

What a search says follows from its words, the definitions, and who asks about whom; only that is remembered,
and under all of it.  Remembered plans hold no predicate of a View: that is added to each query by the store,
as the decision of the very request has it.  Never remembered is what follows from anything that can change:
the instant (`ap` before a date), what the database holds (chains), a place in pages.  The systems of codes
without one are asked each time, and what was planned counts for as long as they are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fhir_server.interactions.answering import digest_within
from fhir_server.interactions.context import Context
from fhir_server.interactions.planning import planned
from fhir_server.interactions.request import Request
from fhir_server.model.plan import Plan, Position
from fhir_server.search.memory import Key, Understood, Written
from fhir_server.search.ports import Systems
from fhir_server.search.request import SearchRequest, parse, query_digest
from fhir_server.search.result_parameters import CURSOR

LONGEST: Final = 1_000
"""Characters of the longest query that is remembered."""


@dataclass(slots=True)
class _Watched:
    """`search.ports.Systems` that notes what it was asked and told."""

    systems: Systems
    told: list[Written] = field(default_factory=list)

    def of(self, resource_type: str, parameter: str) -> Sequence[str]:
        found = self.systems.of(resource_type, parameter)
        self.told.append((resource_type, parameter, tuple(found)))
        return found


@dataclass(frozen=True, slots=True)
class Search:
    """A search that was understood, bound to its page."""

    asked: SearchRequest
    bound: Plan
    digest: bytes


def understood(context: Context, request: Request) -> Search:
    """Return what is asked of one type, planned inside the View of the request.

    Raises FhirError as `search.request.parse`, `Cursors.open` and `planned`.
    """
    key = _key(request)
    known = None if key is None else context.searches.get(key, context.indexer.catalogue)
    if known is not None and known.plan is not None and _still_all(context, known.systems):
        return Search(known.asked, known.plan, known.digest)
    read = known or _read(context, request)
    after = None
    if read.asked.page.cursor is not None:
        after = context.cursors.open(read.asked.page.cursor, read.digest, request.view.digest)
    bound, told = _planned(context, request, read.asked, after)
    if key is not None and not read.asked.timed and (known is None or known.plan is not None):
        plan = None if read.asked.hops else bound
        context.searches.put(key, replace(read, plan=plan, systems=told))
    return Search(read.asked, bound, read.digest)


def _key(request: Request) -> Key | None:
    """Return all that a search follows from beside the definitions; None where it is not remembered."""
    length = 0
    for name, value in request.query:
        length += len(name) + len(value)
        if name == CURSOR:
            return None
    if length > LONGEST:
        return None
    view, asked_of = request.view, request.resource_type
    return (
        view.digest, view.owner_for(asked_of), asked_of, request.compartment, request.query,
        request.prefer.strict,
    )  # fmt: skip


def _read(context: Context, request: Request) -> Understood:
    catalogue = context.indexer.catalogue
    asked = parse(
        catalogue, request.resource_type, request.query, now=request.now, strict=request.prefer.strict
    )
    if not any(name == "_count" for name, _ in asked.used):
        asked = replace(asked, page=replace(asked.page, count=context.limits.page_size))
    return Understood(asked, digest_within(request, query_digest(asked)), catalogue=catalogue)


def _planned(
    context: Context, request: Request, asked: SearchRequest, after: Position | None
) -> tuple[Plan, tuple[Written, ...]]:
    """Return the plan and the code systems that it follows from."""
    watched = _Watched(context.systems)
    bound = planned(context, request, asked, after, watched)
    return bound, tuple(watched.told)


def _still_all(context: Context, systems: Iterable[Written]) -> bool:
    """Return whether codes were written with these systems and no other, up to now."""
    return all(tuple(context.systems.of(of_type, name)) == known for of_type, name, known in systems)
