"""create, conditional create.  Spec: https://hl7.org/fhir/R4/http.html#create"""

from __future__ import annotations

from typing import Any

from fhir_server.interactions import replays, writing
from fhir_server.interactions.assemble import Identity, new_version, whole_milliseconds
from fhir_server.interactions.conditional_references import refuse_conditional_references
from fhir_server.interactions.context import Context
from fhir_server.interactions.incoming import resource_of
from fhir_server.interactions.labels import guard
from fhir_server.interactions.lookup import Criteria, bind, find, several
from fhir_server.interactions.read import not_found
from fhir_server.interactions.replies import of_document, of_stored, reply_of
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.validating import validated
from fhir_server.interactions.writing import Changes, commit_one, gave_up
from fhir_server.model.unit_of_work import ConditionMatched, VersionConflict


def create(context: Context, request: Request) -> Reply:
    """Store the resource under a new id: 201.  The id, version and update time that it came with are ignored.

    With If-None-Exist: 200 and the existing resource where one matches.
    Raises FhirError `multiple-matches` 412, `criteria-needed` 412 and those of the resource.
    """
    earlier = replays.earlier(context, request)
    if earlier is not None:
        return writing.replayed(context, request, earlier)
    resource = resource_of(context, request)
    request = validated(context, request, resource)
    text = request.conditions.if_none_exist
    if text is None:
        return store_new(context, request, resource, None)
    wanted = bind(context, request, request.resource_type, text)
    found = find(context, request, wanted)
    if found:
        return _existing(context, request, [stored.id for stored in found])
    try:
        return store_new(context, request, resource, wanted)
    except ConditionMatched as matched:
        return _existing(context, request, matched.ids)


def store_new(context: Context, request: Request, resource: dict[str, Any], wanted: Criteria | None) -> Reply:
    """Store a valid resource under a new id, only while nothing matches `wanted`, and return the answer.

    Raises ConditionMatched.
    """
    guarded = guard(context, request, resource, None)
    for _ in range(context.limits.attempts):
        try:
            return _store_new(context, request, guarded, wanted)
        except VersionConflict:
            # What labels flow in from got others meanwhile.
            continue
    raise gave_up()


def _store_new(context: Context, request: Request, guarded: dict[str, Any], wanted: Criteria | None) -> Reply:
    id = context.ids.new(request.now)
    identity = Identity(request.resource_type, id, 1, whole_milliseconds(request.now))
    version = new_version(context, request, guarded, identity)
    document = version.document
    refuse_conditional_references(context, document)
    conditions = () if wanted is None else (wanted.guards(request, id),)
    changes = Changes(
        creates=(document,), conditions=conditions, relabels=version.relabels, flows=version.flows
    )
    return commit_one(context, request, changes, of_document(201, document))


def _existing(context: Context, request: Request, ids: list[str] | tuple[str, ...]) -> Reply:
    if len(ids) > 1:
        raise several()
    stored = context.records.read(request.resource_type, ids[0], request.view)
    if stored is None or stored.deleted:
        raise not_found()
    return reply_of(context, request, of_stored(200, stored), audited=False)
