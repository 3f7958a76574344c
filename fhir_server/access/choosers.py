"""Who may choose what for a person beside the person: who gives a role, who declares an authorisation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from fhir_server.access.decide import REFUSED
from fhir_server.access.person_choices import Authorisation, Period, PersonChoices
from fhir_server.access.policy import Policy
from fhir_server.access.relations import relations_of
from fhir_server.model.actor import Actor
from fhir_server.model.outcome import FhirError, refuse


def check_setter(
    policy: Policy,
    name: str,
    actor: Actor,
    choices: PersonChoices,
    now: datetime,
    *,
    born: date | None,
    personal: bool,
) -> None:
    """Raise FhirError `refused` where the actor may not give or end a role of this name.

    `born` is the person's birthday: without it nobody counts as grown.  `personal`: the actor reads the
    person's choices, which is enough where the policy names nobody.
    """
    relation = policy.relations.get(name)
    if relation is None or not relation.set_by:
        allowed = personal
    else:
        age = relation.until_age
        grown = age is not None and born is not None and policy.comes_of(age, born) <= now
        names = relation.set_by | relation.set_by_grown if grown else relation.set_by
        allowed = not names.isdisjoint({actor.kind, *relations_of(policy, actor, choices, now)})
    if not allowed:
        raise refuse("refused", REFUSED)


def declared(
    policy: Policy, wanted: Authorisation, actor: Actor, choices: PersonChoices, now: datetime
) -> Authorisation:
    """Return what an actor declares in the name of the person, with its end.

    Raises FhirError `refused` where the policy does not let the actor declare it, `illegal-choice` where it
    would last too long.
    """
    relation = policy.relations.get(wanted.relation)
    if relation is None or relation.source != "authorisation":
        return wanted  # refused, with the names that there are, by whoever carries it out
    if relation.declared_by.isdisjoint({actor.kind, *relations_of(policy, actor, choices, now)}):
        raise refuse("refused", REFUSED)
    if relation.declared_for is None:
        return wanted
    latest, until = relation.declared_for.after(now), wanted.period.until
    if until is not None and until > latest:
        raise _too_long(wanted.relation)
    if until is not None or any(_is_same(one, wanted) for one in choices.authorisations):
        return wanted  # what is there already keeps its end, which may be the person's own word
    return replace(wanted, period=Period(wanted.period.from_, latest))


def _is_same(one: Authorisation, other: Authorisation) -> bool:
    return (one.party, one.relation, one.session, one.secret) == (
        other.party, other.relation, other.session, other.secret
    )  # fmt: skip


def _too_long(relation: str) -> FhirError:
    return refuse("illegal-choice", f"A declared `{relation}` cannot last that long; name an earlier `end`.")
