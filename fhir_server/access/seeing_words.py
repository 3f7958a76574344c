"""Why somebody would see something or not, in sentences for the person, English and French: texts as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Final

from fhir_server.access.choice_words import Sentence, in_force
from fhir_server.access.choices import PersonChoices
from fhir_server.access.consent import EMERGENCY
from fhir_server.access.decide import Explanation
from fhir_server.access.policy import CLASSES, MASKED, Policy
from fhir_server.access.spread import GIVEN
from fhir_server.model.actor import Actor
from fhir_server.model.document import Facts

PERMITTED: Final = "permit"
DENIED: Final = "deny"
NO_RULE: Final = "no-rule"
NORMAL: Final = "normal"

_Texts = tuple[str, str]

TEXTS: Final[Mapping[str, _Texts]] = MappingProxyType({
    PERMITTED: ("Access is permitted by the rule `{name}`.", "L’accès est permis par la règle « {name} »."),
    DENIED: ("Access is refused by the rule `{name}`.", "L’accès est refusé par la règle « {name} »."),
    NO_RULE: ("Access is refused: no rule permits it.", "L’accès est refusé : aucune règle ne le permet."),
    "mode": ("The access would be in the mode `{name}`.", "L’accès se ferait dans le mode « {name} »."),
    "record": ("The record is `{name}`.", "L’état du dossier est « {name} »."),
    "relation": ("By your choices, who asks is `{name}`.", "D’après vos choix, le demandeur est « {name} »."),
    "switch": ("The emergency switch stands so: {name}.",
               "L’interrupteur d’urgence est réglé ainsi : {name}."),
    "choice": ("You chose to hide everything.", "Vous avez choisi de tout masquer."),
    "other": ("It counted that {name}.", "Ce point a compté : {name}."),
})  # fmt: skip
"""What counted in a decision."""

ITEM_TEXTS: Final[Mapping[str, _Texts]] = MappingProxyType({
    "seen": ("This item would be seen.", "Cet élément serait visible."),
    "denied": ("This item would not be seen: access to the record is refused.",
               "Cet élément ne serait pas visible : l’accès au dossier est refusé."),
    "masked": ("This item would not be seen: you hid it.",
               "Cet élément ne serait pas visible : vous l’avez masqué."),
    "derived": ("This item would not be seen: it comes from an item that you hid.",
                "Cet élément ne serait pas visible : il provient d’un élément que vous avez masqué."),
    "future": ("This item would not be seen: you hid what is deposited from then on.",
               "Cet élément ne serait pas visible : vous avez masqué ce qui est déposé depuis lors."),
    "everything": ("This item would not be seen: you hid everything.",
                   "Cet élément ne serait pas visible : vous avez tout masqué."),
    "label": ("This item would not be seen: a label withholds it.",
              "Cet élément ne serait pas visible : une étiquette le soustrait."),
    "class": ("This item would not be seen: what is of the kind `{name}` is not open to who asks.",
              "Cet élément ne serait pas visible : la catégorie « {name} » n’est pas ouverte au demandeur."),
    "policy": ("This item would not be seen: the policy does not open it.",
               "Cet élément ne serait pas visible : la politique ne l’ouvre pas."),
})  # fmt: skip
"""Why one item would be seen or not."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who would ask, and when."""

    actor: Actor
    now: datetime
    zone: tzinfo


def reasons(
    explanation: Explanation, choices: PersonChoices, policy: Policy, question: Question
) -> tuple[Sentence, ...]:
    """Return what decided: the rule, what counted, and the choices of the person that are about who asks."""
    effect = explanation.effect if explanation.rule else NO_RULE
    found = [_said(effect, TEXTS, effect, explanation.rule)]
    normal = f"mode: {NORMAL}" in explanation.why
    for reason in explanation.why:
        kind, colon, name = reason.partition(": ")
        known = kind if colon and kind in TEXTS else "other"
        found.append(_said(known, TEXTS, known, name if known == kind else reason))
    about = _about(choices, question.actor)
    for sentence in in_force(about, policy, question.now, question.zone):
        if not (normal and sentence.kind == EMERGENCY) and sentence.kind != "nothing":
            found.append(sentence)
    return tuple(found)


def item_reason(
    facts: Facts, seen: bool, explanation: Explanation, choices: PersonChoices, policy: Policy
) -> Sentence:
    """Return why an item that the person sees would be seen by who asks, or not."""
    name = "seen" if seen else _hidden_by(facts, explanation, choices, policy)
    number = facts.visibility % CLASSES
    classes = {known: label for label, known in policy.class_numbers.items()}
    return _said(name, ITEM_TEXTS, name, classes.get(number, ""))


def _hidden_by(facts: Facts, explanation: Explanation, choices: PersonChoices, policy: Policy) -> str:
    if explanation.view is None:
        return "denied"
    labels = facts.access.labels
    own = f"{facts.resource_type}/{facts.id}"
    found = (
        ("masked", own in choices.hidden or (MASKED in labels and not facts.access.source)),
        ("future", f"{GIVEN}{MASKED}" in facts.access.source),
        ("derived", MASKED in labels or not choices.hidden.isdisjoint(facts.access.source)),
        ("everything", choices.hide_all),
        ("label", any(label in policy.labels for label in labels)),
        ("class", facts.visibility % CLASSES != 0),
    )
    return next((name for name, holds in found if holds), "policy")


def _about(choices: PersonChoices, actor: Actor) -> PersonChoices:
    """Return the choices without those that are about others."""
    named = {*actor.names, *((actor.client,) if actor.client else ())}
    return replace(
        choices,
        authorisations=tuple(one for one in choices.authorisations if one.party in named),
        blocked=tuple(one for one in choices.blocked if one.party in named),
        roles=tuple(one for one in choices.roles if one.party in named),
        services=tuple(one for one in choices.services if one.client in named),
        cross_border=choices.cross_border if actor.country else None,
        state="open",
    )


def _said(kind: str, texts: Mapping[str, _Texts], key: str, name: str) -> Sentence:
    english, french = (text.format(name=name) for text in texts[key])
    return Sentence(kind, english, french)
