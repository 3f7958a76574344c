"""`$set-role`: say who is the treating doctor, represents the person, cares for it; or end such a role.

The names of the roles are relations of the policy.  Nobody holds one for itself, not even by way of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from fhir_server.access.choices import (
    Period,
    PersonChoices,
    Role,
    read_choices,
    with_role,
    without_role,
)
from fhir_server.access.choosers import check_setter
from fhir_server.interactions.choice_calls import (
    END,
    PARTY,
    PATIENT,
    check_person,
    definition,
    end_of,
    flag_of,
    names_party,
    parties_of,
    party_of,
    row,
    text_of,
)
from fhir_server.interactions.choosing import (
    Change,
    choose,
    current_choices,
    governing,
    owner_of,
    sees_choices,
)
from fhir_server.interactions.context import Context
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.request import Reply, Request
from fhir_server.model import exact_json
from fhir_server.model.outcome import refuse
from fhir_server.model.temporal import parse_interval
from profiles.definitions import OperationParameter

MOST_HOLDERS: Final = 64
"""Parties that are looked up to find a circle."""

DEFINITION: Final = definition(
    "set-role",
    OperationParameter("role", "in", 1, 1, "code"),
    *PARTY,
    END,
    OperationParameter("category", "in", 0, None, "code"),
    OperationParameter("remove", "in", 0, 1, "boolean"),
)


def set_role(context: Context, request: Request) -> Reply:
    """Give the party the role, or end it with `remove=true`, and return what is in force then.

    Raises FhirError `illegal-choice`, `unresolved-reference`, `refused` where the policy does not let the
    actor give this role, and those of the call.
    """
    check_person(request)
    given = read_input(context, request, DEFINITION.url)
    name = text_of(given, "role") or ""
    person = _person(context, request)
    _check_setter(context, request, name, person)
    if flag_of(given, "remove"):
        if "end" in given or "category" in given:
            raise refuse("illegal-choice", "A role that ends now has neither `end` nor `category`.")
        parties = parties_of(context, request, given) if names_party(given) else ()
        return _removed(context, request, name, parties)
    categories = tuple(dict.fromkeys(map(str, given.get("category", ()))))
    party, until = party_of(context, request, given), end_of(context, given)
    policy, own, held_by = governing(context), _own(person), _held_by(context, request, name, party)
    born, _ = _birth(person)
    relation = policy.relations.get(name)
    if born is None and until is None and relation is not None and relation.until_age is not None:
        raise refuse("illegal-choice", "The Patient has no birthDate to tell when this ends: name its `end`.")

    def given_to(before: PersonChoices) -> Change:
        role = _lasting(before, Role(name, party, Period(None, until), categories))
        return Change(with_role(policy, before, role, request.now, own=own, held_by=held_by, born=born))

    return choose(context, request, given_to)


def _removed(context: Context, request: Request, name: str, parties: tuple[str, ...]) -> Reply:
    policy = governing(context)

    def ended(before: PersonChoices) -> Change:
        after = before
        for party in parties or (None,):
            after = without_role(policy, after, name, request.now, party)
        return Change(after)

    return choose(context, request, ended)


def _lasting(before: PersonChoices, wanted: Role) -> Role:
    """Return the role with the beginning of the same one that is already there."""
    for one in before.roles:
        if (one.role, one.party) == (wanted.role, wanted.party):
            until = wanted.period.until
            period = Period(one.period.from_, one.period.until if until is None else until)
            return Role(wanted.role, wanted.party, period, wanted.categories)
    return wanted


def _check_setter(context: Context, request: Request, name: str, person: Mapping[str, Any]) -> None:
    _, born = _birth(person)
    choices = current_choices(context, owner_of(request))
    check_setter(
        governing(context), name, request.actor, choices, request.now,
        born=born, personal=sees_choices(context, request),
    )  # fmt: skip


def _person(context: Context, request: Request) -> Mapping[str, Any]:
    """Return the Patient, an empty one where it is not seen."""
    stored = context.records.read(PATIENT, owner_of(request), request.view)
    known: dict[str, Any] = {} if stored is None or stored.deleted else exact_json.decode(stored.body)
    return known


def _birth(person: Mapping[str, Any]) -> tuple[date | None, date | None]:
    """Return the first and the last day on which the person may have been born."""
    interval = parse_interval(person.get("birthDate", ""))
    if interval is None:
        return None, None
    return interval.start.date(), (interval.end - timedelta(days=1)).date()


def _own(person: Mapping[str, Any]) -> frozenset[str]:
    """Return the identifiers of the person itself."""
    known = person.get("identifier", [])
    return frozenset(f"{one['system']}|{one['value']}" for one in known if "system" in one and "value" in one)


def _held_by(context: Context, request: Request, name: str, party: str) -> frozenset[str]:
    """Return who holds this role for the party, where the party is a person of this server too, and who
    holds it for those in turn.

    Raises FhirError `illegal-choice` where that goes on and on.
    """
    assert context.choices is not None
    found: set[str] = set()
    waiting = [party]
    while waiting:
        for id in context.choices.person_of((waiting.pop(),)):
            document = context.choices.of(id)
            roles = () if document is None else read_choices(document).roles
            holders = {one.party for one in roles if one.role == name and one.period.covers(request.now)}
            waiting.extend(sorted(holders - found))
            found |= holders
        if len(found) > MOST_HOLDERS:
            raise refuse("illegal-choice", "Too many parties hold this role for each other.")
    return frozenset(found)


INTERACTIONS = (row(DEFINITION, set_role),)
