"""`$see-as`: what somebody of a given profession, structure and purpose would see of the record, and why.

For the person alone.  Counts tell the person only of what it sees itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fhir_server.access.choice_words import Sentence
from fhir_server.access.choices import PersonChoices
from fhir_server.access.decide import Explanation, explain, shared
from fhir_server.access.seeing_words import Question, item_reason, reasons
from fhir_server.interactions.choice_calls import Given, check_person, definition, row, text_of
from fhir_server.interactions.choosing import as_told, current_choices, governing, owner_of
from fhir_server.interactions.context import Context
from fhir_server.interactions.operation_input import PARAMETERS, read_input
from fhir_server.interactions.read import entity, not_found
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.model import exact_json
from fhir_server.model.actor import Actor
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Plan
from fhir_server.model.predicate import matches
from fhir_server.model.reference import ReferenceKind, parse_reference
from fhir_server.search.planner import plan
from fhir_server.search.request import SearchRequest
from profiles.definitions import OperationParameter

PROFESSIONAL: Final = "professional"
TREATMENT: Final = "TREAT"
UNSAID: Final = "-"
"""A reason, where a purpose needs one: none is given for what is only imagined."""
APART: Final = frozenset({"AuditEvent"})
"""Types that are not counted: the access log is read in its own way."""

TEXTS: Final = (
    "role", "actor", "profession", "specialty", "structure", "situation", "country", "client", "purpose",
    "resource",
)  # fmt: skip


def _sentence(name: str, max: int | None) -> OperationParameter:
    parts = tuple(OperationParameter(one, "out", 1, 1, "string") for one in ("en", "fr"))
    kind = OperationParameter("kind", "out", 1, 1, "code")
    return OperationParameter(name, "out", 0, max, parts=(kind, *parts))


DEFINITION: Final = definition(
    "see-as",
    *(OperationParameter(name, "in", 0, 1, "string") for name in TEXTS),
    affects_state=False,
    answer=(
        OperationParameter("decision", "out", 1, 1, "code"),
        OperationParameter("rule", "out", 0, 1, "string"),
        _sentence("because", None),
        OperationParameter(
            "type", "out", 0, None,
            parts=(
                OperationParameter("name", "out", 1, 1, "code"),
                OperationParameter("seen", "out", 1, 1, "unsignedInt"),
                OperationParameter("hidden", "out", 1, 1, "unsignedInt"),
            ),
        ),
        OperationParameter("seen", "out", 0, 1, "boolean"),
        _sentence("item", 1),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Imagined:
    """Who would ask, the decision, and the choices that it was made by."""

    actor: Actor
    explanation: Explanation
    choices: PersonChoices


def see_as(context: Context, request: Request) -> Reply:
    """Return Parameters: the decision, what decided it, and by type how much would be seen and hidden.

    With `resource` (`Type/id`): whether that item would be seen, and why, in place of the counts.
    Raises FhirError `not-found` for an item that the person does not see, and those of the call.
    """
    check_person(request)
    given = read_input(context, request, DEFINITION.url)
    owner, policy = owner_of(request), governing(context)
    choices, actor = as_told(context, request, current_choices(context, owner)), _actor(given)
    purpose = text_of(given, "purpose") or TREATMENT
    explanation = explain(policy, actor, purpose, owner, choices, request.now)
    imagined = _Imagined(actor, explanation, choices)
    question = Question(actor, request.now, context.zone)
    parameters: list[dict[str, Any]] = [{"name": "decision", "valueCode": explanation.effect}]
    if explanation.rule:
        parameters.append({"name": "rule", "valueString": explanation.rule})
    parameters += [_said("because", one) for one in reasons(explanation, choices, policy, question)]
    item = text_of(given, "resource")
    shown: tuple[Shown, ...] = (Shown(owner, f"Patient/{owner}"),)
    if item is None:
        parameters += _counts(context, request, imagined)
    else:
        told, shown = _item(context, request, imagined, item)
        parameters += told
    body = exact_json.encode({"resourceType": PARAMETERS, "parameter": parameters})
    return Reply(200, body, shown=shown)


def _actor(given: Given) -> Actor:
    country = text_of(given, "country")
    return Actor(
        kind=text_of(given, "role") or PROFESSIONAL,
        identity=text_of(given, "actor") or "",
        profession=text_of(given, "profession"),
        specialty=text_of(given, "specialty"),
        situation=text_of(given, "situation"),
        structure=text_of(given, "structure"),
        country=country,
        client=text_of(given, "client"),
        reason=UNSAID,
    )


def _counts(context: Context, request: Request, imagined: _Imagined) -> Iterator[dict[str, Any]]:
    """Yield, for each type of which the person sees something, how much of it would be seen and hidden."""
    view = imagined.explanation.view
    both = None if view is None else shared(request.view, view)
    for resource_type in sorted(context.registry.resource_types - request.view.directory - APART):
        wanted = _all_of(context, request, resource_type)
        whole = context.records.count(wanted, request.view)
        if not whole:
            continue
        seen = 0 if both is None else context.records.count(wanted, both)
        values = {"name": resource_type, "seen": seen, "hidden": whole - seen}
        yield {
            "name": "type",
            "part": [
                {"name": name, "valueCode" if name == "name" else "valueUnsignedInt": value}
                for name, value in values.items()
            ],
        }


def _all_of(context: Context, request: Request, resource_type: str) -> Plan:
    return plan(
        SearchRequest(resource_type), systems=context.systems,
        owner=request.view.owner_for(resource_type), cross_person_types=context.cross_person_types,
    )  # fmt: skip


def _item(
    context: Context, request: Request, imagined: _Imagined, text: str
) -> tuple[list[dict[str, Any]], tuple[Shown, ...]]:
    parsed = parse_reference(text, context.base_url)
    if parsed.kind is not ReferenceKind.RELATIVE or parsed.type not in context.registry.resource_types:
        raise refuse("illegal-parameter-value", "`resource` is `Type/id`, of this server.")
    stored = context.records.read(parsed.type, parsed.id or "", request.view, facts=True)
    if stored is None or stored.deleted or stored.facts is None:
        raise not_found()
    facts, view = stored.facts, imagined.explanation.view
    seen = view is not None and matches(view.reads(facts.resource_type), facts)
    why = item_reason(facts, seen, imagined.explanation, imagined.choices, governing(context))
    told = [{"name": "seen", "valueBoolean": seen}, _said("item", why)]
    return told, (Shown(stored.owner, entity(stored.resource_type, stored.id, stored.version)),)


def _said(name: str, sentence: Sentence) -> dict[str, Any]:
    return {
        "name": name,
        "part": [
            {"name": "kind", "valueCode": sentence.kind},
            {"name": "en", "valueString": sentence.en},
            {"name": "fr", "valueString": sentence.fr},
        ],
    }


INTERACTIONS = (row(DEFINITION, see_as), row(DEFINITION, see_as, "GET"))
