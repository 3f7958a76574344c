"""Links between the pages of a searchset, and what is told of the whole.

Spec: https://hl7.org/fhir/R4/http.html#paging, https://hl7.org/fhir/R4/search.html#total
"""

from __future__ import annotations

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Pairs, Request
from fhir_server.interactions.searchset import link
from fhir_server.model.plan import Page, Plan, Position
from fhir_server.search.result_parameters import CURSOR, Total

ESTIMATED_AT_MOST = 10_000
"""An estimate is the exact number as long as counting is cheap; beyond, there is none."""


def page_links(
    context: Context, request: Request, base: str, used: Pairs, digest: bytes, page: Page
) -> list[dict[str, str]]:
    """Return the links of a page: itself and, where it is not all, the first, the one before and the next.

    All are for GET.  `base` is the address that is searched, `used` what was understood of the query and
    `digest` stands for it; a cursor opens for that and for the same View alone.
    """

    def at(relation: str, position: Position) -> dict[str, str]:
        # A cursor is made of characters that stand for themselves in a URL.
        cursor = context.cursors.seal(position, digest, request.view.digest)
        return {"relation": relation, "url": f"{first['url']}{'&' if kept else '?'}{CURSOR}={cursor}"}

    kept = tuple(pair for pair in used if pair[0] != CURSOR)
    begun = len(kept) == len(used)
    first = link("first", base, kept)
    links = [{"relation": "self", "url": first["url"]} if begun else link("self", base, used)]
    if page.previous is not None or page.next is not None or not begun:
        links.append(first)
    if page.previous is not None:
        links.append(at("previous", page.previous))
    if page.next is not None:
        links.append(at("next", page.next))
    return links


def total_of(context: Context, request: Request, wanted: Total | None, bound: Plan, page: Page) -> int | None:
    """Return `Bundle.total` of a page with entries; None where it is unwanted or would cost too much.

    It is free where the first page is all.
    """
    if wanted == "none":
        return None
    if page.next is None and bound.after is None:
        return len(page.entries)
    if wanted is None:
        return None
    if wanted == "accurate":
        return context.records.count(bound, request.view)
    found = context.records.count(bound, request.view, most=ESTIMATED_AT_MOST + 1)
    return found if found <= ESTIMATED_AT_MOST else None
