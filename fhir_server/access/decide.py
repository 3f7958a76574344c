"""The decision: who asks, what for, about whom, by which choices, and at what instant; out comes the View.

Pure, and made before anything is read.  `access.ladder` finds the rule, `access.predicates` compiles it.
A View that reads `Nothing` of a type (`view.reads(type)`) may not consult it at all: a request that names a
person is then refused, whatever the record holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

from fhir_server.access.choices import CLOCK_TOLERANCE, clock_behind
from fhir_server.access.ladder import first_rule, population_rule
from fhir_server.access.person_choices import PersonChoices, no_choices
from fhir_server.access.policy import MASKED, Mode, Policy
from fhir_server.access.policy_rules import Rule
from fhir_server.access.predicates import (
    ByType,
    Case,
    Either,
    Joint,
    authors_of,
    directory_reading,
    directory_writing,
    reading,
    writing,
)
from fhir_server.access.relations import NO_RELATIONS, Relations, relations_of
from fhir_server.model.actor import Actor
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.predicate import AllOf, AuthorIn, OwnerIs, Predicate
from fhir_server.model.view import View

REFUSED: Final = "You are not authorised to do this for this person."
"""The one text for whoever names a person, whatever the reason."""

DIRECTORY_RULE: Final = "directory"
"""What `View.rule` says where no person is concerned and no rule is about it."""

_NO_TYPES: Final[Mapping[str, Predicate]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be decided and why, for the eyes of the person alone.

    `rule` is empty where no rule is about the request.  `why` names the relations that hold and the choices
    that counted, in the words of the policy.  `view` is there where it is permitted.
    """

    rule: str
    effect: Literal["permit", "deny"]
    why: tuple[str, ...]
    view: View | None


def decide(
    policy: Policy,
    actor: Actor,
    purpose: str,
    owner: str | None,
    choices: PersonChoices | None,
    now: datetime,
) -> View:
    """Return the View of a request about `owner`, the logical id of a Patient; None: about no person.

    `choices` None: the person never made any.  Raises FhirError `refused` with the text REFUSED,
    `reason-needed` where the purpose needs one, `clock-behind`.
    """
    mode = _mode(policy, actor, purpose)
    if owner is None:
        return _without_person(policy, actor, purpose, mode, now)
    chosen = _chosen(owner, choices, now)
    if actor.record is not None and actor.record != owner:
        raise _refused()
    relations = relations_of(policy, actor, chosen, now)
    rule = first_rule(policy, actor, mode, chosen, relations)
    if rule is None or rule.effect == "deny":
        raise _refused()
    return _view(Case(policy, rule, actor, owner, chosen, relations, now), purpose, mode)


def explain(
    policy: Policy,
    actor: Actor,
    purpose: str,
    owner: str,
    choices: PersonChoices | None,
    now: datetime,
) -> Explanation:
    """Return what `decide` would answer and why.  Raises `reason-needed` and `clock-behind` alike."""
    try:
        mode = _mode(policy, actor, purpose)
    except FhirError as error:
        if error.issues[0].situation != "refused":
            raise
        return Explanation("", "deny", ("the role or the purpose is not admitted",), None)
    chosen = _chosen(owner, choices, now)
    if actor.record is not None and actor.record != owner:
        return Explanation("", "deny", ("the token is for another record",), None)
    relations = relations_of(policy, actor, chosen, now)
    rule = first_rule(policy, actor, mode, chosen, relations)
    why = _why(policy, rule, mode, chosen, relations)
    if rule is None or rule.effect == "deny":
        return Explanation(rule.name if rule else "", "deny", why, None)
    view = _view(Case(policy, rule, actor, owner, chosen, relations, now), purpose, mode)
    return Explanation(rule.name, "permit", why, view)


def acting(view: View) -> View:
    """Return the View of the writes by which an operation carries out a choice that the View lets be made.

    It writes anything of the one person, whoever deposited it: labels, the Consents that mirror choices.
    Never for what a client sent.
    """
    return replace(view, write=ByType(_NO_TYPES, _NO_TYPES, OwnerIs(view.owner)))


