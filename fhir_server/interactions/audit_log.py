"""AuditEvent where access is governed: the access log itself, read only, each reader what the View allows.

Reading it is an access like any other and leaves its own entry, which lists no lines.
Spec: https://hl7.org/fhir/R4/auditevent.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from itertools import islice
from typing import Final

from msgspec import Raw

from fhir_server.access.audit_event import audit_event
from fhir_server.interactions import read as reading
from fhir_server.interactions.audit_query import Asked, read_query
from fhir_server.interactions.context import Context
from fhir_server.interactions.journal_lines import Line, lines, rendering, seen
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.searchset import ignored_entry, link, match_entries, searchset
from fhir_server.model import exact_json
from fhir_server.model.document import Stored
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Position
from fhir_server.model.temporal import format_instant
from fhir_server.search.result_parameters import CURSOR

AUDIT_EVENT: Final = "AuditEvent"
ONLY_VERSION: Final = "1"

Handler = Callable[[Context, Request], Reply]


def or_log(handler: Handler, of_log: Handler) -> Handler:
    """Return the handler that leaves AuditEvent to `of_log` where access is governed."""

    @wraps(handler)
    def answer(context: Context, request: Request) -> Reply:
        governed = request.resource_type == AUDIT_EVENT and context.policy is not None
        return (of_log if governed else handler)(context, request)

    return answer


def read_event(context: Context, request: Request) -> Reply:
    """Return one entry as an AuditEvent.  Raises FhirError `not-found`: absent and hidden are the same."""
    return replace(reading.reply_of(_event(context, request), request), shown=())


def vread_event(context: Context, request: Request) -> Reply:
    """Return the only version that an AuditEvent has.  Raises FhirError `not-found`."""
    if request.version_id != ONLY_VERSION:
        raise reading.not_found()
    return read_event(context, request)


def history_of_event(context: Context, request: Request) -> Reply:
    """Return the Bundle of the one version.  Raises FhirError `not-found`."""
    event = _event(context, request)
    relative = f"{AUDIT_EVENT}/{event.id}"
    entry = {
        "fullUrl": context.url(relative),
        "resource": Raw(event.body),
        "request": {"method": "POST", "url": AUDIT_EVENT},
        "response": {"status": "201", "etag": 'W/"1"', "lastModified": format_instant(event.updated)},
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "history",
        "total": 1,
        "link": [link("self", context.url(f"{relative}/_history"), ())],
        "entry": [entry],
    }
    return Reply(200, exact_json.encode(bundle))


def search_events(context: Context, request: Request) -> Reply:
    """Return a searchset of AuditEvents, newest first, with the link of the next page.

    `total` is there where it is asked for, or known without counting.  Raises FhirError
    `illegal-parameter-value`, `unsupported-modifier`, `unknown-parameter`, `illegal-cursor`.
    """
    asked = read_query(context, request, request.query)
    if asked.only_total:
        total = _count(context, request, asked)
        return Reply(200, searchset(total, [_self(context, asked)], []), query=asked.digest.hex())
    found = list(islice(lines(context, request, asked.plan, asked.entities), asked.plan.count + 1))
    page, more = found[: asked.plan.count], len(found) > asked.plan.count
    links = [_self(context, asked)]
    if more:
        links.append(_next(context, request, asked, page[-1]))
    known = None if asked.plan.after is not None or more else len(page)
    if known is None and asked.total:
        known = _count(context, request, asked)
    entries = match_entries(context.base_url, [stored_event(context, request, line) for line in page])
    if asked.ignored:
        entries.append(ignored_entry(context.canonical_base, asked.ignored))
    return Reply(200, searchset(known, links, entries), query=asked.digest.hex())


def search_events_within(context: Context, request: Request) -> Reply:
    """Return the searchset of the AuditEvents in the compartment of a person; raises as `search_events`.

    Raises FhirError `unknown-address` for other compartments: the log is asked for by type there.
    """
    within = request.compartment
    if within is None or within.resource_type != "Patient":
        raise refuse("unknown-address", "AuditEvents are searched as a type, or in a Patient compartment.")
    return search_events(context, replace(request, query=(("patient", str(within)), *request.query)))


def keep_out(context: Context, request: Request) -> Reply:
    """Refuse to write: only the server writes its access log.  Raises FhirError `method-not-allowed`."""
    del context, request
    raise refuse("method-not-allowed", "AuditEvents are written by this server alone.")


def stored_event(context: Context, request: Request, line: Line) -> Stored:
    """Return a line as the version of a resource."""
    entry = line.entry
    body = exact_json.encode(audit_event(entry, rendering(context, request)))
    return Stored(AUDIT_EVENT, entry.id, 1, entry.at, 0, False, entry.owner, body)


def _event(context: Context, request: Request) -> Stored:
    assert context.journal is not None
    entry = context.journal.read(request.id, request.view)
    line = None if entry is None else next(seen(context, request, [entry]), None)
    if line is None:
        raise reading.not_found()
    return stored_event(context, request, line)


def _count(context: Context, request: Request, asked: Asked) -> int:
    whole = replace(asked.plan, after=None)
    return sum(1 for _ in lines(context, request, whole, asked.entities))


def _self(context: Context, asked: Asked) -> dict[str, str]:
    return link("self", context.url(AUDIT_EVENT), asked.used)


def _next(context: Context, request: Request, asked: Asked, last: Line) -> dict[str, str]:
    position = Position(last.entry.at, 0, last.entry.id)
    cursor = context.cursors.seal(position, asked.digest, request.view.digest)
    return link("next", context.url(AUDIT_EVENT), (*asked.used, (CURSOR, cursor)))
