"""A policy: everything that a realm says about access, read from its file once and never changed.

The words inside are neutral (`masked`, `withheld-from-person`); the codes of a realm stand in its file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from fhir_server.access.durations import Duration
from fhir_server.access.policy_rules import Rule
from fhir_server.model.actor import Actor

MASKED: Final = "masked"
"""The person hid it from professionals."""
WITHHELD_FROM_PERSON: Final = "withheld-from-person"
WITHHELD_FROM_REPRESENTATIVES: Final = "withheld-from-representatives"
CHOICE: Final = "choice"
"""A Consent that mirrors a choice."""

MASKED_BIT: Final = 64
CHOICE_BIT: Final = 128
CONFIDENTIALITY_FACTOR: Final = 16
CLASSES: Final = 16
"""How many type classes `visibility` has room for; 0 is "no class"."""

CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

Direction = Literal["takes", "gives"]
Structures = Literal["none", "own", "all"]
Source = Literal["self", "role", "authorisation", "block", "cross-border", "service"]


@dataclass(frozen=True, slots=True)
class Label:
    """A neutral label: the codings that say it, the first of which is written, and who may set or drop it.

    `set_by` and `dropped_by` name roles and relations of the policy.
    """

    name: str
    codings: tuple[str, ...] = ()
    """`system|code`."""
    set_by: frozenset[str] = frozenset()
    dropped_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Flow:
    """Labels pass along references at `path` (`content.attachment.url`) of a type (`*`: any).

    `takes`: the resource has the labels of what it refers to; `gives`: what it refers to has its labels.
    `display_only`: only where the reference carries a `display`.  `passes_class`: the type class as well.
    """

    type: str
    path: str
    direction: Direction
    display_only: bool = False
    passes_class: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """What an actor can be to a person, and which part of the choices says so."""

    name: str
    source: Source
    holders: frozenset[str] = frozenset()
    """Roles of actors that can stand in it; empty: any."""
    structures: Structures = "none"
    """Whether an entry that names a structure holds for those who work in it, or also in a part of it."""
    one_session: bool = False
    """Whether an authorisation holds in the session only in which it was given."""
    single: bool = False
    """Whether there can be one party at a time."""
    unblockable: bool = False
    duration: Duration | None = None
    """How long it lasts where the choice names no end."""
    until_age: Duration | None = None
    """The age of the person at which it ends by itself, where that is yet to come."""
    most: int | None = None
    """How many parties there can be at a time."""
    set_by: frozenset[str] = frozenset()
    """Roles and relations that may give and end it; empty: the person's side."""
    set_by_grown: frozenset[str] = frozenset()
    """Who may as well once the person has reached `until_age`."""
    declared_by: frozenset[str] = frozenset()
    """Roles and relations that may declare that the person authorised somebody so; empty: nobody."""
    declared_for: Duration | None = None
    """How long a declaration can last; it lasts so long where it names no end."""


@dataclass(frozen=True, slots=True)
class Mode:
    """The way in which a purpose of use is exercised."""

    name: str
    needs_reason: bool = False
    roles: frozenset[str] = frozenset()
    """Who may say that it asks for this; empty: every role."""

    def may_be_said_by(self, role: str) -> bool:
        """Return whether the purpose is one of a role."""
        return not self.roles or role in self.roles


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """Who is told of one kind of event."""

    kind: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DirectoryRule:
    """Types that are of no person: who reads them, who writes all of them or what it deposited itself."""

    types: frozenset[str] = frozenset()
    readers: frozenset[str] = frozenset()
    writers: frozenset[str] = frozenset()
    own_writers: frozenset[str] = frozenset()
    own_types: frozenset[str] = frozenset()
    """What `own_writers` may deposit."""


