"""A resource as it was sent: checked before anything is done with it."""

from __future__ import annotations

from typing import Any

from fhir_server.interactions.assemble import refuse_subsetted
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.model.outcome import FhirError, refuse

FATAL = frozenset({"fatal", "error"})


def resource_of(context: Context, request: Request) -> dict[str, Any]:
    """Return the resource of a create or update, valid and of the addressed type.

    Raises FhirError `empty-body`, `type-mismatch`, `subsetted` and those of the structure.
    """
    resource = request.body
    if resource is None:
        raise refuse("empty-body", "The request has no body; a resource is expected.")
    check_type(resource, request.resource_type)
    check_structure(context, resource, request.resource_type)
    refuse_subsetted(resource, request.resource_type)
    checked: dict[str, Any] = resource
    return checked


def check_type(resource: Any, resource_type: str, path: str | None = None) -> None:
    """Raise FhirError `type-mismatch` when a resource is of another type than its address."""
    found = resource.get("resourceType") if isinstance(resource, dict) else None
    if isinstance(found, str) and found != resource_type:
        text = f"The address is of the type {resource_type}, the resource says another `resourceType`."
        raise refuse("type-mismatch", text, f"{path or resource_type}.resourceType")


def check_structure(context: Context, resource: Any, resource_type: str) -> None:
    """Raise FhirError with every issue, if there is an error among them."""
    issues = context.validator.validate(resource, resource_type)
    if any(issue.severity in FATAL for issue in issues):
        raise FhirError(*issues)


def check_id(resource: dict[str, Any], id: str, path: str | None = None) -> None:
    """Raise FhirError `id-mismatch` unless the resource has exactly the id of its address."""
    found = resource.get("id")
    if found == id:
        return
    text = "no `id`" if found is None else "another `id` than the address"
    raise refuse(
        "id-mismatch", f"The resource of an update has {text}.", f"{path or resource['resourceType']}.id"
    )
