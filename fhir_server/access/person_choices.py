"""What one person chose, as one immutable value, and the plain document that the store keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

STATES: Final = ("open", "opposed", "closed")
"""The life of a record: in use, refused before it was used, closed (archived)."""

_NO_SWITCHES: Mapping[str, bool] = MappingProxyType({})
_NO_CONSENTS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Period:
    """The instants `from_ <= t < until`; None is unbounded on that side."""

    from_: datetime | None = None
    until: datetime | None = None

    def covers(self, now: datetime) -> bool:
        """Return whether the instant is in the period."""
        return (self.from_ is None or self.from_ <= now) and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Authorisation:
    """A party may consult the record.  `relation` is a relation of the policy that comes by authorisation."""

    party: str
    """`system|value` of a professional or a structure."""
    relation: str
    period: Period = field(default_factory=Period)
    session: str = ""
    """The only session in which it holds; empty: any."""
    declared_by: str = ""
    """Who collected it on behalf of the person, `system|value`; empty: the person."""
    secret: bool = False
    """Whether it was given in a session that stays unknown to representatives."""


@dataclass(frozen=True, slots=True)
class Block:
    """A party is kept out, whatever else is chosen."""

    party: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Role:
    """What a party is to the person.  `role` is a relation of the policy that comes by role."""

    role: str
    party: str
    period: Period = field(default_factory=Period)
    categories: tuple[str, ...] = ()
    """Names of type classes that the role is limited to; empty: as far as the policy goes."""


@dataclass(frozen=True, slots=True)
class Service:
    """A third-party service that the person connected, for some categories."""

    client: str
    categories: tuple[str, ...]
    period: Period = field(default_factory=Period)


@dataclass(frozen=True, slots=True)
class CrossBorder:
    """Whether the record may be fetched from abroad.  Empty `countries`: from everywhere."""

    allowed: bool
    countries: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    """Names of type classes; empty: all that the policy lets cross."""


@dataclass(frozen=True, slots=True)
class PersonChoices:
    """Everything that a person chose about access to its record.

    `version` counts the changes, 0: none was ever made.  `at` is the instant of the last one: a clock that
    is behind it cannot decide.  `consents` gives, by kind of choice, the ids of the Consents that mirror it.
    """

    owner: str
    version: int = 0
    at: datetime | None = None
    state: str = "open"
    authorisations: tuple[Authorisation, ...] = ()
    blocked: tuple[Block, ...] = ()
    roles: tuple[Role, ...] = ()
    hidden: frozenset[str] = frozenset()
    """`Type/id` of what the person hid one by one."""
    hidden_secretly: frozenset[str] = frozenset()
    """Those of `hidden` of which representatives are not told."""
    secret_changes: int = 0
    """How many of the versions changed nothing that representatives are told: they are not told of those."""
    hide_all: bool = False
    """Everything is hidden, whatever its own label."""
    hide_future: datetime | None = None
    """What is deposited from this instant on is hidden."""
    switches: Mapping[str, bool] = field(default_factory=lambda: _NO_SWITCHES)
    """Only what was set; `Policy.switches` has the rest."""
    cross_border: CrossBorder | None = None
    """None: never chosen, which allows nothing."""
    services: tuple[Service, ...] = ()
    consents: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_CONSENTS)

    @property
    def hides_new(self) -> bool:
        """Whether what is deposited is hidden from professionals from the start.

        From the change on, not from its instant on: another worker's clock may be behind it.
        """
        return self.hide_future is not None


def without_secrets(choices: PersonChoices) -> PersonChoices:
    """Return the choices as representatives are told of them."""
    return replace(
        choices,
        authorisations=tuple(one for one in choices.authorisations if not one.secret),
        hidden=choices.hidden - choices.hidden_secretly,
        hidden_secretly=frozenset(),
        version=choices.version - choices.secret_changes,
        secret_changes=0,
    )


def with_secrets(choices: PersonChoices, before: PersonChoices) -> PersonChoices:
    """Return choices that were made without knowing the secret ones of `before`, together with those."""
    secret = tuple(one for one in before.authorisations if one.secret)
    return replace(
        choices,
        authorisations=(*choices.authorisations, *secret),
        hidden=choices.hidden | before.hidden_secretly,
        hidden_secretly=before.hidden_secretly - choices.hidden,
        version=before.version,
        secret_changes=before.secret_changes,
    )


def is_secret(before: PersonChoices, after: PersonChoices) -> bool:
    """Return whether a change is about nothing that representatives are told."""
    return _told(before) == _told(after)


def _told(choices: PersonChoices) -> PersonChoices:
    return replace(without_secrets(choices), version=0, at=None, consents=_NO_CONSENTS)


def no_choices(owner: str) -> PersonChoices:
    """Return the choices of a person who never made one."""
    return PersonChoices(owner)


def write_choices(choices: PersonChoices) -> dict[str, Any]:
    """Return the document of the choices: plain values and aware instants, nothing that is not chosen."""
    document: dict[str, Any] = {
        "owner": choices.owner,
        "version": choices.version,
        "at": choices.at,
        "state": choices.state,
        "authorisations": [_write_authorisation(one) for one in choices.authorisations],
        "blocked": [{"party": one.party, "since": one.since} for one in choices.blocked],
        "roles": [
            {
                "role": one.role,
                "party": one.party,
                "categories": list(one.categories),
                **_write_period(one.period),
            }
            for one in choices.roles
        ],
        "hidden": sorted(choices.hidden),
        "hidden_secretly": sorted(choices.hidden_secretly),
        "secret_changes": choices.secret_changes,
        "hide_all": choices.hide_all,
        "hide_future": choices.hide_future,
        "switches": dict(choices.switches),
        "cross_border": _write_cross_border(choices.cross_border),
        "services": [
            {"client": one.client, "categories": list(one.categories), **_write_period(one.period)}
            for one in choices.services
        ],
        "consents": {kind: list(ids) for kind, ids in choices.consents.items()},
    }
    return {key: value for key, value in document.items() if value not in (None, [], {}, False)}


def read_choices(document: Mapping[str, Any]) -> PersonChoices:
    """Return the choices of a document that `write_choices` wrote, whatever else stands beside it."""
    get = document.get
    return PersonChoices(
        owner=document["owner"],
        version=get("version", 0),
        at=get("at"),
        state=get("state", "open"),
        authorisations=tuple(
            Authorisation(
                one["party"],
                one["relation"],
                _read_period(one),
                one.get("session", ""),
                one.get("declared_by", ""),
                one.get("secret", False),
            )
            for one in get("authorisations", ())
        ),
        blocked=tuple(Block(one["party"], one["since"]) for one in get("blocked", ())),
        roles=tuple(
            Role(one["role"], one["party"], _read_period(one), tuple(one.get("categories", ())))
            for one in get("roles", ())
        ),
        hidden=frozenset(get("hidden", ())),
        hidden_secretly=frozenset(get("hidden_secretly", ())),
        secret_changes=get("secret_changes", 0),
        hide_all=get("hide_all", False),
        hide_future=get("hide_future"),
        switches=MappingProxyType(dict(get("switches", {}))),
        cross_border=_read_cross_border(get("cross_border")),
        services=tuple(
            Service(one["client"], tuple(one.get("categories", ())), _read_period(one))
            for one in get("services", ())
        ),
        consents=MappingProxyType({kind: tuple(ids) for kind, ids in get("consents", {}).items()}),
    )


def _write_authorisation(one: Authorisation) -> dict[str, Any]:
    written = {"party": one.party, "relation": one.relation, "session": one.session}
    secret = {"secret": True} if one.secret else {}
    return {**written, "declared_by": one.declared_by, **secret, **_write_period(one.period)}


def _write_period(period: Period) -> dict[str, datetime]:
    bounds = {"from": period.from_, "until": period.until}
    return {key: value for key, value in bounds.items() if value is not None}


def _read_period(document: Mapping[str, Any]) -> Period:
    return Period(document.get("from"), document.get("until"))


def _write_cross_border(chosen: CrossBorder | None) -> dict[str, Any] | None:
    if chosen is None:
        return None
    return {
        "allowed": chosen.allowed,
        "countries": list(chosen.countries),
        "categories": list(chosen.categories),
    }


def _read_cross_border(document: Mapping[str, Any] | None) -> CrossBorder | None:
    if document is None:
        return None
    return CrossBorder(
        document["allowed"], tuple(document.get("countries", ())), tuple(document.get("categories", ()))
    )
