"""`$block`: keep a professional or an establishment out, whatever else is chosen.

All identifiers of a party that is looked up are blocked.  The treating doctor cannot be: see `$set-role`.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

from fhir_server.access.choices import PersonChoices, with_block
from fhir_server.interactions.choice_calls import PARTY, check_person, definition, parties_of, row
from fhir_server.interactions.choosing import Change, choose, governing
from fhir_server.interactions.context import Context
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.request import Reply, Request

DEFINITION: Final = definition("block", *PARTY)


def block(context: Context, request: Request) -> Reply:
    """Keep the party out and return what is in force then.

    Raises FhirError `illegal-choice`, `unresolved-reference`, and those of the call.
    """
    check_person(request)
    given = read_input(context, request, DEFINITION.url)
    parties, policy = parties_of(context, request, given), governing(context)

    def blocked(before: PersonChoices) -> Change:
        return Change(reduce(lambda made, one: with_block(policy, made, one, request.now), parties, before))

    return choose(context, request, blocked)


INTERACTIONS = (row(DEFINITION, block),)
