"""The answer to a batch or transaction: one response entry for each entry, in the order of the request.

Spec: https://hl7.org/fhir/R4/http.html#transaction-response
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from msgspec import Raw

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Reply
from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError, operation_outcome
from fhir_server.model.temporal import format_instant

ResponseEntry = dict[str, Any]


def response_entry(context: Context, reply: Reply) -> ResponseEntry:
    """Return what one interaction answered as an entry."""
    response: dict[str, Any] = {"status": status_line(reply.status)}
    if reply.location is not None:
        response["location"] = reply.location
    if reply.version is not None:
        response["etag"] = f'W/"{reply.version}"'
    if reply.modified is not None:
        response["lastModified"] = format_instant(reply.modified)
    entry: ResponseEntry = {"response": response}
    if reply.body and reply.is_outcome:
        response["outcome"] = Raw(reply.body)
    elif reply.body:
        entry = {"resource": Raw(reply.body), "response": response}
        if len(reply.shown) == 1 and reply.version is not None:
            full_url = context.url(reply.shown[0].entity.partition("/_history/")[0])
            entry = {"fullUrl": full_url, **entry}
    return entry


def refused_entry(context: Context, error: FhirError) -> ResponseEntry:
    """Return the entry of an interaction that was refused."""
    outcome = operation_outcome(error.issues, context.canonical_base)
    return {"response": {"status": status_line(error.status), "outcome": outcome}}


def response_bundle(bundle_type: str, entries: Sequence[ResponseEntry]) -> bytes:
    """Return the text of a `batch-response` or `transaction-response`."""
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": bundle_type}
    if entries:
        bundle["entry"] = entries
    return exact_json.encode(bundle)


def status_line(status: int) -> str:
    """Return a status as `Bundle.entry.response.status` writes it: `201 Created`."""
    return f"{status} {HTTPStatus(status).phrase}"
