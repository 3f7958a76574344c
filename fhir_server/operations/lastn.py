"""`Observation/$lastn`: the most recent Observations of a person, by code, inside the View.

Spec: https://hl7.org/fhir/R4/observation-operation-lastn.html
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.hopping import followed
from fhir_server.interactions.operation_input import PARAMETERS
from fhir_server.interactions.paging import page_links
from fhir_server.interactions.read import entity
from fhir_server.interactions.request import Pairs, Reply, Request, Shown
from fhir_server.interactions.searchset import match_entries, searchset
from fhir_server.interactions.shaping import shaped_bundle
from fhir_server.interactions.table import TYPE
from fhir_server.model.document import Stored
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Coded, Order, Page, Position
from fhir_server.model.temporal import EARLIEST
from fhir_server.search.latest import latest
from fhir_server.search.planner import plan
from fhir_server.search.request import SearchRequest, parse, query_digest

NAME: Final = "$lastn"
OBSERVATION: Final = "Observation"
CANONICAL: Final = "http://hl7.org/fhir/OperationDefinition/Observation-lastn"
MAX: Final = "max"
MOST: Final = 10_000
"""Observations of which the most recent are chosen."""
_POSITIVE: Final = re.compile(r"[1-9][0-9]{0,8}\Z", re.ASCII)
SUBJECTS: Final = frozenset({"patient", "subject"})
SELECTING: Final = frozenset({"category", "code"})


@dataclass(frozen=True, slots=True)
class _Asked:
    most: int
    search: SearchRequest
    digest: bytes

    @property
    def used(self) -> Pairs:
        return ((MAX, str(self.most)), *self.search.used)


def lastn(context: Context, request: Request) -> Reply:
    """Return a searchset of the last `max` Observations of each code, newest first, with all that tie.

    Raises FhirError `unknown-operation`, `missing-element`, `illegal-parameter-value`, `unknown-parameter`,
    `illegal-cursor`, `too-costly`.
    """
    if request.resource_type != OBSERVATION:
        raise refuse("unknown-operation", "This operation is called on the type Observation.")
    asked = _asked(context, request)
    chosen = latest(_found(context, request, asked), asked.most)
    after = None
    if asked.search.page.cursor is not None:
        after = context.cursors.open(asked.search.page.cursor, asked.digest, request.view.digest)
    rest = [one for one in chosen if after is None or _place(one) < _place(after)]
    listed = rest[: asked.search.count]
    following = None
    if 0 < len(listed) < len(rest):
        following = Position(listed[-1].sort, listed[-1].seq, listed[-1].id)
    entries = _read(context, request, listed)
    links = page_links(
        context, request, context.url(f"{OBSERVATION}/{NAME}"), asked.used, asked.digest, Page((), following)
    )
    return Reply(
        200,
        searchset(len(chosen), links, match_entries(context.base_url, entries)),
        shown=tuple(Shown(one.owner, entity(OBSERVATION, one.id, one.version)) for one in entries),
        query=asked.digest.hex(),
    )


def _found(context: Context, request: Request, asked: _Asked) -> list[Coded]:
    bound = plan(
        asked.search,
        systems=context.systems,
        owner=request.view.owner_for(OBSERVATION),
        cross_person_types=context.cross_person_types,
        further=followed(context, request.view, asked.search.hops),
    )
    bound = replace(bound, order=Order(), reach=None)
    found = list(context.records.coded(bound, request.view, "code", MOST + 1))
    if len(found) > MOST:
        text = f"More than {MOST:,} Observations match: narrow them, by `code` or `date` for instance."
        raise refuse("too-costly", text)
    return found


def _read(context: Context, request: Request, listed: list[Coded]) -> list[Stored]:
    known = context.records.read_many(OBSERVATION, [one.id for one in listed], request.view)
    return [known[one.id] for one in listed if one.id in known and not known[one.id].deleted]


def _place(one: Coded | Position) -> tuple[datetime, int, str]:
    return one.sort or EARLIEST, one.seq, one.id


def _asked(context: Context, request: Request) -> _Asked:
    given = request.query + _of_body(request)
    pairs = [pair for pair in given if pair[0] != MAX]
    search = parse(context.indexer.catalogue, OBSERVATION, pairs, now=request.now, strict=True)
    codes = {name.partition(":")[0].partition(".")[0] for name, _ in search.criteria}
    if not codes & SUBJECTS or not codes & SELECTING:
        text = (
            "$lastn needs the person (`patient` or `subject`) and what is looked for (`category` or `code`)."
        )
        raise refuse("missing-element", text)
    if search.order is not None:
        raise refuse("illegal-parameter-value", "$lastn is newest first: leave out `_sort`.")
    most = _most([value for name, value in given if name == MAX])
    if not any(name == "_count" for name, _ in search.used):
        search = replace(search, page=replace(search.page, count=context.limits.page_size_max))
    digest = hashlib.sha256(f"{NAME} {most} ".encode() + query_digest(search)).digest()
    return _Asked(most, search, digest)


def _of_body(request: Request) -> Pairs:
    """Return the parameters of a Parameters resource as search parameters."""
    if request.body is None:
        return ()
    given = request.body.get("parameter") if isinstance(request.body, dict) else None
    if not isinstance(given, list) or request.body.get("resourceType") != PARAMETERS:
        raise refuse("illegal-parameter-value", "$lastn by POST takes a Parameters resource.")
    return tuple(_pair(one, f"Parameters.parameter[{nth}]") for nth, one in enumerate(given))


def _pair(one: object, place: str) -> tuple[str, str]:
    if isinstance(one, dict) and isinstance(one.get("name"), str):
        for key, value in one.items():
            if key == "valueReference" and isinstance(value, dict):
                value = value.get("reference")
            if key.startswith("value") and isinstance(value, str | int) and not isinstance(value, bool):
                return one["name"], str(value)
    text = "A parameter of $lastn has a name and a value of one text or number, as in a search."
    raise refuse("illegal-parameter-value", text, place)


def _most(texts: list[str]) -> int:
    if not texts:
        return 1
    if len(texts) > 1 or _POSITIVE.match(texts[0]) is None:
        raise refuse("illegal-parameter-value", "`max` needs one whole number from 1 on.")
    return int(texts[0])


INTERACTIONS = tuple(
    Interaction(
        NAME, "type", method, f"{TYPE}/{NAME}", shaped_bundle(lastn),
        takes="resource" if method == "POST" else "nothing", declared=False, definition=CANONICAL,
    )
    for method in ("GET", "POST")
)  # fmt: skip
