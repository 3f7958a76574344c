"""A rule that permits, as predicates over the facts of stored documents: what is read, what is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from fhir_server.access.ladder import is_on
from fhir_server.access.person_choices import PersonChoices
from fhir_server.access.policy import (
    CHOICE,
    CHOICE_BIT,
    CLASSES,
    CONFIDENTIALITY_FACTOR,
    MASKED,
    MASKED_BIT,
    WITHHELD_FROM_REPRESENTATIVES,
    Policy,
)
from fhir_server.access.policy_rules import ALL_CONFIDENTIALITIES, Rule
from fhir_server.access.relations import Granted, Relations
from fhir_server.model.actor import Actor
from fhir_server.model.predicate import (
    AllOf,
    AnyOf,
    AuthorIn,
    Everything,
    LabelsExclude,
    Not,
    Nothing,
    OpensBy,
    OwnerIs,
    Predicate,
    SourcesExclude,
    VisibilityIn,
)

AUDIT_EVENT: Final = "AuditEvent"

_ALL_CLASSES: Final = frozenset(range(CLASSES))
_BIT_LABELS: Final = frozenset({MASKED, CHOICE})
_NOTHING: Final = Nothing()


@dataclass(frozen=True, slots=True)
class ByType(Mapping[str, Predicate]):
    """What `special` does not name is of the directory, or else has the predicate `default`.

    A default of None is nothing, like a type that is left out.
    """

    special: Mapping[str, Predicate]
    directory: Mapping[str, Predicate]
    default: Predicate | None = None

    def __getitem__(self, resource_type: str) -> Predicate:
        found = self.special.get(resource_type)
        if found is None:
            found = self.directory.get(resource_type, self.default)
        if found is None:
            raise KeyError(resource_type)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from self.special
        yield from (name for name in self.directory if name not in self.special)

    def __len__(self) -> int:
        return len(self.special.keys() | self.directory.keys())


@dataclass(frozen=True, slots=True)
class Joint(Mapping[str, Predicate]):
    """What holds by both of two mappings; what one of them leaves out is nothing."""

    one: Mapping[str, Predicate]
    other: Mapping[str, Predicate]

    def __getitem__(self, resource_type: str) -> Predicate:
        return AllOf((self.one[resource_type], self.other[resource_type]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.one)

    def __len__(self) -> int:
        return len(self.one)


@dataclass(frozen=True, slots=True)
class Either(Mapping[str, Predicate]):
    """What holds by a mapping, or by `other`, which says nothing of the types in `directory`."""

    one: Mapping[str, Predicate]
    other: Predicate
    directory: frozenset[str]

    def __getitem__(self, resource_type: str) -> Predicate:
        if resource_type in self.directory:
            return self.one[resource_type]
        try:
            return AnyOf((self.one[resource_type], self.other))
        except KeyError:
            return self.other

    def __iter__(self) -> Iterator[str]:
        return iter(self.one)

    def __len__(self) -> int:
        return len(self.one)


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule that permits is applied to.  `owner` None: a population."""

    policy: Policy
    rule: Rule
    actor: Actor
    owner: str | None
    choices: PersonChoices
    relations: Relations
    now: datetime


def reading(case: Case) -> ByType:
    """Return what may be read."""
    policy, rule, owner = case.policy, case.rule, case.owner
    special: dict[str, Predicate] = {AUDIT_EVENT: _audit(case)}
    directory = directory_reading(policy, case.actor)
    if owner is None:
        special |= dict.fromkeys(rule.reads.names, Everything())
    elif rule.reads.record or rule.reads.names:
        of_person = OwnerIs(owner)
        record = _record(case)
        if rule.reads.record:
            special |= dict.fromkeys(policy.administrative, of_person)
            special |= dict.fromkeys(policy.unreadable, _NOTHING)
            return ByType(special, directory, record)
        for name in rule.reads.names - policy.unreadable:
            special[name] = of_person if name in policy.administrative else record
    return ByType(special, directory)


def writing(case: Case) -> ByType:
    """Return what the before- and the after-image of a write must be."""
    policy, rule = case.policy, case.rule
    special: dict[str, Predicate] = {AUDIT_EVENT: _NOTHING}
    special |= dict.fromkeys(policy.administrative | policy.unreadable, _NOTHING)
    written = _written(case)
    special |= dict.fromkeys(rule.writes.names, written)
    return ByType(special, directory_writing(policy, case.actor), written if rule.writes.record else None)


def directory_reading(policy: Policy, actor: Actor) -> Mapping[str, Predicate]:
    """Return what is read of the types that are of no person."""
    return _directory(policy, actor.kind in policy.directory.readers)


def directory_writing(policy: Policy, actor: Actor) -> Mapping[str, Predicate]:
    """Return what is written of the types that are of no person."""
    rule = policy.directory
    if actor.kind in rule.own_writers and actor.kind not in rule.writers:
        own = AllOf((OwnerIs(None), AuthorIn(authors_of(actor))))
        return {**_directory(policy, False), **dict.fromkeys(rule.own_types, own)}
    return _directory(policy, actor.kind in rule.writers)


