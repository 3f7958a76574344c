"""What rides along with a page of matches: the entries of its includes, and the link to the rest of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.including import along
from fhir_server.interactions.request import Pairs, Request
from fhir_server.interactions.searchset import link, match_entries, told_entry
from fhir_server.model.document import Stored
from fhir_server.model.outcome import Issue, refuse
from fhir_server.model.plan import Page, Position
from fhir_server.search.cursor import illegal_cursor
from fhir_server.search.result_parameters import INCLUDES, RELATED
from fhir_server.search.result_parameters import Page as Wanted

MOST: Final = 1_000
"""Includes of one answer."""
MOST_OF_ALL: Final = 10_000
"""Includes of one page of matches, over all its answers."""


@dataclass(frozen=True, slots=True)
class Riders:
    """`found` are the resources that come along, `entries` the texts of theirs and of warnings after them."""

    found: tuple[Stored, ...] = ()
    entries: tuple[bytes, ...] = ()
    links: tuple[dict[str, str], ...] = ()


def riders_of(
    context: Context, request: Request, base: str, used: Pairs, digest: bytes, wanted: Wanted, page: Page
) -> Riders:
    """Return what comes along with a page that was found.

    `used` and `digest` are those of its search at `base`.  Where `wanted.related` says so, what comes along
    after what was answered before.  Raises FhirError `illegal-parameter-value`, `illegal-cursor`.
    """
    if not wanted.includes:
        if wanted.related is not None:
            raise illegal_cursor()
        return Riders()
    if ("_summary", "text") in request.query:
        text = "`_summary=text` leaves out the references: it does not go with `_include` or `_revinclude`."
        raise refuse("illegal-parameter-value", text)
    sealed_to = _digest(used, digest)
    start = 0
    if wanted.related is not None:
        start = context.cursors.open(wanted.related, sealed_to, request.view.digest).seq
    brought = along(context, request.view, wanted.includes, page.entries, start + MOST)
    found = brought.entries[start:]
    entries = match_entries(context.base_url, found, "include")
    links: list[dict[str, str]] = []
    told: list[str] = []
    if brought.more and start + MOST < MOST_OF_ALL:
        told.append(f"More than {MOST} resources come along; the link `related` leads to further ones.")
        cursor = context.cursors.seal(Position(None, start + MOST, ""), sealed_to, request.view.digest)
        kept = tuple(pair for pair in used if pair[0] != RELATED)
        links.append(link("related", base, (*kept, (RELATED, cursor))))
    elif brought.more:
        told.append(f"More than {MOST_OF_ALL} resources come along; ask for smaller pages.")
    if brought.deeper:
        told.append("`:iterate` was stopped: the references lead further than is followed.")
    if told:
        issues = [Issue("too-costly", text, None, "warning") for text in told]
        entries.append(told_entry(context.canonical_base, issues))
    return Riders(found, tuple(entries), tuple(links))


def _digest(used: Pairs, digest: bytes) -> bytes:
    """Return what a cursor of includes is bound to: the page, and what is included."""
    page = sorted(pair for pair in used if pair[0] in (*INCLUDES, "_count", "_cursor"))
    return hashlib.sha256(digest + repr(page).encode()).digest()
