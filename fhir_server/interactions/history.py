"""What the three levels of history share: look up one page, write it as a Bundle.

Spec: https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from fhir_server.interactions.context import Context
from fhir_server.interactions.history_parameters import Asked, cursor_after, read_parameters
from fhir_server.interactions.read import entity
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.interactions.searchset import link
from fhir_server.model import exact_json
from fhir_server.model.document import Stored
from fhir_server.model.history import HistoryPage, Version
from fhir_server.model.ids import is_made_at
from fhir_server.model.temporal import format_instant
from fhir_server.search.result_parameters import CURSOR


def history(context: Context, request: Request) -> Reply:
    """Return a Bundle of versions, newest first unless `_sort` says otherwise; deletions have no resource.

    `total` is there for one resource, for `_count=0` and `_summary=count`, and where one page holds all.
    Raises FhirError `illegal-parameter-value`, `illegal-cursor`, `unknown-parameter`.
    """
    asked = read_parameters(context, request)
    page, total = HistoryPage(()), None
    if not asked.only_total:
        page = context.records.history_page(asked.plan, request.view)
        total = _known_total(asked, page)
    if total is None and (asked.only_total or asked.plan.id is not None):
        total = context.records.history_count(asked.plan, request.view)
    stored = [version.stored for version in page.entries]
    return Reply(
        200,
        exact_json.encode(_bundle(context, request, asked, page, total)),
        shown=tuple(Shown(one.owner, entity(one.resource_type, one.id, one.version)) for one in stored),
        query=asked.digest.hex(),
    )


def _known_total(asked: Asked, page: HistoryPage) -> int | None:
    return len(page.entries) if asked.plan.after is None and page.next is None else None


def _bundle(
    context: Context, request: Request, asked: Asked, page: HistoryPage, total: int | None
) -> Mapping[str, Any]:
    base = context.url("/".join(part for part in (request.resource_type, request.id, "_history") if part))
    links = [link("self", base, asked.used)]
    if page.next is not None:
        cursor = cursor_after(context, request, asked, page.next)
        links.append(link("next", base, (*asked.used, (CURSOR, cursor))))
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "history"}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = links
    if page.entries:
        bundle["entry"] = [_entry(context, version) for version in page.entries]
    return bundle


def _entry(context: Context, version: Version) -> Mapping[str, Any]:
    stored = version.stored
    relative = f"{stored.resource_type}/{stored.id}"
    entry: dict[str, Any] = {"fullUrl": context.url(relative)}
    if not stored.deleted:
        entry["resource"] = Raw(stored.body)
    entry["request"] = _request(stored, relative)
    entry["response"] = {
        "status": _status(version),
        "etag": f'W/"{stored.version}"',
        "lastModified": format_instant(stored.updated),
    }
    return entry


def _request(stored: Stored, relative: str) -> Mapping[str, str]:
    """Return how the version came about; an id that the server made says that it was created by POST."""
    if stored.deleted:
        return {"method": "DELETE", "url": relative}
    if stored.version == 1 and is_made_at(stored.id, stored.updated):
        return {"method": "POST", "url": stored.resource_type}
    return {"method": "PUT", "url": relative}


def _status(version: Version) -> str:
    if version.stored.deleted:
        return "204"
    return "201" if version.created else "200"
