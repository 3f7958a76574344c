"""`Patient/x/$everything`: the record of a person, page by page, inside the View.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from fhir_server.interactions.choice_calls import check_person
from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.paging import page_links
from fhir_server.interactions.read import entity, not_found
from fhir_server.interactions.record_walk import PATIENT, Walked, Wanted, walk
from fhir_server.interactions.request import Pairs, Reply, Request, Shown
from fhir_server.interactions.searchset import match_entries, searchset
from fhir_server.interactions.shaping import NAMES, shaped_bundle
from fhir_server.interactions.table import INSTANCE
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Page
from fhir_server.model.temporal import Interval, parse_interval
from fhir_server.search.result_parameters import CURSOR

CANONICAL: Final = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
NAME: Final = "$everything"

Given = Mapping[str, list[Any]]


def everything(context: Context, request: Request) -> Reply:
    """Return a searchset of the Patient, the record and what of the directory it points to.

    `start` and `end` bound when care took place, `_since` when something was last changed.
    Raises FhirError `not-found`, `illegal-parameter-value`, `illegal-cursor`, those of a wrong call.
    """
    check_person(request)
    own = tuple(pair for pair in request.query if pair[0] == CURSOR or pair[0] in NAMES)
    plain = tuple(pair for pair in request.query if pair not in own)
    given = read_input(context, replace(request, query=plain), CANONICAL)
    used = tuple((name, str(value)) for name, values in given.items() for value in values) + own
    wanted = _wanted(context, request, given)
    digest = _digest(request.id, used)
    cursor = next((value for name, value in own if name == CURSOR), None)
    if cursor is not None:
        wanted = replace(wanted, after=context.cursors.open(cursor, digest, request.view.digest))
    elif _is_absent(context, request):
        raise not_found()
    return _answer(context, request, wanted, used, digest)


def _answer(context: Context, request: Request, wanted: Wanted, used: Pairs, digest: bytes) -> Reply:
    walked = walk(context, request, wanted) if wanted.count else Walked(())
    shown = walked.record + walked.directory
    whole = walked.next is None and wanted.after is None and wanted.count > 0
    base = context.url(f"{PATIENT}/{request.id}/{NAME}")
    links = page_links(context, request, base, used, digest, Page(shown, walked.next))
    entries = match_entries(context.base_url, walked.record)
    entries += match_entries(context.base_url, walked.directory, "include")
    return Reply(
        200,
        searchset(len(walked.record) if whole else None, links, entries),
        shown=tuple(Shown(one.owner, entity(one.resource_type, one.id, one.version)) for one in shown),
        query=digest.hex(),
    )


def _is_absent(context: Context, request: Request) -> bool:
    stored = context.records.read(PATIENT, request.id, request.view)
    return stored is None or stored.deleted


def _wanted(context: Context, request: Request, given: Given) -> Wanted:
    since, start, end = (_interval(context, given, name) for name in ("_since", "start", "end"))
    return Wanted(
        request.id,
        _types(context, given),
        None if since is None else since.start,
        None if start is None else start.start,
        None if end is None else end.end,
        _count(context, given),
    )


def _interval(context: Context, given: Given, name: str) -> Interval | None:
    if name not in given:
        return None
    interval = parse_interval(str(given[name][0]), context.zone)
    if interval is None:
        text = f"`{name}` needs a date, or an instant such as 2024-02-29T12:00:00Z."
        raise refuse("illegal-parameter-value", text)
    return interval


def _types(context: Context, given: Given) -> frozenset[str] | None:
    names = [name for text in given.get("_type", ()) for name in str(text).split(",") if name]
    unknown = set(names) - context.registry.resource_types
    if unknown:
        raise refuse("illegal-parameter-value", "`_type` names what is no resource type of FHIR R4.")
    return frozenset(names) or None


def _count(context: Context, given: Given) -> int:
    most = context.limits.page_size_max
    if "_count" not in given:
        return most
    text = str(given["_count"][0])
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise refuse("illegal-parameter-value", f"`_count` needs a whole number from 0 to {most}.")
    return min(int(text), most)


def _digest(person: str, used: Sequence[tuple[str, str]]) -> bytes:
    criteria = sorted(pair for pair in used if pair[0] not in NAMES | {CURSOR, "_count"})
    return hashlib.sha256(json.dumps([NAME, person, criteria]).encode()).digest()


INTERACTIONS = tuple(
    Interaction(
        NAME, "instance", method, f"{INSTANCE}/{NAME}", shaped_bundle(everything),
        takes="resource" if method == "POST" else "nothing", declared=False, definition=CANONICAL,
    )
    for method in ("GET", "POST")
)  # fmt: skip
