"""`$journal`: who saw and did what in the record of a person, as sentences for that person.

The same lines as `AuditEvent?patient=`, newest first, refused attempts included, in French or English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from fhir_server.access.audit_event import action_of, outcome_of
from fhir_server.access.sentences import DEFAULT_LANGUAGE, Telling, language_of, sentence
from fhir_server.interactions.audit_query import Asked, read_query
from fhir_server.interactions.choice_calls import check_person
from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.journal_lines import Line, lines, rendering
from fhir_server.interactions.operation_input import PARAMETERS, read_input
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.searchset import link
from fhir_server.interactions.table import INSTANCE
from fhir_server.interactions.titles import title_of
from fhir_server.model import exact_json, own
from fhir_server.model.actor import Actor
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Position
from fhir_server.model.temporal import format_instant, parse_interval
from fhir_server.search.result_parameters import CURSOR
from profiles.definitions import OperationDefinition, OperationParameter

CODE: Final = "journal"

DEFINITION = OperationDefinition(
    url=own.operation(CODE),
    code=CODE,
    system=False,
    type=False,
    instance=True,
    affects_state=False,
    resources=("Patient",),
    parameters=(
        OperationParameter("language", "in", 0, 1, "code"),
        OperationParameter("from", "in", 0, 1, "dateTime"),
        OperationParameter("to", "in", 0, 1, "dateTime"),
        OperationParameter("_count", "in", 0, 1, "integer"),
        OperationParameter(CURSOR, "in", 0, 1, "string"),
        OperationParameter("line", "out", 0, None),
        OperationParameter("next", "out", 0, 1, "url"),
    ),
)

READ_AS: Final = {"from": ("date", "ge"), "to": ("date", "le"), "_count": ("_count", "")}
"""Parameters of the operation as those of a search, and the prefix of their value."""

PERIOD: Final = frozenset({"from", "to"})

Json = dict[str, Any]


def journal(context: Context, request: Request) -> Reply:
    """Return Parameters with a `line` for each entry, and `next`, the URL of the next page.

    Raises FhirError `illegal-parameter-value`, `unknown-parameter`, `illegal-cursor`.
    """
    check_person(request)
    given = {
        name: str(values[0]) for name, values in read_input(context, request, own.operation(CODE)).items()
    }
    asked = _asked(context, request, given)
    language = language_of(given.get("language", DEFAULT_LANGUAGE))
    found = list(islice(lines(context, request, asked.plan), asked.plan.count + 1))
    page, more = found[: asked.plan.count], len(found) > asked.plan.count
    parameters = [_line(context, request, line, language) for line in page]
    if more:
        parameters.append({"name": "next", "valueUrl": _next(context, request, given, asked, page[-1])})
    answer = {"resourceType": PARAMETERS, **({"parameter": parameters} if parameters else {})}
    return Reply(200, exact_json.encode(answer), query=asked.digest.hex())


def _asked(context: Context, request: Request, given: Mapping[str, str]) -> Asked:
    for name in PERIOD & given.keys():
        if parse_interval(given[name], context.zone) is None:
            raise refuse("illegal-parameter-value", f"`{name}` needs a FHIR date, such as 2026-11-22.")
    pairs = [(READ_AS[name][0], READ_AS[name][1] + value) for name, value in given.items() if name in READ_AS]
    cursor = [(CURSOR, given[CURSOR])] if CURSOR in given else []
    asked = read_query(context, request, (("patient", request.id), *pairs, *cursor))
    return replace(asked, only_total=False)


def _line(context: Context, request: Request, line: Line, language: str) -> Json:
    entry = line.entry
    actor = entry.agent or Actor(entry.actor.kind, entry.actor.identity)
    shown = rendering(context, request)
    profession = None if context.policy is None else context.policy.profession_of(actor)
    titles = {
        entity: title
        for entity in entry.entities[:1]
        for title in [title_of(line.visible.get(entity.partition("/_history/")[0]))]
        if title
    }
    telling = Telling(language, context.zone, request.view.actor.identity, titles, profession, shown.whole)
    parts = [
        {"name": "sentence", "valueString": sentence(entry, telling)},
        {"name": "at", "valueInstant": format_instant(entry.at)},
        {"name": "who", "valueString": actor.name or actor.kind},
        *_known("profession", profession),
        *_known("structure", actor.structure_name or actor.structure),
        {"name": "mode", "valueCode": entry.mode},
        {"name": "action", "valueCode": action_of(entry.interaction)},
        {"name": "interaction", "valueString": entry.interaction},
        {"name": "outcome", "valueCode": outcome_of(entry.status)},
        *({"name": "item", "valueReference": {"reference": entity}} for entity in entry.entities),
        {"name": "event", "valueReference": {"reference": f"AuditEvent/{entry.id}"}},
    ]
    return {"name": "line", "part": parts}


def _known(name: str, text: str | None) -> list[Json]:
    return [{"name": name, "valueString": text}] if text else []


def _next(context: Context, request: Request, given: Mapping[str, str], asked: Asked, last: Line) -> str:
    position = Position(last.entry.at, 0, last.entry.id)
    cursor = context.cursors.seal(position, asked.digest, request.view.digest)
    pairs = tuple((name, value) for name, value in given.items() if name != CURSOR)
    return link("next", context.url(f"Patient/{request.id}/$journal"), (*pairs, (CURSOR, cursor)))["url"]


INTERACTIONS = tuple(
    Interaction(
        "$journal", "instance", method, f"{INSTANCE}/${CODE}", journal,
        takes="resource" if method == "POST" else "nothing",
        declared=False, definition=own.operation(CODE), governed=True,
    )
    for method in ("GET", "POST")
)  # fmt: skip
