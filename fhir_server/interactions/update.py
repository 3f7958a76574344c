"""update, update as create.  Spec: https://hl7.org/fhir/R4/http.html#update

Every accepted update makes a version, also one that changes nothing: the client sees the one that it sent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_server.interactions import replays, writing
from fhir_server.interactions.assemble import Identity, new_version, whole_milliseconds
from fhir_server.interactions.conditional_references import refuse_conditional_references
from fhir_server.interactions.context import Context
from fhir_server.interactions.incoming import check_id, check_type, resource_of
from fhir_server.interactions.labels import guard, with_facts
from fhir_server.interactions.preconditions import check_if_match, check_if_none_match, stale
from fhir_server.interactions.replies import of_document
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.validating import validated
from fhir_server.interactions.writing import Changes, commit_one, gave_up
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.unit_of_work import Condition, Replace, VersionConflict


def update(context: Context, request: Request) -> Reply:
    """Store a further version: 200; 201 where there was none or where it was deleted.

    Raises FhirError `id-mismatch` 400, `stale-version` 412, `update-create-not-allowed` 405, `conflict` 409
    and those of the resource.
    """
    earlier = replays.earlier(context, request)
    if earlier is not None:
        return writing.replayed(context, request, earlier)
    if isinstance(request.body, dict):
        check_type(request.body, request.resource_type)
        check_id({"resourceType": request.resource_type, **request.body}, request.id)
    resource = resource_of(context, request)
    request = validated(context, request, resource)
    for _ in range(context.limits.attempts):
        current = read_current(context, request)
        check_if_match(request.conditions, current)
        check_if_none_match(request.conditions, current)
        try:
            return store_version(context, request, resource, current)
        except VersionConflict:
            if request.conditions.if_match is not None:
                raise stale() from None
    raise gave_up()


def read_current(context: Context, request: Request) -> Stored | None:
    """Return what a write follows, with the facts that it has to carry on; None where nothing is visible."""
    governs = context.labelling.governs
    return context.records.read(request.resource_type, request.id, request.view, facts=governs)


def next_identity(context: Context, request: Request, current: Stored | None, id: str) -> Identity:
    """Return what follows the current version.  Raises FhirError `update-create-not-allowed`."""
    updated = whole_milliseconds(request.now)
    if current is None:
        if not (context.update_create and request.view.update_create):
            raise creation_refused()
        return Identity(request.resource_type, id, 1, updated)
    # A clock that was set back must not make a version older than the one before it.
    return Identity(request.resource_type, id, current.version + 1, max(updated, current.updated))


def creation_refused() -> FhirError:
    """Return the 405 of an update of what does not exist, where clients may not choose ids."""
    return refuse(
        "update-create-not-allowed", "There is no such resource, and a new one gets its id by POST."
    )


def store_version(
    context: Context,
    request: Request,
    resource: dict[str, Any],
    current: Stored | None,
    conditions: tuple[Condition, ...] = (),
    *,
    keeps: bool = True,
) -> Reply:
    """Store a valid resource under the id of the request and return the answer.

    `current` is the version that it follows, None for the first; `keeps`: labels that were left out are
    carried over.  Raises VersionConflict, ConditionMatched and FhirError `update-create-not-allowed`.
    """
    current = None if current is None else with_facts(context, request, current)
    identity = next_identity(context, request, current, request.id)
    resource = guard(context, request, resource, current, keeps=keeps)
    version = new_version(context, request, resource, identity, current, named=True)
    document = version.document
    refuse_conditional_references(context, document)
    written = of_document(201 if current is None or current.deleted else 200, document)
    changes = Changes(conditions=conditions, relabels=version.relabels, flows=version.flows)
    if current is None:
        return commit_one(context, request, replace(changes, creates=(document,)), written)
    replaces = (Replace(document, current.version, current.facts),)
    return commit_one(context, request, replace(changes, replaces=replaces), written)
