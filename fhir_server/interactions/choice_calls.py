"""How the operations of the person are called: their definitions, their rows, what their parameters say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Handler, Interaction
from fhir_server.interactions.request import Request
from fhir_server.interactions.table import INSTANCE
from fhir_server.model import exact_json, own
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.reference import ReferenceKind, parse_reference
from fhir_server.model.temporal import parse_interval
from profiles.definitions import OperationDefinition, OperationParameter

Given = Mapping[str, list[Any]]

PATIENT: Final = "Patient"
PARTIES: Final = ("Practitioner", "Organization")
"""Types that a party is looked up in where it is named by a literal reference."""
OFFICIAL: Final = "official"

TRUTH: Final[Mapping[Any, bool]] = {True: True, False: False, "true": True, "false": False}
END: Final = OperationParameter("end", "in", 0, 1, "dateTime")
ACTOR: Final = OperationParameter("actor", "in", 0, 1, "Reference", PARTIES)
IDENTIFIER: Final = OperationParameter("identifier", "in", 0, 1, "Identifier")
PARTY: Final = (ACTOR, IDENTIFIER)
"""Whom a choice is about: a reference, literal or by identifier, or the identifier alone."""

ANSWER: Final = (
    OperationParameter("return", "out", 1, 1, "OperationOutcome"),
    OperationParameter("version", "out", 0, 1, "unsignedInt"),
    OperationParameter(
        "in-force", "out", 0, None,
        parts=(
            OperationParameter("kind", "out", 1, 1, "code"),
            OperationParameter("en", "out", 1, 1, "string"),
            OperationParameter("fr", "out", 1, 1, "string"),
        ),
    ),
)  # fmt: skip


def definition(
    code: str,
    *parameters: OperationParameter,
    resources: tuple[str, ...] = (PATIENT,),
    affects_state: bool = True,
    answer: tuple[OperationParameter, ...] = ANSWER,
) -> OperationDefinition:
    """Return the OperationDefinition of an operation of ours on an instance."""
    return OperationDefinition(
        own.operation(code), code, False, False, True, affects_state, resources, (*parameters, *answer)
    )


def row(defined: OperationDefinition, handler: Handler, method: str = "POST") -> Interaction:
    """Return the row of the table of such an operation."""
    name = f"${defined.code}"
    return Interaction(
        name, "instance", method, f"{INSTANCE}/{name}", handler,
        takes="resource" if method == "POST" else "nothing",
        declared=False, definition=defined.url, governed=True,
    )  # fmt: skip


def check_person(request: Request) -> None:
    """Raise FhirError `unknown-operation` where an operation on a Patient is asked of something else."""
    if request.resource_type != PATIENT:
        raise refuse("unknown-operation", "This operation is called on a Patient.")


def text_of(given: Given, name: str) -> str | None:
    """Return a parameter that is a text, None where it was not given."""
    values = given.get(name)
    return str(values[0]) if values else None


def flag_of(given: Given, name: str) -> bool | None:
    """Return a parameter that is a boolean, None where it was not given.

    Raises FhirError `illegal-parameter-value`.
    """
    values = given.get(name)
    if not values:
        return None
    if not isinstance(values[0], bool | str) or values[0] not in TRUTH:
        raise refuse("illegal-parameter-value", f"`{name}` is `true` or `false`.")
    return TRUTH[values[0]]


def end_of(context: Context, given: Given, name: str = "end") -> datetime | None:
    """Return the instant from which a choice no longer holds; a day counts to its end.

    Raises FhirError `illegal-parameter-value`.
    """
    text = text_of(given, name)
    if text is None:
        return None
    interval = parse_interval(text, context.zone)
    if interval is None:
        raise refuse("illegal-parameter-value", f"`{name}` is a FHIR date or dateTime.")
    return interval.start if "T" in text else interval.end


def parties_of(context: Context, request: Request, given: Given) -> tuple[str, ...]:
    """Return all identifiers (`system|value`) of the party that a choice is about.

    The first is the one by which it is best known.  Raises FhirError `illegal-choice` where none is named,
    `unresolved-reference`.
    """
    references, identifiers = given.get("actor", []), given.get("identifier", [])
    if references and identifiers:
        raise refuse("illegal-choice", "Name the party once: by `actor` or by `identifier`.")
    if identifiers:
        return (_spelled(identifiers[0]),)
    if not references:
        raise refuse("illegal-choice", "Name the party: by `actor` or by `identifier`.")
    reference = references[0]
    if "identifier" in reference:
        return (_spelled(reference["identifier"]),)
    return _looked_up(context, request, reference.get("reference"))


def party_of(context: Context, request: Request, given: Given) -> str:
    """Return the one identifier of the party that a choice is about.  Raises as `parties_of`."""
    return parties_of(context, request, given)[0]


def names_party(given: Given) -> bool:
    """Return whether a party is named at all."""
    return "actor" in given or "identifier" in given


def _looked_up(context: Context, request: Request, text: str | None) -> tuple[str, ...]:
    """Return the identifiers of a Practitioner or an Organization of this server."""
    parsed = parse_reference(text or "", context.base_url)
    if parsed.kind is not ReferenceKind.RELATIVE or parsed.type not in PARTIES or not parsed.id:
        raise _unresolved()
    stored = context.records.read(parsed.type, parsed.id, request.view)
    if stored is None or stored.deleted:
        raise _unresolved()
    known = exact_json.decode(stored.body).get("identifier", [])
    usable = [one for one in known if one.get("system") and one.get("value")]
    usable.sort(key=lambda one: one.get("use") != OFFICIAL)
    if not usable:
        raise refuse("illegal-choice", "The party has no identifier with system and value.")
    return tuple(dict.fromkeys(_spelled(one) for one in usable))


def _spelled(identifier: Mapping[str, Any]) -> str:
    system, value = identifier.get("system"), identifier.get("value")
    if not isinstance(system, str) or not isinstance(value, str) or not system or not value or "|" in value:
        raise refuse("illegal-choice", "A party is named by an identifier with system and value.")
    return f"{system}|{value}"


def _unresolved() -> FhirError:
    text = "There is no such Practitioner or Organization here; name the party by its identifier."
    return refuse("unresolved-reference", text)
