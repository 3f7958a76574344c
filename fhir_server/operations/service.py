"""`$service`: let a third-party service read some categories of the record, or no longer."""

from __future__ import annotations

from typing import Final

from fhir_server.access.choices import Period, PersonChoices, Service, with_service, without_service
from fhir_server.interactions.choice_calls import (
    END,
    check_person,
    definition,
    end_of,
    flag_of,
    row,
    text_of,
)
from fhir_server.interactions.choosing import Change, choose, governing
from fhir_server.interactions.context import Context
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.request import Reply, Request
from fhir_server.model.outcome import refuse
from profiles.definitions import OperationParameter

DEFINITION: Final = definition(
    "service",
    OperationParameter("client", "in", 1, 1, "string"),
    OperationParameter("category", "in", 0, None, "code"),
    END,
    OperationParameter("remove", "in", 0, 1, "boolean"),
)


def service(context: Context, request: Request) -> Reply:
    """Connect the service, or disconnect it with `remove=true`, and return what is in force then.

    Raises FhirError `illegal-choice`, and those of the call.
    """
    check_person(request)
    given = read_input(context, request, DEFINITION.url)
    client, policy = text_of(given, "client") or "", governing(context)
    categories = tuple(sorted({str(one) for one in given.get("category", ())}))
    until, remove = end_of(context, given), flag_of(given, "remove")
    if remove and (categories or until is not None):
        raise refuse("illegal-choice", "A service that is disconnected has neither `category` nor `end`.")

    def connected(before: PersonChoices) -> Change:
        if remove:
            return Change(without_service(policy, before, client, request.now))
        granted = Service(client, categories, Period(None, until))
        return Change(with_service(policy, before, granted, request.now))

    return choose(context, request, connected)


INTERACTIONS = (row(DEFINITION, service),)
