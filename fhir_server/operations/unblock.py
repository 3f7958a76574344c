"""`$unblock`: let a party in again as far as other choices do."""

from __future__ import annotations

from functools import reduce
from typing import Final

from fhir_server.access.choices import PersonChoices, without_block
from fhir_server.interactions.choice_calls import PARTY, check_person, definition, parties_of, row
from fhir_server.interactions.choosing import Change, choose, governing
from fhir_server.interactions.context import Context
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.request import Reply, Request

DEFINITION: Final = definition("unblock", *PARTY)


def unblock(context: Context, request: Request) -> Reply:
    """No longer keep the party out and return what is in force then.

    Raises FhirError `illegal-choice`, `unresolved-reference`, and those of the call.
    """
    check_person(request)
    given = read_input(context, request, DEFINITION.url)
    parties, policy = parties_of(context, request, given), governing(context)

    def unblocked(before: PersonChoices) -> Change:
        return Change(
            reduce(lambda made, one: without_block(policy, made, one, request.now), parties, before)
        )

    return choose(context, request, unblocked)


INTERACTIONS = (row(DEFINITION, unblock),)
