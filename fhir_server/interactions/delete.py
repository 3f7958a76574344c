"""delete.  Spec: https://hl7.org/fhir/R4/http.html#delete

A deletion is a version of its own.  References to what is deleted do not stand in its way.
"""

from __future__ import annotations

from fhir_server.interactions import replays, writing
from fhir_server.interactions.assemble import Identity, deletion, whole_milliseconds
from fhir_server.interactions.context import Context
from fhir_server.interactions.labels import refuse_choice
from fhir_server.interactions.preconditions import check_if_match, stale
from fhir_server.interactions.relabelling import stored_facts
from fhir_server.interactions.replies import Written, of_document, reply_of
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.update import read_current
from fhir_server.interactions.writing import Changes, commit_one, gave_up
from fhir_server.model.document import Document, Stored
from fhir_server.model.unit_of_work import Replace, VersionConflict


def delete(context: Context, request: Request) -> Reply:
    """Delete the resource: 204, also when it is gone already or never was.

    Raises FhirError `stale-version` 412, `conflict` 409.
    """
    earlier = replays.earlier(context, request)
    if earlier is not None:
        return writing.replayed(context, request, earlier)
    for _ in range(context.limits.attempts):
        current = read_current(context, request)
        check_if_match(request.conditions, current)
        if current is None or current.deleted:
            return reply_of(context, request, nothing(request.resource_type, request.id), audited=False)
        document = tombstone(context, request, current)
        try:
            changes = Changes(deletes=(Replace(document, current.version, current.facts),))
            return commit_one(context, request, changes, of_document(204, document))
        except VersionConflict:
            if request.conditions.if_match is not None:
                raise stale() from None
    raise gave_up()


def tombstone(context: Context, request: Request, current: Stored, ordinal: int = 0) -> Document:
    """Return the version that deletes `current`, which comes with its facts where access is governed.

    Raises FhirError `operation-only` for what mirrors a choice.
    """
    refuse_choice(context.labelling, current.facts, None)
    updated = max(whole_milliseconds(request.now), current.updated)
    identity = Identity(current.resource_type, current.id, current.version + 1, updated)
    # What is gone stays as confidential as it was: its history is still there.
    facts = current.facts or stored_facts(context, request, current)
    return deletion(identity, facts, request.now, ordinal)


def nothing(resource_type: str, id: str) -> Written:
    """Return what a deletion of nothing does."""
    return Written(204, resource_type, id)
