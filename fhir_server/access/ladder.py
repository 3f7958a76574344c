"""The ladder of a policy: the first rule of which every condition holds decides."""

from __future__ import annotations

from functools import lru_cache

from fhir_server.access.person_choices import PersonChoices
from fhir_server.access.policy import Mode, Policy
from fhir_server.access.policy_rules import Rule
from fhir_server.access.relations import Relations
from fhir_server.model.actor import Actor


def first_rule(
    policy: Policy, actor: Actor, mode: Mode, choices: PersonChoices, relations: Relations
) -> Rule | None:
    """Return the rule that decides a request about a person; None: no rule is about it."""
    for rule in _rungs_for(policy, actor, mode):
        if _holds(policy, rule, choices, relations):
            return rule
    return None


def population_rule(policy: Policy, actor: Actor, mode: Mode) -> Rule | None:
    """Return the rule that decides a request about no person; None: the directory is all there is."""
    for rule in _rungs_for(policy, actor, mode):
        if rule.population:
            return rule
    return None


def is_on(policy: Policy, choices: PersonChoices, switch: str) -> bool:
    """Return how a switch stands: as the person set it, else as the policy has it."""
    return choices.switches.get(switch, policy.switches[switch])


def _rungs_for(policy: Policy, actor: Actor, mode: Mode) -> tuple[Rule, ...]:
    return _rungs(policy, actor.kind, mode.name, policy.profession_of(actor), actor.situation)


@lru_cache(maxsize=512)
def _rungs(
    policy: Policy, role: str, mode: str, profession: str | None, situation: str | None
) -> tuple[Rule, ...]:
    """Return the rules that are about an actor, whoever the person is."""
    return tuple(
        rule
        for rule in policy.rules
        if role in rule.roles
        and mode in rule.modes
        and (not rule.professions or profession in rule.professions)
        and (not rule.situations or situation in rule.situations)
    )


def _holds(policy: Policy, rule: Rule, choices: PersonChoices, relations: Relations) -> bool:
    """Return whether what the rule asks of the person and its relation to the actor holds."""
    if choices.state not in rule.states:
        return False
    if rule.relations and rule.relations.isdisjoint(relations):
        return False
    if not rule.without.isdisjoint(relations):
        return False
    return all(is_on(policy, choices, name) for name in rule.on) and not any(
        is_on(policy, choices, name) for name in rule.off
    )
