"""Persons, actors and stored items as the decision tests speak of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fhir_server.access.choices import (
    Authorisation,
    CrossBorder,
    Period,
    PersonChoices,
    Role,
    Service,
    no_choices,
    with_authorisation,
    with_block,
    with_cross_border,
    with_role,
    with_service,
    with_state,
    with_switch,
)
from fhir_server.access.decide import decide
from fhir_server.access.policy import Policy
from fhir_server.model.actor import Actor
from fhir_server.model.document import Access, Facts
from fhir_server.model.outcome import FhirError
from fhir_server.model.predicate import Nothing, matches

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
OWNER = "p1"

DOCTOR = "urn:rpps|1"
NURSE = "urn:rpps|2"
COLLEAGUE = "urn:rpps|3"
PARENT = "urn:ins|9"
HOSPITAL = "urn:finess|H"
WARD = "urn:finess|H-ward"
CLINIC = "urn:finess|C"

doctor = Actor("professional", DOCTOR, profession="doctor", structure=HOSPITAL, session="s1")
nurse = Actor("professional", NURSE, profession="nurse", structure=HOSPITAL, session="s1")
person = Actor("person", OWNER)
parent = Actor("representative", PARENT)
hospital = Actor("establishment", HOSPITAL)


def urgent(actor: Actor, reason: str | None = "found unconscious") -> Actor:
    """Return the actor with the reason that breaking the glass needs."""
    return replace(actor, reason=reason)


def regulator(actor: Actor = doctor) -> Actor:
    """Return the actor as a doctor who regulates emergency calls."""
    return replace(actor, situation="regulation")


class Chooser:
    """Builds choices of one person, in the words of the tests."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.choices = no_choices(OWNER)

    def team(self, party: str = HOSPITAL) -> Chooser:
        return self._authorise(Authorisation(party, "care-team"))

    def consent(self, party: str, relation: str = "consent", session: str = "", **more: Any) -> Chooser:
        return self._authorise(Authorisation(party, relation, session=session, **more))

    def role(self, role: str, party: str, *categories: str, until: datetime | None = None) -> Chooser:
        given = Role(role, party, Period(None, until), categories)
        self.choices = with_role(self.policy, self.choices, given, EARLIER)
        return self

    def block(self, party: str) -> Chooser:
        self.choices = with_block(self.policy, self.choices, party, EARLIER)
        return self

    def switch(self, name: str, on: bool) -> Chooser:
        self.choices = with_switch(self.policy, self.choices, name, on, EARLIER)
        return self

    def abroad(self, *countries: str, categories: tuple[str, ...] = ()) -> Chooser:
        chosen = CrossBorder(True, countries, categories)
        self.choices = with_cross_border(self.policy, self.choices, chosen, EARLIER)
        return self

    def service(self, client: str, *categories: str, until: datetime | None = None) -> Chooser:
        paired = Service(client, categories, Period(None, until))
        self.choices = with_service(self.policy, self.choices, paired, EARLIER)
        return self

    def state(self, state: str) -> Chooser:
        self.choices = with_state(self.policy, self.choices, state, EARLIER)
        return self

    def _authorise(self, authorisation: Authorisation) -> Chooser:
        self.choices = with_authorisation(self.policy, self.choices, authorisation, EARLIER)
        return self


def item(
    policy: Policy,
    class_name: str = "report",
    *labels: str,
    authors: tuple[str, ...] = (COLLEAGUE, CLINIC),
    resource_type: str = "DocumentReference",
    level: int = 0,
    opens: datetime | None = None,
    source: tuple[str, ...] = (),
    owner: str | None = OWNER,
) -> Facts:
    """Return the facts of a stored document; `class_name` empty: of no class."""
    number = policy.class_numbers[class_name] if class_name else 0
    return Facts(
        resource_type, "d1", owner, policy.visibility(number, level, labels),
        Access(labels=labels, authors=authors, source=source, from_=opens),
    )  # fmt: skip


def outcome(
    policy: Policy,
    actor: Actor,
    choices: PersonChoices | None,
    facts: Facts,
    purpose: str = "TREAT",
    now: datetime = NOW,
) -> str:
    """Return what a request that names the person is answered about one item.

    `seen`, `hidden` (like absent), else the situation of the refusal.
    """
    try:
        view = decide(policy, actor, purpose, OWNER, choices, now)
    except FhirError as error:
        return error.issues[0].situation
    reads = view.reads(facts.resource_type)
    if isinstance(reads, Nothing):
        return "refused"
    return "seen" if matches(reads, facts) else "hidden"


def write_outcome(
    policy: Policy, actor: Actor, choices: PersonChoices | None, facts: Facts, purpose: str = "TREAT"
) -> str:
    """Return whether an item of these facts may be written: `allowed`, `not-allowed` or the refusal."""
    try:
        view = decide(policy, actor, purpose, OWNER, choices, NOW)
    except FhirError as error:
        return error.issues[0].situation
    return "allowed" if matches(view.writes(facts.resource_type), facts) else "not-allowed"
