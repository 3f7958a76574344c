"""history-system: the versions of every resource of the server.

Spec: https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

from fhir_server.interactions.context import Context
from fhir_server.interactions.history import history
from fhir_server.interactions.request import Reply, Request


def history_system(context: Context, request: Request) -> Reply:
    """Return the versions of all resources of all types, merged by their update time.

    Raises FhirError `illegal-parameter-value`, `illegal-cursor`, `unknown-parameter`.
    """
    return history(context, request)
