"""A page out of what was found in the direction of its walk: its entries in order, and where to go on."""

from __future__ import annotations

from dataclasses import replace

from fhir_server.model.document import Stored
from fhir_server.model.plan import Page, Plan, Position


def is_backward(plan: Plan) -> bool:
    """Return whether the page is walked from its end: the one before another page."""
    return plan.after is not None and plan.after.backward


def page_of(entries: list[Stored], positions: list[Position], plan: Plan) -> Page:
    """Return the page of what was found in the direction of the walk: one entry more than it holds at most.

    `positions` are those of the entries.
    """
    more, backward = len(entries) > plan.count, is_backward(plan)
    listed, places = entries[: plan.count], positions[: plan.count]
    if not listed:
        return Page(())
    if backward:
        listed, places = listed[::-1], places[::-1]
    follows = backward or more
    precedes = more if backward else plan.after is not None
    return Page(
        # A deletion among them is what a person whose keys were destroyed has left: it only has a place.
        tuple(entry for entry in listed if not entry.deleted),
        places[-1] if follows else None,
        replace(places[0], backward=True) if precedes else None,
    )
