"""`$withdraw`: end what a party was authorised to, in one relation or in all."""

from __future__ import annotations

from functools import reduce
from typing import Final

from fhir_server.access.choices import PersonChoices, without_authorisation
from fhir_server.interactions.choice_calls import (
    PARTY,
    check_person,
    definition,
    parties_of,
    row,
    text_of,
)
from fhir_server.interactions.choosing import Change, choose, governing
from fhir_server.interactions.context import Context
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.request import Reply, Request
from profiles.definitions import OperationParameter

DEFINITION: Final = definition("withdraw", *PARTY, OperationParameter("relation", "in", 0, 1, "code"))


def withdraw(context: Context, request: Request) -> Reply:
    """End the authorisation and return what is in force then.

    Raises FhirError `illegal-choice`, `unresolved-reference`, and those of the call.
    """
    check_person(request)
    given = read_input(context, request, DEFINITION.url)
    parties, policy = parties_of(context, request, given), governing(context)
    relation = text_of(given, "relation")

    def withdrawn(before: PersonChoices) -> Change:
        def ended(made: PersonChoices, party: str) -> PersonChoices:
            return without_authorisation(policy, made, party, request.now, relation)

        return Change(reduce(ended, parties, before))

    return choose(context, request, withdrawn)


INTERACTIONS = (row(DEFINITION, withdraw),)
