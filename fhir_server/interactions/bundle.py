"""A Bundle posted to the base: a batch or a transaction.  Spec: https://hl7.org/fhir/R4/http.html#transaction"""

from __future__ import annotations

from dataclasses import replace

from fhir_server.interactions.batch import batch
from fhir_server.interactions.context import Context
from fhir_server.interactions.incoming import check_structure
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.transaction import transaction
from fhir_server.model.outcome import refuse

HANDLERS = {"batch": batch, "transaction": transaction}


def bundle(context: Context, request: Request) -> Reply:
    """Carry out a batch or transaction.

    Raises FhirError `wrong-bundle-type` 400 for anything else, also a Bundle that is only to be stored
    (which goes to `/Bundle`), and those of a transaction.
    """
    body = request.body
    if body is None:
        raise refuse("empty-body", "The request has no body; a Bundle is expected.")
    if not isinstance(body, dict) or body.get("resourceType") != "Bundle":
        check_structure(context, body, "Bundle")
        raise refuse("wrong-bundle-type", "A Bundle of type batch or transaction is expected here.")
    kind = body.get("type")
    handler = HANDLERS.get(kind) if isinstance(kind, str) else None
    if handler is None or not isinstance(kind, str):
        text = "Only a batch or a transaction is carried out here; a Bundle to be stored goes to /Bundle."
        raise refuse("wrong-bundle-type", text, "Bundle.type")
    return replace(handler(context, replace(request, interaction=kind)), interaction=kind)
