"""Hiding and showing: one item, all, what is yet to come; and the labels that others than the person set."""

from __future__ import annotations

from typing import Final

from fhir_server.access.choices import (
    PersonChoices,
    with_hidden,
    with_hide_all,
    with_hide_future,
    without_hidden,
)
from fhir_server.access.policy import MASKED, WITHHELD_FROM_PERSON, WITHHELD_FROM_REPRESENTATIVES
from fhir_server.interactions.choice_calls import PATIENT, Given, flag_of, text_of
from fhir_server.interactions.choosing import Change, choose, governing, sees_choices
from fhir_server.interactions.context import Context
from fhir_server.interactions.item_labels import check_labelled_type, known_label, labelled
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.request import Reply, Request
from fhir_server.model.outcome import refuse
from profiles.definitions import OperationParameter

ALL: Final = OperationParameter("all", "in", 0, 1, "boolean")
FUTURE: Final = OperationParameter("future", "in", 0, 1, "boolean")
LABEL: Final = OperationParameter("label", "in", 0, 1, "code")


def hidden(context: Context, request: Request, definition: str, *, on: bool) -> Reply:
    """Hide (`on`) or show what is addressed.  Raises FhirError `illegal-choice` and those of the choice."""
    given = read_input(context, request, definition)
    if request.resource_type == PATIENT:
        return choose(context, request, lambda before: _whole(context, request, given, before, on))
    if "all" in given or "future" in given:
        raise refuse("illegal-choice", "`all` and `future` are chosen on the Patient.")
    label = text_of(given, "label") or MASKED
    check_labelled_type(governing(context), request)
    known_label(governing(context), label)
    return choose(context, request, lambda before: _item(context, request, before, label, on))


def _whole(context: Context, request: Request, given: Given, before: PersonChoices, on: bool) -> Change:
    policy = governing(context)
    everything, future = flag_of(given, "all"), flag_of(given, "future")
    if "label" in given or not (everything or future) or False in (everything, future):
        text = "On a Patient, say `all=true`, `future=true`, or both; one item is addressed itself."
        raise refuse("illegal-choice", text)
    after = before
    if everything:
        after = with_hide_all(policy, after, on, request.now)
    if future:
        after = with_hide_future(policy, after, on, request.now)
    return Change(after)


def _item(context: Context, request: Request, before: PersonChoices, label: str, on: bool) -> Change:
    change = labelled(context, request, before, label, on)
    after = before
    if label == MASKED and sees_choices(context, request):
        policy, name = governing(context), f"{request.resource_type}/{request.id}"
        if on:
            secretly = request.actor.secret or WITHHELD_FROM_REPRESENTATIVES in change.labels
            after = with_hidden(policy, before, name, request.now, secretly=secretly)
        else:
            after = without_hidden(policy, before, name, request.now)
    releases = change.documents if label == WITHHELD_FROM_PERSON and not on else ()
    return Change(after, change.rewrites, change.relabels, change.flows, releases, (change.entity,))
