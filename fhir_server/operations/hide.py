"""`$hide`: keep one item, everything, or what is yet to come from professionals, but for their own deposits.

On a Patient: `all=true`, `future=true`.  On any other resource of a record: that resource.
Spec: https://hl7.org/fhir/R4/security-labels.html
"""

from __future__ import annotations

from typing import Final

from fhir_server.interactions.choice_calls import definition, row
from fhir_server.interactions.context import Context
from fhir_server.interactions.hiding import ALL, FUTURE, LABEL, hidden
from fhir_server.interactions.request import Reply, Request

DEFINITION: Final = definition("hide", ALL, FUTURE, LABEL, resources=("Resource",))


def hide(context: Context, request: Request) -> Reply:
    """Hide what is addressed and return what is in force then.

    Raises FhirError `illegal-choice`, `forbidden-labels`, `refused`, `not-found`, and those of the call.
    """
    return hidden(context, request, DEFINITION.url, on=True)


INTERACTIONS = (row(DEFINITION, hide),)