@lru_cache(maxsize=16)
def _directory(policy: Policy, allowed: bool) -> Mapping[str, Predicate]:
    return MappingProxyType(dict.fromkeys(policy.directory.types, OwnerIs(None) if allowed else _NOTHING))


def _record(case: Case) -> Predicate:
    rule = case.rule
    visible = _visible(case)
    own_apart = rule.own and bool(visible)
    parts: list[Predicate] = [OwnerIs(case.owner)]
    if own_apart:
        parts.append(AnyOf((_own(case), _all_of(visible))))
    else:
        parts.extend(visible)
    parts.extend(_withheld(rule.withholds - {CHOICE}, rule.opens, case.now))
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _own(case: Case) -> Predicate:
    own = AuthorIn(authors_of(case.actor))
    return AllOf((own, LabelsExclude(frozenset({CHOICE})))) if CHOICE in case.rule.withholds else own


def _visible(case: Case) -> list[Predicate]:
    """Return what limits the reading of what others deposited; of nothing, nothing limits it."""
    rule, choices = case.rule, case.choices
    hides = _hides(case)
    if MASKED in hides and choices.hide_all:
        return [_NOTHING]
    masked, choice = MASKED in hides, CHOICE in rule.withholds
    classes = _classes(case)
    parts: list[Predicate] = []
    if masked or choice or classes != _ALL_CLASSES or rule.confidentialities != ALL_CONFIDENTIALITIES:
        parts.append(VisibilityIn(_values(classes, rule.confidentialities, masked, choice)))
    if others := hides - _BIT_LABELS:
        parts.append(LabelsExclude(others))
    if masked and choices.hidden:
        parts.append(SourcesExclude(choices.hidden))
    return parts


def _hides(case: Case) -> frozenset[str]:
    rule = case.rule
    if not rule.lifted_by:
        return rule.hides
    lifted = {label for label, switch in rule.lifted_by.items() if is_on(case.policy, case.choices, switch)}
    return rule.hides - lifted


def _classes(case: Case) -> frozenset[int]:
    rule, policy = case.rule, case.policy
    classes = _ALL_CLASSES if rule.classes is None else rule.classes
    match rule.limit:
        case "none":
            return classes
        case "matrix":
            profession = policy.profession_of(case.actor)
            return classes & policy.matrix.get(profession or "", frozenset())
        case "granted":
            granted = _granted(rule, case.relations)
            return classes & {policy.class_numbers[name] for name in granted} if granted else classes


def _granted(rule: Rule, relations: Relations) -> Granted:
    granted: Granted = ()
    for name in rule.relations:
        if name in relations:
            if not relations[name]:
                return ()
            granted += relations[name]
    return granted


@lru_cache(maxsize=1024)
def _values(
    classes: frozenset[int], confidentialities: frozenset[int], masked: bool, choice: bool
) -> frozenset[int]:
    """Return every `visibility` of these classes; `masked` and `choice`: without what has those labels."""
    bits = [0] if masked else [0, MASKED_BIT]
    bits += [] if choice else [bit | CHOICE_BIT for bit in bits]
    return frozenset(
        number + CONFIDENTIALITY_FACTOR * level + bit
        for number in classes
        for level in confidentialities
        for bit in bits
    )


def _withheld(labels: frozenset[str], opens: frozenset[str], now: datetime) -> Iterator[Predicate]:
    if never := labels - opens:
        yield LabelsExclude(never)
    if later := labels & opens:
        yield AnyOf((LabelsExclude(later), OpensBy(now)))


def _audit(case: Case) -> Predicate:
    rule = case.rule
    parts: list[Predicate] = [] if case.owner is None else [OwnerIs(case.owner)]
    match rule.audit:
        case "none":
            return _NOTHING
        case "own":
            parts.append(AuthorIn(frozenset({case.actor.identity})))
        case "all":
            parts.extend(_withheld(rule.withholds - {CHOICE}, rule.opens, case.now))
    return _all_of(parts)


def authors_of(actor: Actor) -> frozenset[str]:
    """Return the names under which an actor deposits."""
    return frozenset((actor.identity, actor.structure) if actor.structure else (actor.identity,))


def _written(case: Case) -> Predicate:
    rule = case.rule
    parts: list[Predicate] = [] if case.owner is None else [OwnerIs(case.owner)]
    match rule.writing:
        case "none":
            return _NOTHING
        case "own":
            parts.append(AuthorIn(authors_of(case.actor)))
        case "all":
            pass
    if case.actor.secret:
        parts.append(Not(LabelsExclude(frozenset({WITHHELD_FROM_REPRESENTATIVES}))))
    return _all_of(parts)


def _all_of(parts: list[Predicate]) -> Predicate:
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))
