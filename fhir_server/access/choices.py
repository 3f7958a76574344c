"""Changes of a person's choices, as pure functions from one legal value to the next.

Each takes the policy, the choices before, what is chosen, and the instant; each refuses what contradicts
another choice or the policy with FhirError `illegal-choice`, and a clock that runs behind the last change
with `clock-behind`.  What has ended by then is dropped.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from fhir_server.access.person_choices import (
    STATES,
    Authorisation,
    Block,
    CrossBorder,
    Period,
    PersonChoices,
    Role,
    Service,
    no_choices,
    read_choices,
    write_choices,
)
from fhir_server.access.policy import Policy, Relation, Source
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.reference import is_id
from fhir_server.model.unit_of_work import ChoicesChange

__all__ = [
    "CLOCK_TOLERANCE", "STATES", "Authorisation", "Block", "CrossBorder", "Period", "PersonChoices", "Role",
    "Service", "changed", "clock_behind", "no_choices", "read_choices", "with_authorisation", "with_block",
    "with_consents", "with_cross_border", "with_hidden", "with_hide_all", "with_hide_future", "with_role",
    "with_service", "with_state", "with_switch", "without_authorisation", "without_block", "without_hidden",
    "without_role", "without_service", "write_choices",
]  # fmt: skip

CLOCK_TOLERANCE: Final = timedelta(seconds=60)
"""How far the clocks of two workers may be apart."""

_NEXT_STATES: Final = {"open": ("opposed", "closed"), "opposed": ("open",), "closed": ("open",)}


def changed(before: PersonChoices, after: PersonChoices) -> ChoicesChange:
    """Return the change to be committed: `after` with the version that follows that of `before`."""
    following = replace(after, version=before.version + 1)
    return ChoicesChange(before.owner, before.version, write_choices(following))


def clock_behind() -> FhirError:
    """Return the refusal of an instant that lies before what was already decided."""
    return refuse("clock-behind", "The server's clock is behind a choice that was already made; try again.")


def with_block(policy: Policy, choices: PersonChoices, party: str, at: datetime) -> PersonChoices:
    """Keep a professional or a structure out.  What the party was authorised to before ends for good.

    Refused for who holds a role that the policy calls unblockable.
    """
    choices = _at(choices, at)
    _check_party(party)
    for role in choices.roles:
        if role.party == party and _relation(policy, role.role, "role").unblockable:
            raise _illegal(
                f"Who holds the role `{role.role}` cannot be blocked; end the role first with $set-role."
            )
    if any(block.party == party for block in choices.blocked):
        return choices
    return replace(
        choices,
        blocked=(*choices.blocked, Block(party, at)),
        authorisations=tuple(one for one in choices.authorisations if one.party != party),
        roles=tuple(one for one in choices.roles if one.party != party),
    )


def without_block(policy: Policy, choices: PersonChoices, party: str, at: datetime) -> PersonChoices:
    """Let a party in again as far as other choices do."""
    del policy
    choices = _at(choices, at)
    _check_party(party)
    return replace(choices, blocked=tuple(block for block in choices.blocked if block.party != party))


def with_authorisation(
    policy: Policy, choices: PersonChoices, authorisation: Authorisation, at: datetime
) -> PersonChoices:
    """Let a party consult the record; it replaces an earlier one of the same party, relation and session.

    Without an end it lasts as long as the policy says.  Refused for a blocked party: the block would win.
    """
    choices = _at(choices, at)
    _check_party(authorisation.party)
    relation = _relation(policy, authorisation.relation, "authorisation")
    if relation.one_session and not authorisation.session:
        raise _illegal(
            f"An authorisation of the kind `{relation.name}` holds for one session, which it names."
        )
    _check_not_blocked(choices, authorisation.party)
    new = replace(authorisation, period=_period(authorisation.period, relation, at))
    kept = (one for one in choices.authorisations if _meaning(one) != _meaning(new))
    return replace(choices, authorisations=(*kept, new))


def without_authorisation(
    policy: Policy, choices: PersonChoices, party: str, at: datetime, relation: str | None = None
) -> PersonChoices:
    """Withdraw what a party was authorised to, in one relation or in all."""
    choices = _at(choices, at)
    _check_party(party)
    if relation is not None:
        _relation(policy, relation, "authorisation")
    kept = (
        one
        for one in choices.authorisations
        if one.party != party or (relation is not None and one.relation != relation)
    )
    return replace(choices, authorisations=tuple(kept))


def with_role(
    policy: Policy,
    choices: PersonChoices,
    role: Role,
    at: datetime,
    *,
    own: Collection[str] = (),
    held_by: Collection[str] = (),
    born: date | None = None,
) -> PersonChoices:
    """Give a party a role; where there can be one holder only, it follows the one before.

    `own` are identifiers of the person itself, `held_by` those of the parties that hold this role for the
    new holder: nobody represents or cares for oneself, not even by way of another.  `born` is the person's
    birthday: a role that the policy ends at an age ends then at the latest.
    """
    choices = _at(choices, at)
    _check_party(role.party)
    relation = _relation(policy, role.role, "role")
    _check_not_blocked(choices, role.party)
    _check_categories(policy, role.categories)
    if role.party in own or any(party in own for party in held_by):
        raise _illegal(f"A person cannot hold the role `{role.role}` for itself, not even by way of another.")
    period = _period(role.period, relation, at)
    new = replace(role, period=_until_age(policy, relation, period, born, at))
    kept = [
        one
        for one in choices.roles
        if one.role != role.role or (one.party != role.party and not relation.single)
    ]
    if relation.most is not None and sum(one.role == role.role for one in kept) >= relation.most:
        raise _illegal(f"At most {relation.most} parties can hold the role `{role.role}`; end one first.")
    return replace(choices, roles=(*kept, new))


def without_role(
    policy: Policy, choices: PersonChoices, role: str, at: datetime, party: str | None = None
) -> PersonChoices:
    """End a role, of one party or of all."""
    choices = _at(choices, at)
    _relation(policy, role, "role")
    kept = (one for one in choices.roles if one.role != role or (party is not None and one.party != party))
    return replace(choices, roles=tuple(kept))


def with_switch(policy: Policy, choices: PersonChoices, name: str, on: bool, at: datetime) -> PersonChoices:
    """Turn one of the switches of the policy on or off."""
    choices = _at(choices, at)
    if name not in policy.switches:
        raise _illegal(f"There is no switch of this name; there are {_listed(policy.switches)}.")
    return replace(choices, switches=MappingProxyType({**choices.switches, name: on}))


def with_hidden(
    policy: Policy, choices: PersonChoices, item: str, at: datetime, *, secretly: bool = False
) -> PersonChoices:
    """Hide one resource, `Type/id`, from professionals; `secretly`: representatives are not told of it."""
    choices = _at(choices, at)
    _check_item(policy, item)
    hidden = choices.hidden | {item}
    if len(hidden) > policy.hidden_at_most:
        raise _illegal(f"At most {policy.hidden_at_most} items can be hidden one by one; hide all instead.")
    secret = {item} if secretly and item not in choices.hidden else set()
    return replace(choices, hidden=hidden, hidden_secretly=choices.hidden_secretly | secret)


def without_hidden(policy: Policy, choices: PersonChoices, item: str, at: datetime) -> PersonChoices:
    """Show one resource again, as far as nothing else hides it."""
    choices = _at(choices, at)
    _check_item(policy, item)
    secret = choices.hidden_secretly - {item}
    return replace(choices, hidden=choices.hidden - {item}, hidden_secretly=secret)


def with_hide_all(policy: Policy, choices: PersonChoices, hide: bool, at: datetime) -> PersonChoices:
    """Hide everything from professionals, or no longer; what was hidden one by one stays so."""
    del policy
    return replace(_at(choices, at), hide_all=hide)


def with_hide_future(policy: Policy, choices: PersonChoices, hide: bool, at: datetime) -> PersonChoices:
    """Hide what is deposited from now on, or no longer."""
    del policy
    choices = _at(choices, at)
    if hide and choices.hide_future is not None:
        return choices
    return replace(choices, hide_future=at if hide else None)


def with_cross_border(
    policy: Policy, choices: PersonChoices, chosen: CrossBorder, at: datetime
) -> PersonChoices:
    """Choose whether the record may be fetched from abroad, by which countries and what of it."""
    choices = _at(choices, at)
    _check_categories(policy, chosen.categories)
    if not chosen.allowed and (chosen.countries or chosen.categories):
        raise _illegal("Nothing crosses the border, so there are no countries or categories to name.")
    for country in chosen.countries:
        if len(country) != 2 or not country.isascii() or not country.isupper():
            raise _illegal("A country is two capital letters of ISO 3166-1.")
    return replace(choices, cross_border=chosen)


def with_service(policy: Policy, choices: PersonChoices, service: Service, at: datetime) -> PersonChoices:
    """Connect a third-party service for some categories; it replaces an earlier grant to the same."""
    choices = _at(choices, at)
    _check_categories(policy, service.categories)
    if not service.client or not service.categories:
        raise _illegal("A service is connected by its client id and for at least one category.")
    if service.period.until is not None and service.period.until <= at:
        raise _illegal("The end lies in the past.")
    kept = (one for one in choices.services if one.client != service.client)
    return replace(choices, services=(*kept, service))


def without_service(policy: Policy, choices: PersonChoices, client: str, at: datetime) -> PersonChoices:
    """Disconnect a third-party service."""
    del policy
    choices = _at(choices, at)
    return replace(choices, services=tuple(one for one in choices.services if one.client != client))


def with_state(policy: Policy, choices: PersonChoices, state: str, at: datetime) -> PersonChoices:
    """Move the record to another state of its life (`STATES`)."""
    del policy
    choices = _at(choices, at)
    if state not in _NEXT_STATES[choices.state]:
        raise _illegal(f"A record that is {choices.state} cannot become {_listed([state])}.")
    return replace(choices, state=state)


def with_consents(choices: PersonChoices, kind: str, ids: Collection[str]) -> PersonChoices:
    """Note which Consents mirror the choices of one kind; of no ids, none does."""
    others = {name: known for name, known in choices.consents.items() if name != kind}
    return replace(choices, consents=MappingProxyType({**others, kind: tuple(ids)} if ids else others))


def _at(choices: PersonChoices, at: datetime) -> PersonChoices:
    """Return the choices at this instant: what has ended is gone."""
    if choices.at is not None:
        if at < choices.at - CLOCK_TOLERANCE:
            raise clock_behind()
        at = max(at, choices.at)
    return replace(
        choices,
        at=at,
        authorisations=tuple(one for one in choices.authorisations if _lasts(one.period, at)),
        roles=tuple(one for one in choices.roles if _lasts(one.period, at)),
        services=tuple(one for one in choices.services if _lasts(one.period, at)),
    )


def _lasts(period: Period, at: datetime) -> bool:
    return period.until is None or at < period.until


def _period(period: Period, relation: Relation, at: datetime) -> Period:
    from_ = period.from_ if period.from_ is not None else at
    until = period.until
    if until is None and relation.duration is not None:
        until = relation.duration.after(from_)
    if until is not None and until <= max(from_, at):
        raise _illegal("The end lies before the beginning or in the past.")
    return Period(from_, until)


def _until_age(policy: Policy, relation: Relation, period: Period, born: date | None, at: datetime) -> Period:
    if born is None or relation.until_age is None:
        return period
    grown = policy.comes_of(relation.until_age, born)
    if grown <= at or (period.until is not None and period.until <= grown):
        return period
    return replace(period, until=grown)


def _meaning(one: Authorisation) -> tuple[str, str, str, bool]:
    return one.party, one.relation, one.session, one.secret


def _relation(policy: Policy, name: str, source: Source) -> Relation:
    relation = policy.relations.get(name)
    if relation is None or relation.source != source:
        known = [one.name for one in policy.relations.values() if one.source == source]
        raise _illegal(f"There is no {source} of this name; there are {_listed(known)}.")
    return relation


def _check_party(party: str) -> None:
    system, _, value = party.rpartition("|")
    if not system or not value:
        raise _illegal("A party is named by an identifier with system and value.")


def _check_not_blocked(choices: PersonChoices, party: str) -> None:
    if any(block.party == party for block in choices.blocked):
        raise _illegal("The party is blocked, and a block beats everything else; unblock it first.")


def _check_categories(policy: Policy, categories: Collection[str]) -> None:
    if any(category not in policy.class_numbers for category in categories):
        raise _illegal(f"There is no category of this name; there are {_listed(policy.class_numbers)}.")


def _check_item(policy: Policy, item: str) -> None:
    resource_type, _, id = item.partition("/")
    if not is_id(id) or not resource_type.isalpha():
        raise _illegal("An item is named `Type/id`.")
    if resource_type in policy.administrative or resource_type in policy.directory.types:
        raise _illegal("What says who the person is, and what is of no person, cannot be hidden.")


def _listed(names: Collection[Any]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _illegal(text: str) -> FhirError:
    return refuse("illegal-choice", text)
