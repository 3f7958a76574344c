"""conditional delete: `DELETE [type]?[criteria]`.  Spec: https://hl7.org/fhir/R4/http.html#3.1.0.7.1

Whether several matches are deleted or refused is a setting, and the CapabilityStatement tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhir_server.interactions import replays, writing
from fhir_server.interactions.context import Context
from fhir_server.interactions.delete import nothing, tombstone
from fhir_server.interactions.labels import with_all_facts
from fhir_server.interactions.lookup import Criteria, bind_address, find, several
from fhir_server.interactions.preconditions import check_if_match, stale
from fhir_server.interactions.replays import Receipt
from fhir_server.interactions.replies import of_document, reply_of
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.interactions.writing import Changes, gave_up
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError, Issue
from fhir_server.model.unit_of_work import Replace, VersionConflict


def conditional_delete(context: Context, request: Request) -> Reply:
    """Delete what matches, all of it or nothing: 204, also when nothing matches.

    Raises FhirError `multiple-matches` 412 for more than may be deleted at once, `criteria-needed` 412,
    `stale-version` 412, `conflict` 409.
    """
    earlier = replays.earlier(context, request)
    if earlier is not None:
        reply = _reply(context, request, earlier, audited=False)
        return replace(reply, headers={replays.REPLAYED: "true"})
    for _ in range(context.limits.attempts):
        wanted = bind_address(context, request, count=context.limits.conditional_deletes + 1)
        found = matches(context, request, wanted)
        if request.conditions.if_match is not None:
            check_if_match(request.conditions, found[0] if len(found) == 1 else None)
        try:
            return _delete(context, request, found)
        except VersionConflict:
            if request.conditions.if_match is not None:
                raise stale() from None
    raise gave_up()


def matches(
    context: Context, request: Request, wanted: Criteria, expression: str | None = None
) -> Sequence[Stored]:
    """Return what is to be deleted.  Raises FhirError `multiple-matches` where that is too much."""
    most = context.limits.conditional_deletes
    found = find(context, request, wanted)
    if len(found) <= most:
        return found
    if most == 1:
        raise several(expression)
    text = f"More than {most} resources match the criteria; nothing was deleted."
    raise FhirError(Issue("multiple-matches", text, expression))


def _delete(context: Context, request: Request, found: Sequence[Stored]) -> Reply:
    if not found:
        return _reply(context, request, [nothing(request.resource_type, "")], audited=False)
    deletes = tuple(
        Replace(tombstone(context, request, current, place), current.version, current.facts)
        for place, current in enumerate(with_all_facts(context, request, found))
    )
    receipt = [of_document(204, one.document) for one in deletes]
    earlier = writing.commit(context, request, Changes(deletes=deletes), receipt, 204)
    return _reply(context, request, receipt if earlier is None else earlier, audited=earlier is None)


def _reply(context: Context, request: Request, receipt: Receipt, *, audited: bool) -> Reply:
    written = [one for one in receipt if one is not None]
    reply = reply_of(context, request, written[0], audited=audited)
    if len(written) == 1:
        return reply
    shown = tuple(Shown(one.owner, one.entity) for one in written if one.entity is not None)
    return replace(reply, version=None, modified=None, shown=shown)