_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """One realm.  `generation` is the hexadecimal digest of everything that it was read from.

    `class_numbers` numbers the type classes from 1; `class_by_type` classifies whole resource types and
    `class_by_code` single ones by the coding (`system|code`) at the element that `coded` names for the type.
    """

    id: str
    version: str
    generation: str
    timezone: str = "UTC"
    labels: Mapping[str, Label] = field(default_factory=lambda: _NONE)
    forbidden_together: tuple[frozenset[str], ...] = ()
    confidentiality: Mapping[str, int] = field(default_factory=lambda: _NONE)
    """`system|code` -> 0 to 3, rising."""
    class_numbers: Mapping[str, int] = field(default_factory=lambda: _NONE)
    class_by_type: Mapping[str, int] = field(default_factory=lambda: _NONE)
    coded: Mapping[str, str] = field(default_factory=lambda: _NONE)
    class_by_code: Mapping[str, int] = field(default_factory=lambda: _NONE)
    matrix: Mapping[str, frozenset[int]] = field(default_factory=lambda: _NONE)
    """Profession -> the classes that it reads."""
    professions: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """`system|code`, or the name itself -> the name of the profession."""
    roles: frozenset[str] = frozenset()
    forbidden_roles: frozenset[str] = frozenset()
    purposes: Mapping[str, Mode] = field(default_factory=lambda: _NONE)
    switches: Mapping[str, bool] = field(default_factory=lambda: _NONE)
    """What a person can turn on and off, and how it stands where nothing was chosen."""
    relations: Mapping[str, Relation] = field(default_factory=lambda: _NONE)
    directory: DirectoryRule = field(default_factory=DirectoryRule)
    person_systems: frozenset[str] = frozenset()
    """Identifier systems that say who somebody is; empty: what is called official does."""
    administrative: frozenset[str] = frozenset()
    """Types that say who the person is: read by whoever may read the record, not subject to the matrix."""
    undeletable: frozenset[str] = frozenset()
    """Types of a record that end with the record, and not by a deletion."""
    unreadable: frozenset[str] = frozenset()
    """Types that nobody reads."""
    flows: tuple[Flow, ...] = ()
    rules: tuple[Rule, ...] = ()
    clocks: Mapping[str, Duration] = field(default_factory=lambda: _NONE)
    notices: Mapping[str, NoticeRule] = field(default_factory=lambda: _NONE)
    decisions: Mapping[str, bool] = field(default_factory=lambda: _NONE)
    """Switches of the operator for what the sources of the realm leave open."""
    operations: frozenset[str] = frozenset()
    """`$operations` that everyone may call."""
    hidden_at_most: int = 1000
    """How many items can be hidden one by one."""
    label_of: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """`system|code` -> neutral label."""

    @property
    def classification(self) -> str:
        """The digest of all that makes the `visibility` of a resource: classes, codes and levels."""
        parts = (self.class_numbers, self.class_by_type, self.coded, self.class_by_code, self.confidentiality)
        text = "\n".join(repr(sorted(part.items())) for part in parts)
        return hashlib.sha256(text.encode()).hexdigest()

    def class_of(self, resource: Mapping[str, Any]) -> int:
        """Return the type class of a resource, 0 where it has none.

        Where a type is classified by a code, a resource whose code is not listed has no class.
        """
        resource_type = resource["resourceType"]
        element = self.coded.get(resource_type)
        if element is None:
            return self.class_by_type.get(resource_type, 0)
        for coding in _codings(resource.get(element)):
            number = self.class_by_code.get(coding)
            if number is not None:
                return number
        return self.class_by_type.get(resource_type, 0)

    def visibility(self, type_class: int, confidentiality: int, labels: Iterable[str]) -> int:
        """Return `visibility` of a document with these effective labels."""
        number = type_class + CONFIDENTIALITY_FACTOR * confidentiality
        for label in labels:
            if label == MASKED:
                number |= MASKED_BIT
            elif label == CHOICE:
                number |= CHOICE_BIT
        return number

    def profession_of(self, actor: Actor) -> str | None:
        """Return the policy's name of what the actor is by profession, None where it does not know it."""
        return None if actor.profession is None else self.professions.get(actor.profession)

    def comes_of(self, age: Duration, born: date) -> datetime:
        """Return the instant at which a person born on this day reaches an age: midnight in the realm."""
        day = datetime(born.year, born.month, born.day, tzinfo=ZoneInfo(self.timezone))
        return age.after(day).astimezone(UTC)

    def opens_at(self, deposited: datetime) -> datetime | None:
        """Return when what is withheld from the person opens to it by itself; None: never.

        Months and days are those of the realm's calendar.
        """
        clock = self.clocks.get("withheld-opens")
        if clock is None:
            return None
        return clock.after(deposited.astimezone(ZoneInfo(self.timezone))).astimezone(UTC)


def _codings(concept: Any) -> Iterable[str]:
    if not isinstance(concept, Mapping):
        return
    for coding in concept.get("coding") or ():
        if isinstance(coding, Mapping):
            yield f"{coding.get('system', '')}|{coding.get('code', '')}"


def neutral_policy() -> Policy:
    """Return the policy of a server without access control: HL7 confidentiality codes, no rules, no flow."""
    codes = {"U": 0, "L": 0, "M": 0, "N": 0, "R": 1, "V": 2}
    return Policy(
        id="neutral",
        version="1",
        generation=hashlib.sha256(b"neutral|1").hexdigest(),
        confidentiality=MappingProxyType({f"{CONFIDENTIALITY}|{code}": n for code, n in codes.items()}),
    )
