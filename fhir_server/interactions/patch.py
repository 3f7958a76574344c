"""patch, conditional patch.  Spec: https://hl7.org/fhir/R4/http.html#patch

What the change is described in does not matter here: `patching` and the http room make a function of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_server.interactions import replays, writing
from fhir_server.interactions.assemble import refuse_subsetted
from fhir_server.interactions.context import Context
from fhir_server.interactions.incoming import check_structure
from fhir_server.interactions.labels import with_facts
from fhir_server.interactions.lookup import bind_address, find, one_at_most
from fhir_server.interactions.patching.patches import Patch, patched
from fhir_server.interactions.preconditions import check_if_match, check_if_none_match, stale
from fhir_server.interactions.read import deleted, not_found
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.update import read_current, store_version
from fhir_server.interactions.validating import validated
from fhir_server.interactions.writing import gave_up
from fhir_server.model import exact_json
from fhir_server.model.document import Stored
from fhir_server.model.outcome import refuse
from fhir_server.model.unit_of_work import VersionConflict


def patch(context: Context, request: Request) -> Reply:
    """Store what the patch makes of the current version: 200.

    Raises FhirError `not-found` 404, `deleted` 410, `stale-version` 412, `conflict` 409, those of the patch
    and those of the resource that it makes.
    """
    earlier = replays.earlier(context, request)
    if earlier is not None:
        return writing.replayed(context, request, earlier)
    change = _asked(request)
    for _ in range(context.limits.attempts):
        current = read_current(context, request)
        try:
            return _store(context, request, change, current)
        except VersionConflict:
            if request.conditions.if_match is not None:
                raise stale() from None
    raise gave_up()


def conditional_patch(context: Context, request: Request) -> Reply:
    """Patch the one resource that matches the criteria of the address: 200.

    Raises FhirError `not-found` 404 where none matches, `multiple-matches` 412, `criteria-needed` 412 and
    those of `patch`.
    """
    earlier = replays.earlier(context, request)
    if earlier is not None:
        return writing.replayed(context, request, earlier)
    change = _asked(request)
    for _ in range(context.limits.attempts):
        wanted = bind_address(context, request)
        current = one_at_most(find(context, request, wanted))
        try:
            return _store(context, request, change, current)
        except VersionConflict:
            if request.conditions.if_match is not None:
                raise stale() from None
    raise gave_up()


def result_of(context: Context, change: Patch, current: Stored) -> dict[str, Any]:
    """Return the valid resource that a patch makes of a stored one.

    Raises FhirError: those of the patch and of the structure, `subsetted`.
    """
    resource = patched(change, exact_json.decode(current.body))
    check_structure(context, resource, current.resource_type)
    refuse_subsetted(resource, current.resource_type)
    return resource


def _asked(request: Request) -> Patch:
    if request.patch is None:
        raise refuse("empty-body", "The request has no body; a patch is expected.")
    return request.patch


def _store(context: Context, request: Request, change: Patch, current: Stored | None) -> Reply:
    if current is None:
        raise not_found()
    if current.deleted:
        raise deleted(current)
    check_if_match(request.conditions, current)
    check_if_none_match(request.conditions, current)
    current = with_facts(context, request, current)
    resource = result_of(context, change, current)
    request = validated(context, request, resource)
    return store_version(context, replace(request, id=current.id), resource, current, keeps=False)
