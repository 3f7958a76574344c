"""history-type: the versions of every resource of a type.

Spec: https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

from fhir_server.interactions.context import Context
from fhir_server.interactions.history import history
from fhir_server.interactions.request import Reply, Request


def history_type(context: Context, request: Request) -> Reply:
    """Return the versions of all resources of one type, merged by their update time.

    Raises FhirError `illegal-parameter-value`, `illegal-cursor`, `unknown-parameter`.
    """
    return history(context, request)
