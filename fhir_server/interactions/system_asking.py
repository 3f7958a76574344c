"""What a search over several types asks of each of them, and of all together.

Spec: https://hl7.org/fhir/R4/http.html#search
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhir_server.interactions.answering import digest_within
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Pairs, Request
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Order, Position
from fhir_server.model.predicate import Nothing
from fhir_server.search.compartments import member_types
from fhir_server.search.includes import Include
from fhir_server.search.request import SearchRequest, parse, query_digest
from fhir_server.search.shared_order import shared_orders

TYPE: Final = "_type"
SORT: Final = "_sort"
MOST_READ: Final = 600_000
"""Characters that are read of the criteria, once for each type that is searched."""


@dataclass(frozen=True, slots=True)
class SystemSearch:
    """What is asked of each type; `whole` is what is asked of all together."""

    whole: SearchRequest
    by_type: tuple[SearchRequest, ...]
    """In the order of the names of the types."""
    digest: bytes
    count: int
    """Resources on a page, no more than pages have here."""
    after: Position | None = None
    """Its id is `Type/id`.  `Type/` is the place before all of that type, where one comes after the other."""

    @property
    def order(self) -> Order | None:
        """The one order of all types; None: they are answered one after the other."""
        return self.by_type[0].order if len(self.by_type) > 1 else None

    @property
    def backward(self) -> bool:
        """Whether the page is the one that ends at `after`."""
        return self.after is not None and self.after.backward


def asked_of_system(context: Context, request: Request) -> SystemSearch:
    """Return what is asked.

    Raises FhirError as `search.request.parse` and `shared_orders`, `illegal-cursor`, and `too-costly` where
    nothing selects.
    """
    types, named = _types(context, request)
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
    return SystemSearch(whole, by_type, digest, min(whole.count, context.limits.page_size_max), after)


def existing(context: Context, request: Request, search: SystemSearch) -> Iterator[SearchRequest]:
    """Yield what is asked of the types of which there can be anything to see."""
    written = frozenset(context.records.types())
    for asked in search.by_type:
        seen = not isinstance(request.view.reads(asked.resource_type), Nothing)
        if asked.resource_type in written and seen:
            yield asked


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
    # Of several the last counts.  It is read first, so that what is refused is told for all types.
    sorts = [value for name, value in pairs if name == SORT]
    orders = shared_orders(catalogue, types, sorts[-1]) if sorts and len(types) > 1 else ()
    asked = tuple(parse(catalogue, name, pairs, now=request.now, strict=strict) for name in types)
    ignored = tuple(dict.fromkeys(name for one in asked for name in one.ignored))
    if ignored:
        kept = tuple(pair for pair in pairs if pair[0] not in ignored)
        valueless = frozenset(name for one in asked for name in one.valueless)
        asked = tuple(
            replace(parse(catalogue, name, kept, now=request.now), ignored=ignored, valueless=valueless)
            for name in types
        )
    if not orders:
        return asked
    return tuple(replace(one, page=replace(one.page, order=order)) for one, order in zip(asked, orders))