def depositing(view: View, actor: Actor) -> View:
    """Return the View of a deposit that is told from its repetition: beside what may be read, it finds what
    the same actor deposited in the same record before.

    It tells the actor nothing that it did not send itself.
    """
    if view.owner is None:
        return view
    own = AllOf((OwnerIs(view.owner), AuthorIn(authors_of(actor))))
    return replace(view, by_type=Either(view.by_type, own, view.directory))


def shared(view: View, other: View) -> View:
    """Return the View of what both let be read: what the one may know of what the other sees."""
    return View(
        actor=view.actor,
        purpose=view.purpose,
        owner=view.owner,
        by_type=Joint(view.by_type, other.by_type),
        write=MappingProxyType({}),
        digest=hashlib.sha256(view.digest + other.digest).digest(),
        rule=view.rule,
        directory=view.directory,
        mode=view.mode,
    )


def _mode(policy: Policy, actor: Actor, purpose: str) -> Mode:
    """Return how the purpose is exercised: known from the token alone."""
    mode = policy.purposes.get(purpose)
    if mode is None or actor.kind not in policy.roles or actor.kind in policy.forbidden_roles:
        raise _refused()
    if not mode.may_be_said_by(actor.kind):
        raise _refused()
    if mode.needs_reason and not (actor.reason or "").strip():
        raise refuse("reason-needed", "This purpose of use needs a reason, in words, in the token.")
    return mode


def _chosen(owner: str, choices: PersonChoices | None, now: datetime) -> PersonChoices:
    if choices is None:
        return no_choices(owner)
    if choices.owner != owner:
        raise ValueError("the choices are of another person")
    if choices.at is not None and now < choices.at - CLOCK_TOLERANCE:
        raise clock_behind()
    return choices


def _without_person(policy: Policy, actor: Actor, purpose: str, mode: Mode, now: datetime) -> View:
    rule = population_rule(policy, actor, mode)
    if rule is not None:
        if rule.effect == "deny":
            raise _refused()
        return _view(Case(policy, rule, actor, None, no_choices(""), NO_RELATIONS, now), purpose, mode)
    kinds = policy.directory.readers | policy.directory.writers | policy.directory.own_writers
    if actor.kind not in kinds:
        raise _refused()
    return View(
        actor=actor.ref,
        purpose=purpose,
        owner=None,
        by_type=ByType(_NO_TYPES, directory_reading(policy, actor)),
        write=ByType(_NO_TYPES, directory_writing(policy, actor)),
        digest=_digest(policy, actor, purpose, None),
        rule=DIRECTORY_RULE,
        directory=policy.directory.types,
        operations=policy.operations,
        mode=mode.name,
    )


def _view(case: Case, purpose: str, mode: Mode) -> View:
    policy, rule, actor = case.policy, case.rule, case.actor
    return View(
        actor=actor.ref,
        purpose=purpose,
        owner=case.owner,
        by_type=reading(case),
        write=writing(case),
        digest=_digest(policy, actor, purpose, case.owner),
        rule=rule.name,
        directory=policy.directory.types,
        operations=rule.operations | (policy.operations if rule.consults_or_writes else frozenset()),
        tells=rule.tells,
        mode=mode.name,
        update_create=rule.creates_by_update,
        given=(MASKED,) if case.choices.hides_new else (),
    )


def _digest(policy: Policy, actor: Actor, purpose: str, owner: str | None) -> bytes:
    parts = (actor.kind, actor.identity, purpose, "-" if owner is None else f"={owner}", policy.generation)
    return hashlib.sha256("\x00".join(parts).encode()).digest()


def _refused() -> FhirError:
    return refuse("refused", REFUSED)


def _why(
    policy: Policy, rule: Rule | None, mode: Mode, choices: PersonChoices, relations: Relations
) -> tuple[str, ...]:
    """Return what counted, each as `kind: name`."""
    why = [f"mode: {mode.name}", f"record: {choices.state}"]
    why += [f"relation: {name}" for name in relations]
    if rule is None:
        return (*why, "no rule permits it")
    counted = sorted({*rule.on, *rule.off, *rule.lifted_by.values()})
    why += [f"switch: {n} {'on' if choices.switches.get(n, policy.switches[n]) else 'off'}" for n in counted]
    if choices.hide_all and "masked" in rule.hides:
        why.append("choice: everything is hidden")
    return tuple(why)
