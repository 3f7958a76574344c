"""What a request can name: one person, by id, by identifier or by a resource, or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Names:
    """A person, by the logical id of the Patient; `identifiers` are those that must be the same person's."""

    owner: str
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamesIdentifier:
    """A person by a business identifier, `system|value`.  `creates`: where there is none, one is made.

    `also` are other identifiers that must be the same person's.
    """

    identifier: str
    creates: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamesResource:
    """A resource, by its address: whoever's record it is in."""

    resource_type: str
    id: str


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person whom the request makes known."""


@dataclass(frozen=True, slots=True)
class Directory:
    """Only what is of no person."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing that is stored: no View is needed."""


@dataclass(frozen=True, slots=True)
class Nobody:
    """No person, where one is needed."""


@dataclass(frozen=True, slots=True)
class Several:
    """More than one person."""


AnyNames = Names | NamesIdentifier | NamesResource | NewPerson | Directory | Nothing | Nobody | Several


MOST_IDENTIFIERS: Final = 4
"""Identifiers by which one request can name one person."""


def one_of(found: Iterable[AnyNames], *, spellings: bool = False) -> AnyNames:
    """Return what several parts of one request name together.

    A person who is named outweighs resources, these outweigh the directory; two persons, or two identifiers,
    are `Several`.  A person's id beside an identifier is that person's, if the identifier is; the first of
    several resources stands for all.  `spellings`: several identifiers may be those of one person, which
    whoever looks them up finds out.
    """
    named = list(dict.fromkeys(found))
    owners = {one.owner for one in named if isinstance(one, Names)}
    by_identifier = [one for one in named if isinstance(one, NamesIdentifier)]
    identifiers = {one.identifier for one in by_identifier}
    identifiers.update(text for one in named if isinstance(one, Names) for text in one.identifiers)
    new = any(isinstance(one, NewPerson) for one in named)
    identifiers.update(text for one in by_identifier for text in one.also)
    creates = new or any(one.creates for one in by_identifier)
    most = MOST_IDENTIFIERS if spellings and not creates else 1
    persons = max(len(owners), -(-len(identifiers) // most)) + new
    if persons > 1 or any(isinstance(one, Several) for one in named):
        return Several()
    if owners:
        return Names(owners.pop(), tuple(sorted(identifiers)))
    if identifiers:
        first, *also = sorted(identifiers)
        return NamesIdentifier(first, creates, tuple(also))
    return _impersonal(named)


def _impersonal(named: list[AnyNames]) -> AnyNames:
    for kind in (NewPerson, NamesResource, Directory, Nothing):
        for one in named:
            if isinstance(one, kind):
                return one
    return Nobody()
