"""Who asks in the two worlds, what the person chose about them, and what therefore is hidden from them.

A part is written by hand from the policy's prose, not from its code: `marks` are the reasons for which an
item is hidden from it.  What a part must not see is chosen by the scenario, never computed by the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fhir_server.access.choices import (
    Authorisation,
    CrossBorder,
    PersonChoices,
    Role,
    Service,
    with_authorisation,
    with_cross_border,
    with_role,
    with_service,
    with_switch,
)
from fhir_server.access.policy import Policy
from tests.governed import CLINIC, DOCTOR, FINESS, HOSPITAL, RPPS

AT_DOOR = f"{RPPS}|899700000009"
"""Another physician, about whom the worlds may differ."""
DEPOSITOR = (f"{RPPS}|899700000003", CLINIC)
"""Who deposited what the part did not."""
WITNESS = f"{RPPS}|899700000004"
"""The treating doctor, who sees what the person does not."""
PARENT, AIDE = "urn:test|parent", "urn:test|aide"

Choose = Callable[[Policy, PersonChoices, datetime], PersonChoices]

MASK, PERSON, PARENTS, CHOICE = "mask", "from-person", "from-parents", "choice"
DERIVED, UNLABELLED, CLASS, SECRECY, ALWAYS = "derived", "unlabelled", "class", "secrecy", "always"
"""`derived`: no label of its own, but made from something hidden.  `unlabelled`: the same, deposited in the
instant in which the person hid its source.  `class`: of a kind that the part does not read.  `secrecy`: of a
confidentiality that it does not read.  `always`: nothing of the record is seen."""


@dataclass(frozen=True)
class Part:
    """One part.  `token` are fields of its Actor and `purpose`; `identity` None: the person of the record."""

    name: str
    role: str
    identity: str | None
    marks: tuple[str, ...]
    token: Mapping[str, Any] = field(default_factory=dict)
    choose: tuple[Choose, ...] = ()
    kinds: tuple[str, ...] | None = None
    """Kinds of items that it can see at all; None: all."""
    unseen: tuple[str, ...] = ()
    """Kinds that it cannot see, whoever can; for the mark `class`."""
    owns: bool = True
    """Whether it sees its own deposits when everything is hidden."""
    reads_all_patients: bool = False
    meets_choices: bool = True
    """Whether choices about others can differ without it being told."""
    in_emergency: bool = False

    @property
    def authors(self) -> tuple[str, ...]:
        """The names under which it deposits."""
        structure = self.token.get("structure")
        assert self.identity is not None
        return (self.identity, structure) if structure else (self.identity,)


def _authorised(policy: Policy, choices: PersonChoices, at: datetime) -> PersonChoices:
    return with_authorisation(policy, choices, Authorisation(DOCTOR, "care-team"), at)


def _role(role: str, party: str) -> Choose:
    return lambda policy, choices, at: with_role(policy, choices, Role(role, party), at)


def _abroad(policy: Policy, choices: PersonChoices, at: datetime) -> PersonChoices:
    return with_cross_border(policy, choices, CrossBorder(True), at)


def _connected(policy: Policy, choices: PersonChoices, at: datetime) -> PersonChoices:
    return with_service(policy, choices, Service("app-1", ("report",)), at)


def _no_regulation(policy: Policy, choices: PersonChoices, at: datetime) -> PersonChoices:
    return with_switch(policy, choices, "regulation", False, at)


_DOCTOR = {"profession": "doctor", "name": "Dr Test", "structure": HOSPITAL}
_NURSE = {"profession": "nurse", "name": "Nurse Test", "structure": HOSPITAL}
_BREAKS = {**_DOCTOR, "purpose": "BTG", "reason": "unconscious"}
_REGULATES = {**_DOCTOR, "purpose": "ETREAT", "situation": "regulation"}
_SENSITIVE = ("sensitive", "sensitive-binary")
_USUAL = (MASK, DERIVED, UNLABELLED, CHOICE)
_REPORTS = ("document", "observation", "report", "encounter", "binary")
_CROSSES = ("synthesis", "condition", "prescription")

PARTS = {part.name: part for part in (
    Part("care-team", "professional", DOCTOR, _USUAL, _DOCTOR, (_authorised,)),
    Part("nurse", "professional", DOCTOR, (*_USUAL, CLASS), _NURSE, (_authorised,), unseen=_SENSITIVE),
    Part("break-glass", "professional", DOCTOR, _USUAL, _BREAKS, (), in_emergency=True),
    Part("regulation", "professional", DOCTOR, _USUAL, _REGULATES, (), in_emergency=True),
    Part("administrator", "professional", DOCTOR, (CHOICE,), _DOCTOR, (_role("administrator", DOCTOR),)),
    Part("treating-doctor", "professional", DOCTOR, (CHOICE,), _DOCTOR, (_role("treating-doctor", DOCTOR),)),
    Part("person", "person", None, (PERSON, DERIVED), {}, (), meets_choices=False),
    Part(
        "representative", "representative", PARENT, (PERSON, PARENTS, DERIVED), {},
        (_role("representative", PARENT),), meets_choices=False,
    ),
    Part(
        "caregiver", "caregiver", AIDE, (MASK, PERSON, PARENTS, DERIVED, CHOICE), {},
        (_role("caregiver", AIDE),),
    ),
    Part("gateway", "gateway", "urn:test|ncp", (MASK, PERSON, PARENTS, DERIVED, CLASS, SECRECY),
         {"country": "DE"}, (_abroad,), _CROSSES, ("document", "observation", "sensitive", "list"), owns=False),
    Part("app", "app", "urn:test|app", (MASK, PERSON, PARENTS, DERIVED, CLASS),
         {"client": "app-1"}, (_connected,), _REPORTS, ("condition", "synthesis", "sensitive", "list")),
    Part("stranger", "professional", DOCTOR, (ALWAYS,), _DOCTOR, (), (), owns=False),
    Part("regulation-refused", "professional", DOCTOR, (ALWAYS,), _REGULATES, (_no_regulation,), (), owns=False,
         in_emergency=True),
    Part("establishment", "establishment", HOSPITAL, (ALWAYS,), {"structure": HOSPITAL}, (), (), owns=False),
    Part("operator", "operator", "urn:test|op", (ALWAYS,), {"purpose": "HSYSADMIN"}, (), (), owns=False,
         reads_all_patients=True),
    Part("support", "support", "urn:test|support", (ALWAYS,), {}, (), (), owns=False, reads_all_patients=True),
    Part("payer", "payer", f"{FINESS}|9", (ALWAYS,), {"purpose": "COVERAGE"}, (), (), owns=False),
)}  # fmt: skip
"""By name.  The auditor is not among them: it reads every line of the log, and nothing else at all."""
