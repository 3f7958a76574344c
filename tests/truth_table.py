"""The truth table of access as data: who, what the person chose, which document, what is answered and told.

`Row.number` is the row of docs/access-table.md.  Rows that take more than one document and one question are
tests of their own beside those that read this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import Literal

from fhir_server.model.actor import Actor
from tests.access.cases import (
    CLINIC,
    COLLEAGUE,
    DOCTOR,
    EARLIER,
    HOSPITAL,
    NURSE,
    PARENT,
    WARD,
    Chooser,
    doctor,
    hospital,
    nurse,
    parent,
    person,
    regulator,
    urgent,
)

Outcome = Literal["seen", "hidden", "refused"]
Chosen = Callable[[Chooser], Chooser]

MASKED = ("masked",)
FROM_PERSON = ("withheld-from-person",)
FROM_PARENTS = ("withheld-from-representatives",)
OTHERS = (COLLEAGUE, CLINIC)
OWN = (DOCTOR, HOSPITAL)

NOS = "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
CODES = {
    "report": "http://loinc.org|11488-4",
    "synthesis": "http://loinc.org|60591-5",
    "imaging": "http://loinc.org|18748-4",
    "dispensation": "http://loinc.org|60593-1",
    "sensitive-report": "http://loinc.org|68599-0",
    "social": "http://loinc.org|80788-3",
    "advance-directive": f"{NOS}|EXPPAT_3",
    "residence": f"{NOS}|ATTEST-RESID",
    "unlisted": "urn:test:codes|unlisted",
}
"""A code of a document of each type class."""

PERSON = ("person",)
BOTH = ("person", "treating-doctor")
NOBODY: tuple[str, ...] = ()

app = Actor("app", "urn:client|tensio", client="tensio")
gateway = Actor("gateway", "urn:ncp|BE", country="BE")
carer = Actor("caregiver", "urn:ins|5")
occupational = replace(doctor, situation="occupational")
elsewhere = replace(doctor, structure=CLINIC)
in_ward = replace(doctor, structure=WARD, parents=(HOSPITAL,))
pharmacist = replace(doctor, profession="pharmacist")
social_worker = replace(doctor, profession="social-worker")
reasoned = urgent(doctor)
caller = regulator()
ended = EARLIER + timedelta(minutes=30)


def nothing(chooser: Chooser) -> Chooser:
    return chooser


def team(chooser: Chooser) -> Chooser:
    return chooser.team()


def consenting(chooser: Chooser) -> Chooser:
    return chooser.consent(DOCTOR)


def treated(chooser: Chooser) -> Chooser:
    return chooser.role("treating-doctor", DOCTOR)


def child(chooser: Chooser) -> Chooser:
    return chooser.role("representative", PARENT)


def cared(chooser: Chooser) -> Chooser:
    return chooser.role("caregiver", carer.identity, "report")


@dataclass(frozen=True, slots=True)
class Row:
    """One actor asks for one document of a person, by its id and by a search that names the person."""

    number: int
    name: str
    actor: Actor
    chosen: Chosen
    outcome: Outcome
    rule: str
    """What the access log says decided."""
    told: tuple[str, ...] = PERSON
    """Who is told of it; of what was refused, the person alone is."""
    kind: str = "report"
    """A type class; a key of CODES."""
    labels: tuple[str, ...] = ()
    authors: tuple[str, ...] = OTHERS
    purpose: str = "TREAT"

    @property
    def id(self) -> str:
        """The name of the row in tests, and in the ids of its persons."""
        return f"{self.number:02d}-{self.name}"


ROWS = (
    Row(1, "person", person, nothing, "seen", "person", NOBODY),
    Row(2, "person-masked", person, nothing, "seen", "person", NOBODY, labels=MASKED),
    Row(3, "person-unannounced", person, nothing, "hidden", "person", NOBODY, labels=FROM_PERSON),
    Row(5, "person-closed", person, lambda c: c.state("closed"), "refused", "person-of-a-closed-record", NOBODY),
    Row(6, "parent", parent, child, "seen", "representative", NOBODY),
    Row(6, "parent-masked", parent, child, "seen", "representative", NOBODY, labels=MASKED),
    Row(7, "parent-secret", parent, child, "hidden", "representative", NOBODY, labels=FROM_PARENTS),
    Row(8, "parent-unannounced", parent, child, "hidden", "representative", NOBODY, labels=FROM_PERSON),
    Row(9, "parent-of-adult", parent, lambda c: c.role("representative", PARENT, until=ended), "refused", ""),
    Row(10, "minor-own-secret", person, child, "seen", "person", NOBODY, labels=FROM_PARENTS),
    Row(11, "caregiver-in-scope", carer, cared, "seen", "caregiver"),
    Row(11, "caregiver-out-of-scope", carer, cared, "hidden", "caregiver", kind="imaging"),
    Row(11, "caregiver-masked", carer, cared, "hidden", "caregiver", labels=MASKED),
    Row(12, "treating-doctor", doctor, treated, "seen", "treating-doctor"),
    Row(13, "treating-doctor-masked", doctor, treated, "seen", "treating-doctor", labels=MASKED),
    Row(14, "treating-doctor-unannounced", doctor, treated, "seen", "treating-doctor", labels=FROM_PERSON),
    Row(14, "treating-doctor-secret", doctor, treated, "seen", "treating-doctor", labels=FROM_PARENTS),
    Row(15, "structure-of-treating-doctor-blocked", doctor, lambda c: treated(c).block(HOSPITAL), "seen",
        "treating-doctor"),
    Row(16, "treating-doctor-ended", doctor, lambda c: c.role("treating-doctor", DOCTOR, until=ended), "refused",
        "declaration", labels=MASKED),
    Row(16, "treating-doctor-ended-in-team", doctor, lambda c: c.team().role("treating-doctor", DOCTOR, until=ended),
        "hidden", "authorised", labels=MASKED),
    Row(17, "team", doctor, team, "seen", "authorised"),
    Row(18, "team-not-in-matrix", nurse, team, "hidden", "authorised", kind="sensitive-report"),
    Row(18, "team-unlisted-code", doctor, team, "hidden", "authorised", kind="unlisted"),
    Row(19, "team-masked", doctor, team, "hidden", "authorised", labels=MASKED),
    Row(20, "team-depositor-masked", doctor, team, "seen", "authorised", labels=MASKED, authors=OWN),
    Row(20, "team-depositor-not-in-matrix", doctor, team, "seen", "authorised", kind="residence", authors=OWN),
    Row(20, "team-depositor-structure", nurse, team, "seen", "authorised", labels=MASKED, authors=OWN),
    Row(21, "team-blocked", doctor, lambda c: c.team().block(DOCTOR), "refused", "blocked-declaration"),
    Row(22, "blocked-break-glass", reasoned, lambda c: c.block(DOCTOR), "refused", "blocked-in-emergency",
        purpose="BTG"),
    Row(22, "blocked-regulation", caller, lambda c: c.block(DOCTOR), "refused", "blocked-in-emergency",
        purpose="ETREAT"),
    Row(23, "structure-blocked", doctor, lambda c: c.block(HOSPITAL), "refused", "blocked-declaration"),
    Row(23, "part-of-structure-blocked", in_ward, lambda c: c.block(HOSPITAL), "refused", "blocked-declaration"),
    Row(24, "other-structure", elsewhere, lambda c: c.consent(DOCTOR).block(HOSPITAL), "seen", "authorised"),
    Row(25, "depositor-blocked", doctor, lambda c: c.block(DOCTOR), "refused", "blocked-declaration", authors=OWN),
    Row(26, "consent", doctor, consenting, "seen", "authorised"),
    Row(27, "consent-of-earlier-session", doctor, lambda c: c.consent(DOCTOR, "session", "s0"), "refused",
        "declaration"),
    Row(28, "consent-by-colleague", doctor, lambda c: c.consent(DOCTOR, declared_by=NURSE), "seen", "authorised"),
    Row(29, "none", doctor, nothing, "refused", "declaration"),
    Row(30, "break-glass", reasoned, nothing, "seen", "break-glass", BOTH, purpose="BTG"),
    Row(31, "break-glass-masked", reasoned, nothing, "hidden", "break-glass", BOTH, labels=MASKED, purpose="BTG"),
    Row(32, "break-glass-opposed", reasoned, lambda c: c.switch("break-glass", False), "refused", "",
        purpose="BTG"),
    Row(34, "break-glass-secret", reasoned, child, "seen", "break-glass", BOTH, labels=FROM_PARENTS, purpose="BTG"),
    Row(35, "regulation", caller, nothing, "seen", "regulation", BOTH, purpose="ETREAT"),
    Row(36, "regulation-opposed", caller, lambda c: c.switch("regulation", False), "refused", "", purpose="ETREAT"),
    Row(37, "bedside-regulation-opposed", reasoned, lambda c: c.switch("regulation", False), "seen", "break-glass",
        BOTH, purpose="BTG"),
    Row(38, "regulation-by-others", doctor, team, "refused", "", purpose="ETREAT"),
    Row(44, "pharmacist-dispensation", pharmacist, team, "seen", "authorised", kind="dispensation"),
    Row(45, "nurse-psychiatry", nurse, team, "hidden", "authorised", kind="sensitive-report"),
    Row(46, "social-worker-own-types", social_worker, consenting, "seen", "authorised", kind="social"),
    Row(46, "social-worker-others", social_worker, consenting, "hidden", "authorised"),
    Row(47, "occupational-with-consent", occupational, lambda c: c.consent(DOCTOR, "occupational-consent"), "seen",
        "occupational-doctor"),
    Row(48, "occupational-without", occupational, team, "refused", "occupational-doctor-without-consent"),
    Row(48, "occupational-break-glass", urgent(occupational), nothing, "refused",
        "occupational-doctor-without-consent", purpose="BTG"),
    Row(49, "establishment-consults", hospital, nothing, "refused", "establishment"),
    Row(49, "establishment-consults-own", hospital, nothing, "refused", "establishment", authors=(HOSPITAL,)),
    Row(51, "coordinating-doctor", doctor, lambda c: c.role("coordinating-doctor", DOCTOR), "seen", "authorised"),
    Row(52, "abroad-summary", gateway, lambda c: c.abroad(), "seen", "gateway", kind="synthesis"),
    Row(53, "abroad-masked", gateway, lambda c: c.abroad(), "hidden", "gateway", kind="synthesis", labels=MASKED),
    Row(53, "abroad-other-category", gateway, lambda c: c.abroad(), "hidden", "gateway"),
    Row(53, "abroad-other-country", gateway, lambda c: c.abroad("DE"), "refused", "", kind="synthesis"),
    Row(53, "abroad-not-chosen", gateway, nothing, "refused", "", kind="synthesis"),
    Row(54, "abroad-vital-interest", urgent(gateway), nothing, "refused", "", kind="synthesis", purpose="BTG"),
    Row(55, "app-granted", app, lambda c: c.service("tensio", "report"), "seen", "app"),
    Row(55, "app-other-category", app, lambda c: c.service("tensio", "report"), "hidden", "app", kind="imaging"),
    Row(56, "app-not-paired", app, lambda c: c.service("other", "report"), "refused", ""),
    Row(57, "analytics", Actor("analytics", "urn:client|1"), team, "refused", ""),
    Row(58, "support", Actor("support", "urn:agent|1"), team, "refused", "support"),
    Row(58, "operator", Actor("operator", "urn:agent|1"), team, "refused", "operator"),
    Row(59, "closed-record", doctor, lambda c: c.team().state("closed"), "refused", "closed"),
    Row(59, "closed-record-emergency", reasoned, lambda c: c.state("closed"), "refused", "closed", purpose="BTG"),
    Row(60, "auditor-clinical", Actor("auditor", "urn:agent|1"), team, "refused", "auditor"),
    Row(61, "heir", Actor("heir", "urn:ins|8"), team, "refused", ""),
    Row(61, "payer", Actor("payer", "urn:payer|1"), team, "refused", ""),
    Row(61, "payer-for-a-contract", Actor("payer", "urn:payer|1"), team, "refused", "", purpose="COVERAGE"),
    Row(61, "doctor-for-a-contract", doctor, treated, "refused", "", purpose="COVERAGE"),
    Row(61, "doctor-as-administrator", doctor, team, "refused", "", purpose="HSYSADMIN"),
)  # fmt: skip


MODES = {"TREAT": "normal", "BTG": "break-glass", "ETREAT": "regulation"}


def _emergency(regulation: bool, break_glass: bool, masked: bool, purpose: str, hidden: bool) -> Row:
    def switched(chooser: Chooser) -> Chooser:
        set_two = chooser.switch("regulation", regulation).switch("break-glass", break_glass)
        return set_two.switch("masked", masked)

    by_call = purpose == "ETREAT"
    opposed = not (regulation if by_call else break_glass)
    outcome: Outcome = "refused" if opposed else "hidden" if hidden and not masked else "seen"
    name = "-".join(
        f"{word}-{'on' if on else 'off'}"
        for word, on in (
            ("regulation", regulation),
            ("glass", break_glass),
            ("masked", masked),
            ("hidden", hidden),
        )
    )
    return Row(
        0, f"{purpose}-{name}", caller if by_call else reasoned, switched, outcome,
        "" if opposed else MODES[purpose], PERSON if opposed else BOTH,
        labels=MASKED if hidden else (), purpose=purpose,
    )  # fmt: skip


_TWO = (True, False)
EMERGENCIES = tuple(_emergency(*case) for case in product(_TWO, _TWO, _TWO, ("BTG", "ETREAT"), _TWO))
"""Three switches of the person, two modes, an item that is hidden or not."""
