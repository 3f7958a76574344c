"""`$cross-border-choice`: whether the record may be fetched from abroad, by whom and what of it."""

from __future__ import annotations

from typing import Final

from fhir_server.access.choices import CrossBorder, PersonChoices, with_cross_border
from fhir_server.interactions.choice_calls import check_person, definition, flag_of, row
from fhir_server.interactions.choosing import Change, choose, governing
from fhir_server.interactions.context import Context
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.request import Reply, Request
from profiles.definitions import OperationParameter

DEFINITION: Final = definition(
    "cross-border-choice",
    OperationParameter("allowed", "in", 1, 1, "boolean"),
    OperationParameter("country", "in", 0, None, "code"),
    OperationParameter("category", "in", 0, None, "code"),
)


def cross_border_choice(context: Context, request: Request) -> Reply:
    """Choose for requests from abroad and return what is in force then.

    Raises FhirError `illegal-choice`, and those of the call.
    """
    check_person(request)
    given = read_input(context, request, DEFINITION.url)
    policy = governing(context)
    chosen = CrossBorder(
        bool(flag_of(given, "allowed")),
        tuple(sorted({str(one) for one in given.get("country", ())})),
        tuple(sorted({str(one) for one in given.get("category", ())})),
    )

    def crossed(before: PersonChoices) -> Change:
        return Change(with_cross_border(policy, before, chosen, request.now))

    return choose(context, request, crossed)


INTERACTIONS = (row(DEFINITION, cross_border_choice),)
