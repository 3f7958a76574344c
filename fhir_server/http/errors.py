"""Refusals and failures as answers: always an OperationOutcome, never a trace, never personal data."""

from __future__ import annotations

from dataclasses import replace

from werkzeug.exceptions import HTTPException

from fhir_server.interactions.dispatch import not_allowed, unknown_address
from fhir_server.interactions.faults import log_fault
from fhir_server.interactions.request import Reply
from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError, operation_outcome, refuse

SITUATION_OF_STATUS = {400: "malformed-header", 413: "too-large", 415: "unsupported-media-type"}
TEXT_OF_STATUS = {413: "The body is larger than this server takes."}
RETRY_SECONDS = "1"
TRANSIENT = frozenset({503})


def refusal(error: FhirError, canonical_base: str) -> Reply:
    """Return the answer of a request that was refused."""
    body = exact_json.encode(operation_outcome(error.issues, canonical_base))
    reply = Reply(error.status, body, is_outcome=True, headers=error.headers)
    if error.status in TRANSIENT:
        reply = replace(reply, headers={**error.headers, "Retry-After": RETRY_SECONDS})
    return reply


def failure(error: Exception, request_id: str, canonical_base: str) -> Reply:
    """Return the answer to an error that nobody foresaw; the operator is told its kind and place."""
    log_fault(error, request_id)
    text = "The server failed; its operator can find the cause by the X-Request-Id of this answer."
    return refusal(refuse("internal", text), canonical_base)


def of_http(error: HTTPException, method: str, path: str) -> FhirError:
    """Return what an error of the web framework is in the closed table of situations."""
    status = error.code or 500
    if status == 405:
        return not_allowed(method, list(getattr(error, "valid_methods", None) or ()))
    if status == 404:
        return unknown_address([segment for segment in path.split("/") if segment])
    situation = SITUATION_OF_STATUS.get(status, "internal" if status >= 500 else "malformed-header")
    text = TEXT_OF_STATUS.get(status, f"The request cannot be read: {error.name}.")
    return refuse(situation, text)
