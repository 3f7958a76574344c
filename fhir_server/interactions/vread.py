"""vread: one version of a resource.  Spec: https://hl7.org/fhir/R4/http.html#vread"""

from __future__ import annotations

from fhir_server.interactions.context import Context
from fhir_server.interactions.read import not_found, reply_of
from fhir_server.interactions.request import Reply, Request

MAX_DIGITS = 9


def vread(context: Context, request: Request) -> Reply:
    """Return the version, whatever came after it.

    Raises FhirError `not-found` 404, `deleted` 410 for the version that is the deletion.
    """
    text = request.version_id
    # Version ids of this server are plain numbers without leading zeros; others were never given out.
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and text[0] != "0"):
        raise not_found()
    stored = context.records.vread(request.resource_type, request.id, int(text), request.view)
    if stored is None:
        raise not_found()
    return reply_of(stored, request)
