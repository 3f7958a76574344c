"""read: the current version of a resource.  Spec: https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

from fhir_server.interactions.context import Context
from fhir_server.interactions.preconditions import is_unchanged
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError, Issue, refuse


def read(context: Context, request: Request) -> Reply:
    """Return the current version, or 304 when the client has it.

    Raises FhirError `not-found` 404, `deleted` 410.
    """
    stored = context.records.read(request.resource_type, request.id, request.view)
    if stored is None:
        raise not_found()
    return reply_of(stored, request)


def reply_of(stored: Stored, request: Request) -> Reply:
    """Return a version as the answer of a read.  Raises FhirError `deleted`."""
    if stored.deleted:
        raise deleted(stored)
    shown = (Shown(stored.owner, entity(stored.resource_type, stored.id, stored.version)),)
    conditions = request.conditions
    if (conditions.if_none_match or conditions.if_modified_since) and is_unchanged(conditions, stored):
        return Reply(304, version=stored.version, modified=stored.updated, shown=shown)
    return Reply(200, stored.body, stored.version, stored.updated, shown=shown)


def not_found() -> FhirError:
    """Return the one 404 of what does not exist or is not seen."""
    return refuse("not-found", "There is no such resource.")


def deleted(stored: Stored) -> FhirError:
    """Return the 410 of what was deleted, with the ETag of its deletion."""
    issue = Issue("deleted", "The resource was deleted.")
    return FhirError(issue, headers={"ETag": f'W/"{stored.version}"'})


def entity(resource_type: str, id: str, version: int) -> str:
    """Return the versioned address of a resource, relative to the base."""
    return f"{resource_type}/{id}/_history/{version}"
