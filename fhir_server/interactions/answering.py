"""A page that was found as a searchset: matches, what rides along, what was ignored, and its links."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fhir_server.interactions.context import Context
from fhir_server.interactions.paging import page_links
from fhir_server.interactions.read import entity
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.interactions.riders import riders_of
from fhir_server.interactions.searchset import ignored_entry, link, match_entries, searchset
from fhir_server.model.plan import Page
from fhir_server.search.request import SearchRequest


def address_of(context: Context, request: Request) -> str:
    """Return the address that is searched, as a GET has it."""
    if request.compartment is not None:
        return context.url(f"{request.compartment}/{request.resource_type or '*'}")
    return context.url(request.resource_type) if request.resource_type else context.base_url


def digest_within(request: Request, digest: bytes) -> bytes:
    """Return what stands for a search and the compartment that it takes place in."""
    if request.compartment is None:
        return digest
    return hashlib.sha256(f"{request.compartment}|".encode() + digest).digest()


def answer(
    context: Context,
    request: Request,
    asked: SearchRequest,
    digest: bytes,
    page: Page,
    total: int | None,
    *,
    told: Sequence[bytes] = (),
) -> Reply:
    """Return the searchset of a page; `told` are further entries of mode outcome.

    Raises FhirError as `riders_of`.
    """
    base = address_of(context, request)
    riders = riders_of(context, request, base, asked.used, digest, asked.page, page)
    if asked.page.related is not None:
        # The matches were answered already: this is the rest of what comes along with them.
        page, total = Page(()), None
        links = [link("self", base, asked.used)]
    else:
        links = page_links(context, request, base, asked.used, digest, page)
    entries = [*match_entries(context.base_url, page.entries), *riders.entries]
    if asked.ignored:
        entries.append(ignored_entry(context.canonical_base, asked.ignored, asked.valueless))
    entries.extend(told)
    found = (*page.entries, *riders.found)
    shown = tuple([Shown(one.owner, entity(one.resource_type, one.id, one.version)) for one in found])
    body = searchset(total, [*links, *riders.links], entries)
    return Reply(200, body, shown=shown, query=digest.hex())
