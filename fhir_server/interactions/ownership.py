"""Whose record a resource that is being written belongs to, as far as the writer may know it."""

from __future__ import annotations

from typing import Any

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.model.document import Stored
from fhir_server.search.owner import TargetOwner


def owner_of(
    context: Context, request: Request, stamped: dict[str, Any], before: Stored | None
) -> str | None:
    """Return the owner of a stamped resource that follows `before`.  Raises FhirError `two-persons`.

    What it is about may be hidden from the writer by now: it stays where it was.
    """
    owner = context.owners.owner_of(stamped, target_owner=target_owner(context, request))
    if owner is None and before is not None and context.policy is not None:
        return before.owner
    return owner


def target_owner(context: Context, request: Request) -> TargetOwner:
    """Return what tells the owner of what a resource refers to.

    Where access is governed, only the View is asked: a target that is hidden is as good as absent.
    """
    if context.policy is None:
        return context.records.owner_of

    def seen(resource_type: str, id: str) -> str | None:
        stored = context.records.read(resource_type, id, request.view)
        return None if stored is None else stored.owner

    return seen
