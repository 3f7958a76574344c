"""history-instance: the versions of one resource.  Spec: https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

from fhir_server.interactions.context import Context
from fhir_server.interactions.history import history
from fhir_server.interactions.read import not_found
from fhir_server.interactions.request import Reply, Request


def history_instance(context: Context, request: Request) -> Reply:
    """Return the versions of one resource, also of a deleted one.

    Raises FhirError `not-found` and those of `history`.
    """
    reply = history(context, request)
    if not reply.shown and context.records.read(request.resource_type, request.id, request.view) is None:
        raise not_found()
    return reply
