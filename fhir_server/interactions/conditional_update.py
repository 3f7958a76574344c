"""conditional update: `PUT [type]?[criteria]`.  Spec: https://hl7.org/fhir/R4/http.html#cond-update"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_server.interactions import replays, writing
from fhir_server.interactions.context import Context
from fhir_server.interactions.create import store_new
from fhir_server.interactions.incoming import check_id, resource_of
from fhir_server.interactions.lookup import Criteria, bind_address, find, one_at_most
from fhir_server.interactions.preconditions import check_if_match, check_if_none_match, stale
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.update import creation_refused, store_version
from fhir_server.interactions.validating import validated
from fhir_server.interactions.writing import gave_up
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.unit_of_work import ConditionMatched, VersionConflict


def conditional_update(context: Context, request: Request) -> Reply:
    """Replace the one resource that matches: 200; create it where none does: 201.

    Raises FhirError `multiple-matches` 412, `criteria-needed` 412, `id-mismatch` 400 where the resource has
    another id than the match, `conflict` 409 where it has that of one that does not match, and those of an
    update.
    """
    earlier = replays.earlier(context, request)
    if earlier is not None:
        return writing.replayed(context, request, earlier)
    resource = resource_of(context, request)
    request = validated(context, request, resource)
    for _ in range(context.limits.attempts):
        wanted = bind_address(context, request)
        current = one_at_most(find(context, request, wanted))
        check_if_match(request.conditions, current)
        check_if_none_match(request.conditions, current)
        try:
            if current is None:
                return _create(context, request, resource, wanted)
            if "id" in resource:
                check_id(resource, current.id)
            return store_version(context, replace(request, id=current.id), resource, current)
        except ConditionMatched:
            continue
        except VersionConflict:
            if request.conditions.if_match is not None:
                raise stale() from None
    raise gave_up()


def _create(context: Context, request: Request, resource: dict[str, Any], wanted: Criteria) -> Reply:
    id = resource.get("id")
    if id is None:
        return store_new(context, request, resource, wanted)
    if not (context.update_create and request.view.update_create):
        raise creation_refused()
    former = context.records.read(request.resource_type, id, request.view)
    if former is not None and not former.deleted:
        raise taken(f"{request.resource_type}.id")
    return store_version(context, replace(request, id=id), resource, former, (wanted.guards(request, id),))


def taken(expression: str) -> FhirError:
    """Return the 409 of a conditional update that would create what exists, and does not match."""
    text = "A resource of this id exists and does not match the criteria."
    return refuse("conflict", text, expression)
