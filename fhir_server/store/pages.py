"""A page out of what was found in the direction of its walk: its entries in order, and where to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fhir_server.model.document import Stored
from fhir_server.model.plan import Page, Plan, Position


def is_backward(plan: Plan) -> bool:
    """Return whether the page is walked from its end: the one before another page."""
    return plan.after is not None and plan.after.backward


def page_of(entries: list[Stored], position: Callable[[int], Position], plan: Plan) -> Page:
    """Return the page of what was found in the direction of the walk: one entry more than it holds at most.

    `position` gives that of an entry by its place among them.
    """
    more, backward, placed = len(entries) > plan.count, is_backward(plan), plan.placed
    listed = entries[: plan.count]
    if not listed:
        return Page(())
    first, last = 0, len(listed) - 1
    places = tuple([position(at) for at in range(len(listed))]) if placed else ()
    if backward:
        listed, places, first, last = listed[::-1], places[::-1], last, first
    follows = backward or more
    precedes = more if backward else plan.after is not None
    return Page(
        # A deletion among them is what a person whose keys were destroyed has left: it only has a place.
        tuple([entry for entry in listed if placed or not entry.deleted]),
        position(last) if follows else None,
        replace(position(first), backward=True) if precedes else None,
        places,
    )
