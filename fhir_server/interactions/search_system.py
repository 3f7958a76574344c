"""search-system: one search over several types, of everything or of one compartment.

The types are searched one after the other in the order of their names, each in the order that its own search
has, so a page costs little more than what it shows.  Only parameters that every type has can be asked for.

Spec: https://hl7.org/fhir/R4/http.html#search
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fhir_server.interactions.answering import answer, digest_within
from fhir_server.interactions.context import Context
from fhir_server.interactions.paging import ESTIMATED_AT_MOST
from fhir_server.interactions.planning import planned
from fhir_server.interactions.request import Pairs, Reply, Request
from fhir_server.interactions.search_type import check_compartment
from fhir_server.model.document import Stored
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Page, Position
from fhir_server.model.predicate import Nothing
from fhir_server.search.compartments import member_types
from fhir_server.search.includes import Include
from fhir_server.search.request import SearchRequest, parse, query_digest

TYPE: Final = "_type"
MOST_READ: Final = 600_000
"""Characters that are read of the criteria, once for each type that is searched."""


@dataclass(frozen=True, slots=True)
class _Search:
    """What is asked of each type; `whole` is what is asked of all together."""

    whole: SearchRequest
    by_type: tuple[SearchRequest, ...]
    digest: bytes
    after: Position | None = None
    """Its id is `Type/id`; without an id, the page begins with that type."""


@dataclass(slots=True)
class _Found:
    entries: list[Stored] = field(default_factory=list)
    next: Position | None = None


def search_system(context: Context, request: Request) -> Reply:
    """Return a searchset of at most `_count` resources of the types in `_type`, or of all types.

    Without `_type` something else has to select, unless a compartment does.
    Raises FhirError as a search of one type, and `unknown-type` for what `_type` names.
    """
    check_compartment(context, request)
    search = _understand(context, request)
    wanted = search.whole.page
    total: int | None
    if wanted.only_total:
        total = sum(_counts(context, request, search))
        return answer(context, request, search.whole, search.digest, Page(()), total)
    found = _page(context, request, search)
    if wanted.total != "none" and search.after is None and found.next is None:
        total = len(found.entries)
    elif wanted.total == "accurate":
        total = sum(_counts(context, request, search))
    elif wanted.total == "estimate":
        total = _estimate(context, request, search)
    else:
        total = None
    page = Page(tuple(found.entries), found.next)
    return answer(context, request, search.whole, search.digest, page, total)


def _counts(context: Context, request: Request, search: _Search) -> Iterator[int]:
    for asked in _existing(context, request, search):
        yield context.records.count(planned(context, request, asked, None), request.view)


def _estimate(context: Context, request: Request, search: _Search) -> int | None:
    total = 0
    for asked in _existing(context, request, search):
        bound = planned(context, request, asked, None)
        total += context.records.count(bound, request.view, most=ESTIMATED_AT_MOST + 1 - total)
        if total > ESTIMATED_AT_MOST:
            return None
    return total


def _page(context: Context, request: Request, search: _Search) -> _Found:
    """Return what is found from the place of the cursor on, until the page is full."""
    found = _Found()
    count = min(search.whole.count, context.limits.page_size_max)
    after = search.after
    first, _, id = ("", "", "") if after is None else after.id.partition("/")
    for asked in _existing(context, request, search):
        if asked.resource_type < first:
            continue
        going_on = after is not None and id and asked.resource_type == first
        bound = planned(context, request, asked, replace(after, id=id) if after and going_on else None)
        room = count - len(found.entries)
        if not room:
            if context.records.ids(replace(bound, after=None), request.view, 1):
                found.next = Position(None, 0, f"{asked.resource_type}/")
                return found
            continue
        page = context.records.search(replace(bound, count=room), request.view)
        found.entries.extend(page.entries)
        if page.next is not None:
            found.next = replace(page.next, id=f"{asked.resource_type}/{page.next.id}")
            return found
    return found


def _existing(context: Context, request: Request, search: _Search) -> Iterator[SearchRequest]:
    """Yield what is asked of the types of which there can be anything to see."""
    written = frozenset(context.records.types())
    for asked in search.by_type:
        seen = not isinstance(request.view.reads(asked.resource_type), Nothing)
        if asked.resource_type in written and seen:
            yield asked


def _understand(context: Context, request: Request) -> _Search:
    types, named = _types(context, request)
    if len(types) > 1 and any(name == "_sort" for name, _ in request.query):
        text = "`_sort`: several types are answered one after the other; name one type to order it."
        raise refuse("illegal-parameter-value", text)
    rest = tuple(pair for pair in request.query if pair[0] != TYPE)
    by_type = _common(context, request, types, rest)
    first = by_type[0]
    if not (named or request.compartment or first.criteria):
        text = f"Name the types (`{TYPE}=Observation,Condition`), or what is searched for in all of them."
        raise refuse("too-costly", text)
    listed = tuple(pair for pair in request.query if pair[0] == TYPE)
    includes: list[Include] = []
    for asked in by_type:
        includes.extend(one for one in asked.page.includes if one not in includes)
    page = replace(first.page, includes=tuple(includes))
    whole = replace(first, used=(*listed, *first.used), page=page)
    if not any(name == "_count" for name, _ in whole.used):
        whole = replace(whole, page=replace(whole.page, count=context.limits.page_size))
    digest = hashlib.sha256(b"".join(map(query_digest, by_type))).digest()
    digest = digest_within(request, digest)
    after = None
    if whole.page.cursor is not None:
        after = context.cursors.open(whole.page.cursor, digest, request.view.digest)
    return _Search(whole, by_type, digest, after)


def _types(context: Context, request: Request) -> tuple[Sequence[str], bool]:
    """Return the types to search, in the order of their names, and whether the request names them."""
    known = context.registry.resource_types
    possible = sorted(known)
    if request.compartment is not None:
        possible = list(member_types(context.registry, request.compartment.resource_type))
    if any(name.startswith(f"{TYPE}:") for name, _ in request.query):
        raise refuse("unsupported-modifier", f"`{TYPE}` does not support modifiers.")
    given = [value for name, value in request.query if name == TYPE]
    if not given:
        return possible, False
    wanted = frozenset(possible)
    for value in given:
        names = frozenset(name.strip() for name in value.split(",") if name.strip())
        if not names or not names <= known:
            raise refuse("illegal-parameter-value", f"`{TYPE}` needs types of FHIR R4, joined by commas.")
        wanted &= names
    if not wanted:
        raise refuse("illegal-parameter-value", f"No type is left that `{TYPE}` and the address allow.")
    return sorted(wanted), True


def _common(
    context: Context, request: Request, types: Sequence[str], pairs: Pairs
) -> tuple[SearchRequest, ...]:
    """Return what is asked of each type; what one of them does not have is ignored for all."""
    if sum(len(name) + len(value) for name, value in pairs) * len(types) > MOST_READ:
        text = f"So much is not asked of {len(types)} types at once; name some in `{TYPE}`."
        raise refuse("too-costly", text)
    catalogue, strict = context.indexer.catalogue, request.prefer.strict
    asked = tuple(parse(catalogue, name, pairs, now=request.now, strict=strict) for name in types)
    ignored = tuple(dict.fromkeys(name for one in asked for name in one.ignored))
    if not ignored:
        return asked
    kept = tuple(pair for pair in pairs if pair[0] not in ignored)
    valueless = frozenset(name for one in asked for name in one.valueless)
    return tuple(
        replace(parse(catalogue, name, kept, now=request.now), ignored=ignored, valueless=valueless)
        for name in types
    )
