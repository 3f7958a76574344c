"""search-type: one page of what matches, by GET or by a posted form.

Spec: https://hl7.org/fhir/R4/http.html#search
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fhir_server.interactions.context import Context
from fhir_server.interactions.read import entity
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.interactions.searchset import ignored_entry, link, match_entries, searchset
from fhir_server.model.plan import Page, Plan
from fhir_server.search.planner import plan
from fhir_server.search.request import SearchRequest, parse, query_digest
from fhir_server.search.result_parameters import CURSOR


@dataclass(frozen=True, slots=True)
class _Search:
    """A search that was understood, bound to its page."""

    asked: SearchRequest
    bound: Plan
    digest: bytes


def search_type(context: Context, request: Request) -> Reply:
    """Return a searchset of at most `_count` resources, with the link of the next page.

    `total` is there where the client asks for it or where it is known without counting.
    Raises FhirError `illegal-parameter-value`, `unsupported-modifier`, `illegal-cursor`, `too-costly`, and
    `unknown-parameter` when the client asks to be strict.
    """
    search = _understand(context, request)
    asked = search.asked
    page, total = Page(()), None
    if asked.page.only_total:
        total = context.records.count(search.bound, request.view)
    else:
        page = context.records.search(search.bound, request.view)
        total = _total(context, request, search, page)
    body = searchset(total, _links(context, request, search, page), _entries(context, search, page))
    shown = tuple(Shown(one.owner, entity(one.resource_type, one.id, one.version)) for one in page.entries)
    return Reply(200, body, shown=shown, query=search.digest.hex())


def _understand(context: Context, request: Request) -> _Search:
    catalogue = context.indexer.catalogue
    asked = parse(
        catalogue, request.resource_type, request.query, now=request.now, strict=request.prefer.strict
    )
    if not any(name == "_count" for name, _ in asked.used):
        asked = replace(asked, page=replace(asked.page, count=context.limits.page_size))
    digest = query_digest(asked)
    after = None
    if asked.page.cursor is not None:
        after = context.cursors.open(asked.page.cursor, digest, request.view.digest)
    bound = plan(
        asked,
        systems=context.systems,
        owner=request.view.owner_for(request.resource_type),
        cross_person_types=context.cross_person_types,
        after=after,
    )
    return _Search(asked, replace(bound, count=min(bound.count, context.limits.page_size_max)), digest)


def _total(context: Context, request: Request, search: _Search, page: Page) -> int | None:
    if search.asked.page.total == "none":
        return None
    if page.next is None and search.bound.after is None:
        return len(page.entries)
    if search.asked.page.total is None:
        return None
    return context.records.count(search.bound, request.view)


def _links(context: Context, request: Request, search: _Search, page: Page) -> list[dict[str, str]]:
    base = context.url(request.resource_type)
    links = [link("self", base, search.asked.used)]
    if page.next is not None:
        cursor = context.cursors.seal(page.next, search.digest, request.view.digest)
        kept = tuple(pair for pair in search.asked.used if pair[0] != CURSOR)
        links.append(link("next", base, (*kept, (CURSOR, cursor))))
    return links


def _entries(context: Context, search: _Search, page: Page) -> list[bytes]:
    entries = match_entries(context.base_url, page.entries)
    if search.asked.ignored:
        entries.append(ignored_entry(context.canonical_base, search.asked.ignored))
    return entries
