"""`$show`: no longer hide one item, everything, or what is yet to come.

It takes off one label, never another.  With `label`,
a professional shows what it deposited and withheld: an announcement that was made.
Spec: https://hl7.org/fhir/R4/security-labels.html
"""

from __future__ import annotations

from typing import Final

from fhir_server.interactions.choice_calls import definition, row
from fhir_server.interactions.context import Context
from fhir_server.interactions.hiding import ALL, FUTURE, LABEL, hidden
from fhir_server.interactions.request import Reply, Request

DEFINITION: Final = definition("show", ALL, FUTURE, LABEL, resources=("Resource",))


def show(context: Context, request: Request) -> Reply:
    """Show what is addressed and return what is in force then.

    Raises FhirError `illegal-choice`, `refused`, `not-found`, and those of the call.
    """
    return hidden(context, request, DEFINITION.url, on=False)


INTERACTIONS = (row(DEFINITION, show),)
