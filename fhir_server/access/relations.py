"""What an actor is to a person, at one instant, by the person's choices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from fhir_server.access.person_choices import PersonChoices
from fhir_server.access.policy import Policy, Relation, Source, Structures
from fhir_server.model.actor import Actor

Granted = tuple[str, ...]
"""Names of the type classes that a relation is limited to; empty: not limited."""

Relations = Mapping[str, Granted]
"""The relations that hold, with what each is limited to."""

NO_RELATIONS: Final[Relations] = MappingProxyType({})


def relations_of(policy: Policy, actor: Actor, choices: PersonChoices, now: datetime) -> Relations:
    """Return every relation of the policy in which the actor stands to the person."""
    asked = _Asked(actor, choices, now, _names(actor))
    held: dict[str, Granted] = {}
    for relation in _held_by(policy, actor.kind):
        for granted in _SOURCES[relation.source](relation, asked):
            held[relation.name] = _joined(held.get(relation.name), granted)
    return held


@dataclass(frozen=True, slots=True)
class _Asked:
    actor: Actor
    choices: PersonChoices
    now: datetime
    names: Mapping[Structures, tuple[str, ...]]
    """What an entry may say to mean the actor, by how far it reaches."""


def _names(actor: Actor) -> Mapping[Structures, tuple[str, ...]]:
    own = (actor.identity,)
    return {
        "none": own,
        "own": (actor.identity, actor.structure) if actor.structure else own,
        "all": actor.names,
    }


@lru_cache(maxsize=64)
def _held_by(policy: Policy, role: str) -> tuple[Relation, ...]:
    return tuple(one for one in policy.relations.values() if not one.holders or role in one.holders)


def _joined(before: Granted | None, granted: Granted) -> Granted:
    """Return what two entries of one relation grant together: one that is not limited wins."""
    if before is None:
        return granted
    return (*before, *granted) if before and granted else ()


def _self(_: Relation, asked: _Asked) -> Iterator[Granted]:
    if asked.actor.identity == asked.choices.owner:
        yield ()


def _role(relation: Relation, asked: _Asked) -> Iterator[Granted]:
    names = asked.names[relation.structures]
    for role in asked.choices.roles:
        if role.role == relation.name and role.party in names and role.period.covers(asked.now):
            yield role.categories


def _authorisation(relation: Relation, asked: _Asked) -> Iterator[Granted]:
    names, session = asked.names[relation.structures], asked.actor.session
    for one in asked.choices.authorisations:
        if (
            one.relation == relation.name
            and one.party in names
            and one.session in ("", session)
            and one.period.covers(asked.now)
        ):
            yield ()


def _block(relation: Relation, asked: _Asked) -> Iterator[Granted]:
    names = asked.names[relation.structures]
    if any(block.party in names for block in asked.choices.blocked):
        yield ()


def _cross_border(_: Relation, asked: _Asked) -> Iterator[Granted]:
    chosen, country = asked.choices.cross_border, asked.actor.country
    if (
        chosen is not None
        and chosen.allowed
        and country is not None
        and (not chosen.countries or country in chosen.countries)
    ):
        yield chosen.categories


def _service(_: Relation, asked: _Asked) -> Iterator[Granted]:
    for service in asked.choices.services:
        if service.client == asked.actor.client and service.period.covers(asked.now):
            yield service.categories


_SOURCES: Final[Mapping[Source, Callable[[Relation, _Asked], Iterator[Granted]]]] = {
    "self": _self,
    "role": _role,
    "authorisation": _authorisation,
    "block": _block,
    "cross-border": _cross_border,
    "service": _service,
}
