"""`$emergency-switch`: allow or refuse each kind of access in an emergency.

The names of the switches are those of the policy.
"""

from __future__ import annotations

from typing import Final

from fhir_server.access.choices import PersonChoices, with_switch
from fhir_server.interactions.choice_calls import check_person, definition, flag_of, row, text_of
from fhir_server.interactions.choosing import Change, choose, governing
from fhir_server.interactions.context import Context
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.request import Reply, Request
from profiles.definitions import OperationParameter

DEFINITION: Final = definition(
    "emergency-switch",
    OperationParameter("switch", "in", 1, 1, "code"),
    OperationParameter("on", "in", 1, 1, "boolean"),
)


def emergency_switch(context: Context, request: Request) -> Reply:
    """Turn the switch and return what is in force then.

    Raises FhirError `illegal-choice`, and those of the call.
    """
    check_person(request)
    given = read_input(context, request, DEFINITION.url)
    name, on, policy = text_of(given, "switch") or "", bool(flag_of(given, "on")), governing(context)

    def switched(before: PersonChoices) -> Change:
        return Change(with_switch(policy, before, name, on, request.now))

    return choose(context, request, switched)


INTERACTIONS = (row(DEFINITION, emergency_switch),)
