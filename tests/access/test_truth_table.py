"""The truth table of access, row by row, as decisions about single items.

Rows about tokens, notices and audit entries are tested where those are made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from fhir_server.access.policy import Policy
from fhir_server.access.policy_file import load_policy
from fhir_server.model.actor import Actor
from fhir_server.model.outcome import FhirError
from tests.access.cases import (
    CLINIC,
    COLLEAGUE,
    DOCTOR,
    EARLIER,
    HOSPITAL,
    NOW,
    NURSE,
    PARENT,
    WARD,
    Chooser,
    doctor,
    hospital,
    item,
    nurse,
    outcome,
    parent,
    person,
    regulator,
    urgent,
    write_outcome,
)  # fmt: skip

POLICY = load_policy("fr")

MASKED = ("masked",)
FROM_PERSON = ("withheld-from-person",)
FROM_PARENTS = ("withheld-from-representatives",)
OWN = (DOCTOR, HOSPITAL)

Chosen = Callable[[Chooser], Chooser]


def nothing(chooser: Chooser) -> Chooser:
    return chooser


def team(chooser: Chooser) -> Chooser:
    return chooser.team()


def treated(chooser: Chooser) -> Chooser:
    return chooser.role("treating-doctor", DOCTOR)


def child(chooser: Chooser) -> Chooser:
    return chooser.role("representative", PARENT)


def choices(chosen: Chosen, policy: Policy = POLICY) -> Chooser:
    return chosen(Chooser(policy))


app = Actor("app", "urn:client|tensio", client="tensio")
gateway = Actor("gateway", "urn:ncp|BE", country="BE")
carer = Actor("caregiver", "urn:ins|5")
occupational = replace(doctor, situation="occupational")
elsewhere = replace(doctor, structure=CLINIC)
in_ward = replace(doctor, structure=WARD, parents=(HOSPITAL,))
dentist = replace(doctor, profession="dentist")
pharmacist = replace(doctor, profession="pharmacist")
social = replace(doctor, profession="social-worker")
ended = EARLIER + timedelta(minutes=30)

ROWS = [
    pytest.param(person, nothing, "report", (), "seen", id="1-person-normal"),
    pytest.param(person, nothing, "report", MASKED, "seen", id="2-person-masked"),
    pytest.param(person, nothing, "report", FROM_PERSON, "hidden", id="3-person-not-yet-announced"),
    pytest.param(person, lambda c: c.state("closed"), "report", (), "refused", id="5-person-closed"),
    pytest.param(parent, child, "report", (), "seen", id="6-parent-normal"),
    pytest.param(parent, child, "report", MASKED, "seen", id="6-parent-masked"),
    pytest.param(parent, child, "report", FROM_PARENTS, "hidden", id="7-parent-secret-of-the-minor"),
    pytest.param(parent, child, "report", FROM_PERSON, "hidden", id="8-parent-not-yet-announced"),
    pytest.param(
        parent, lambda c: c.role("representative", PARENT, until=ended), "report", (), "refused",
        id="9-parent-of-one-who-came-of-age",
    ),
    pytest.param(person, nothing, "report", FROM_PARENTS, "seen", id="10-minor-own-secret"),
    pytest.param(
        carer, lambda c: c.role("caregiver", carer.identity, "report"), "report", (), "seen",
        id="11-caregiver-in-scope",
    ),
    pytest.param(
        carer, lambda c: c.role("caregiver", carer.identity, "report"), "imaging", (), "hidden",
        id="11-caregiver-out-of-scope",
    ),
    pytest.param(doctor, treated, "report", (), "seen", id="12-treating-doctor-normal"),
    pytest.param(doctor, treated, "report", MASKED, "seen", id="13-treating-doctor-masked"),
    pytest.param(doctor, treated, "report", FROM_PERSON, "seen", id="14-treating-doctor-unannounced"),
    pytest.param(doctor, treated, "report", FROM_PARENTS, "seen", id="14-treating-doctor-secret"),
    pytest.param(
        doctor, lambda c: c.role("treating-doctor", DOCTOR, until=ended), "report", MASKED, "refused",
        id="16-treating-doctor-ended",
    ),
    pytest.param(
        doctor, lambda c: c.team().role("treating-doctor", DOCTOR, until=ended), "report", MASKED, "hidden",
        id="16-treating-doctor-ended-still-in-team",
    ),
    pytest.param(doctor, team, "report", (), "seen", id="17-team-in-matrix"),
    pytest.param(nurse, team, "sensitive-report", (), "hidden", id="18-team-not-in-matrix"),
    pytest.param(doctor, team, "", (), "hidden", id="18-team-unlisted-code"),
    pytest.param(doctor, team, "report", MASKED, "hidden", id="19-team-masked"),
    pytest.param(doctor, lambda c: c.team().block(DOCTOR), "report", (), "refused", id="21-blocked"),
    pytest.param(doctor, lambda c: c.block(HOSPITAL), "report", (), "refused", id="23-structure-blocked"),
    pytest.param(in_ward, lambda c: c.block(HOSPITAL), "report", (), "refused", id="23-part-of-it-blocked"),
    pytest.param(
        elsewhere, lambda c: c.consent(DOCTOR).block(HOSPITAL), "report", (), "seen",
        id="24-other-structure",
    ),
    pytest.param(
        doctor, lambda c: c.consent(DOCTOR, "session", "s1"), "report", (), "seen", id="26-consent-of-session"
    ),
    pytest.param(
        doctor, lambda c: c.consent(DOCTOR, "session", "s0"), "report", (), "refused",
        id="27-consent-of-earlier-session",
    ),
    pytest.param(
        doctor, lambda c: c.consent(DOCTOR, declared_by=NURSE), "report", (), "seen",
        id="28-consent-obtained-by-colleague",
    ),
    pytest.param(doctor, nothing, "report", (), "refused", id="29-none"),
    pytest.param(pharmacist, team, "dispensation", (), "seen", id="44-pharmacist-dispensation"),
    pytest.param(nurse, team, "sensitive-report", (), "hidden", id="45-nurse-psychiatry"),
    pytest.param(dentist, team, "social", (), "hidden", id="45-dentist-social"),
    pytest.param(dentist, team, "advance-directive", (), "hidden", id="45-dentist-directives"),
    pytest.param(social, lambda c: c.consent(DOCTOR), "social", (), "seen", id="46-social-worker-own-types"),
    pytest.param(social, lambda c: c.consent(DOCTOR), "report", (), "hidden", id="46-social-worker-others"),
    pytest.param(
        occupational, lambda c: c.consent(DOCTOR, "occupational-consent"), "report", (), "seen",
        id="47-occupational-with-consent",
    ),
    pytest.param(occupational, team, "report", (), "refused", id="48-occupational-without"),
    pytest.param(hospital, nothing, "report", (), "refused", id="49-establishment-consults"),
    pytest.param(
        doctor, lambda c: c.role("coordinating-doctor", DOCTOR), "report", (), "seen",
        id="51-coordinating-doctor",
    ),
    pytest.param(gateway, lambda c: c.abroad(), "synthesis", (), "seen", id="52-abroad-summary"),
    pytest.param(gateway, lambda c: c.abroad("BE"), "synthesis", (), "seen", id="52-abroad-named-country"),
    pytest.param(gateway, lambda c: c.abroad(), "synthesis", MASKED, "hidden", id="53-abroad-masked"),
    pytest.param(gateway, lambda c: c.abroad(), "report", (), "hidden", id="53-abroad-other-category"),
    pytest.param(gateway, lambda c: c.abroad("DE"), "synthesis", (), "refused", id="53-abroad-other-country"),
    pytest.param(gateway, nothing, "synthesis", (), "refused", id="53-abroad-not-chosen"),
    pytest.param(app, lambda c: c.service("tensio", "report"), "report", (), "seen", id="55-app-granted"),
    pytest.param(app, lambda c: c.service("tensio", "report"), "imaging", (), "hidden", id="55-app-other"),
    pytest.param(app, lambda c: c.service("other", "report"), "report", (), "refused", id="56-app-not-paired"),
    pytest.param(
        app, lambda c: c.service("tensio", "report", until=ended), "report", (), "refused", id="56-app-ended"
    ),
    pytest.param(Actor("support", "urn:agent|1"), team, "report", (), "refused", id="58-support"),
    pytest.param(Actor("operator", "urn:agent|1"), team, "report", (), "refused", id="58-operator"),
    pytest.param(Actor("auditor", "urn:agent|1"), team, "report", (), "refused", id="60-auditor"),
    pytest.param(Actor("payer", "urn:payer|1"), team, "report", (), "refused", id="61-payer"),
    pytest.param(Actor("heir", "urn:ins|8"), team, "report", (), "refused", id="61-heir-unknown-role"),
]  # fmt: skip


@pytest.mark.parametrize(("actor", "chosen", "class_name", "labels", "expected"), ROWS)
def test_what_is_read_is_as_the_truth_table_says(
    actor: Actor, chosen: Chosen, class_name: str, labels: tuple[str, ...], expected: str
) -> None:
    facts = item(POLICY, class_name, *labels)
    assert outcome(POLICY, actor, choices(chosen).choices, facts) == expected


def test_row_4_what_was_withheld_opens_by_its_clock() -> None:
    facts = item(POLICY, "report", *FROM_PERSON, opens=NOW)
    assert outcome(POLICY, person, None, facts, now=NOW - timedelta(seconds=1)) == "hidden"
    assert outcome(POLICY, person, None, facts, now=NOW) == "seen"


def test_row_4_the_clock_opens_nothing_that_is_withheld_from_representatives() -> None:
    facts = item(POLICY, "report", *FROM_PERSON, *FROM_PARENTS, opens=EARLIER)
    assert outcome(POLICY, parent, choices(child).choices, facts) == "hidden"


def test_row_15_the_treating_doctor_cannot_be_blocked() -> None:
    with pytest.raises(FhirError) as refused:
        choices(treated).block(DOCTOR)
    assert refused.value.issues[0].situation == "illegal-choice"
    assert refused.value.status == 422


def test_row_15_a_block_of_the_structure_does_not_reach_the_treating_doctor() -> None:
    chosen = choices(treated).block(HOSPITAL).choices
    assert outcome(POLICY, doctor, chosen, item(POLICY)) == "seen"


@pytest.mark.parametrize("labels", [(), MASKED], ids=["normal", "masked"])
@pytest.mark.parametrize("class_name", ["report", "residence", ""])
def test_row_20_the_depositor_sees_its_own(labels: tuple[str, ...], class_name: str) -> None:
    facts = item(POLICY, class_name, *labels, authors=OWN)
    assert outcome(POLICY, doctor, choices(team).choices, facts) == "seen"
    assert outcome(POLICY, nurse, choices(team).choices, facts) == "seen", "of the same structure"


def test_row_22_a_block_beats_breaking_the_glass() -> None:
    chosen = choices(nothing).block(DOCTOR).choices
    assert outcome(POLICY, urgent(doctor), chosen, item(POLICY), "BTG") == "refused"
    assert outcome(POLICY, regulator(), chosen, item(POLICY), "ETREAT") == "refused"


def test_row_25_the_depositor_who_is_blocked_sees_nothing() -> None:
    chosen = choices(nothing).block(DOCTOR).choices
    assert outcome(POLICY, doctor, chosen, item(POLICY, authors=OWN)) == "refused"


def test_row_33_an_emergency_without_a_reason_is_refused_before_anything_else() -> None:
    for reason in (None, "", "  "):
        for chosen in (nothing, team, lambda c: c.block(DOCTOR)):
            got = outcome(POLICY, urgent(doctor, reason), choices(chosen).choices, item(POLICY), "BTG")
            assert got == "reason-needed"


def test_row_34_what_is_withheld_from_parents_is_seen_in_an_emergency() -> None:
    assert outcome(POLICY, urgent(doctor), None, item(POLICY, "report", *FROM_PARENTS), "BTG") == "seen"


def test_row_38_only_a_regulator_takes_calls() -> None:
    for actor in (doctor, nurse, urgent(doctor)):
        assert outcome(POLICY, actor, choices(team).choices, item(POLICY), "ETREAT") == "refused"


def test_row_39_a_secret_connection_deposits_secrets_only() -> None:
    secretly = replace(doctor, secret=True)
    plain, secret = item(POLICY, authors=OWN), item(POLICY, "report", *FROM_PARENTS, authors=OWN)
    assert write_outcome(POLICY, secretly, choices(team).choices, plain) == "not-allowed"
    assert write_outcome(POLICY, secretly, choices(team).choices, secret) == "allowed"


def test_row_40_who_is_authorised_deposits() -> None:
    assert write_outcome(POLICY, doctor, choices(team).choices, item(POLICY, authors=OWN)) == "allowed"


def test_row_41_masked_and_withheld_from_the_person_exclude_each_other() -> None:
    assert frozenset({"masked", "withheld-from-person"}) in POLICY.forbidden_together


@pytest.mark.parametrize(("authors", "expected"), [
    pytest.param((COLLEAGUE, CLINIC), "not-allowed", id="42-not-the-author"),
    pytest.param(OWN, "allowed", id="43-the-author"),
    pytest.param((COLLEAGUE, HOSPITAL), "allowed", id="43-of-the-same-structure"),
])  # fmt: skip
def test_only_the_depositor_changes_a_document(authors: tuple[str, ...], expected: str) -> None:
    for chosen in (team, treated):
        assert (
            write_outcome(POLICY, doctor, choices(chosen).choices, item(POLICY, authors=authors)) == expected
        )


def test_row_48_an_occupational_doctor_has_no_emergency() -> None:
    assert outcome(POLICY, urgent(occupational), None, item(POLICY), "BTG") == "refused"


def test_row_50_an_establishment_deposits_and_no_more() -> None:
    own = item(POLICY, authors=(HOSPITAL,))
    assert write_outcome(POLICY, hospital, None, own) == "allowed"
    assert write_outcome(POLICY, hospital, None, item(POLICY)) == "not-allowed"
    assert outcome(POLICY, hospital, None, own) == "refused"


def test_row_50_a_blocked_establishment_does_not_deposit() -> None:
    chosen = choices(nothing).block(HOSPITAL).choices
    assert write_outcome(POLICY, hospital, chosen, item(POLICY, authors=(HOSPITAL,))) == "refused"


def test_row_50_nobody_deposits_into_a_record_that_was_refused() -> None:
    chosen = choices(nothing).state("opposed").choices
    assert write_outcome(POLICY, hospital, chosen, item(POLICY, authors=(HOSPITAL,))) == "refused"


def test_row_54_a_vital_interest_abroad_opens_nothing() -> None:
    asked = replace(gateway, reason="unconscious")
    assert outcome(POLICY, asked, None, item(POLICY, "synthesis"), "BTG") == "refused"


@pytest.mark.parametrize("role", ["operator", "support"])
def test_row_58_who_runs_the_server_sees_who_the_person_is(role: str) -> None:
    patient = item(POLICY, "", resource_type="Patient", authors=())
    assert outcome(POLICY, Actor(role, "urn:agent|1"), None, patient) == "seen"


@pytest.mark.parametrize(("actor", "chosen", "authors", "expected"), [
    pytest.param(person, nothing, (COLLEAGUE,), "seen", id="person"),
    pytest.param(doctor, treated, (COLLEAGUE,), "seen", id="treating-doctor"),
    pytest.param(doctor, team, (COLLEAGUE,), "hidden", id="professional-others"),
    pytest.param(doctor, team, (DOCTOR,), "seen", id="professional-own-acts"),
    pytest.param(doctor, team, (COLLEAGUE, HOSPITAL), "hidden", id="professional-acts-of-its-structure"),
    pytest.param(Actor("auditor", "urn:agent|1"), nothing, (COLLEAGUE,), "seen", id="auditor"),
    pytest.param(hospital, nothing, (HOSPITAL,), "refused", id="establishment"),
])  # fmt: skip
def test_row_60_who_reads_the_journal(
    actor: Actor, chosen: Chosen, authors: tuple[str, ...], expected: str
) -> None:
    line = item(POLICY, "", resource_type="AuditEvent", authors=authors)
    assert outcome(POLICY, actor, choices(chosen).choices, line) == expected


def test_row_60_parents_do_not_read_of_what_is_secret() -> None:
    line = item(POLICY, "", *FROM_PARENTS, resource_type="AuditEvent")
    assert outcome(POLICY, parent, choices(child).choices, line) == "hidden"


@pytest.mark.parametrize("purpose", ["TREAT", "BTG", "ETREAT"])
@pytest.mark.parametrize(("actor", "chosen"), [
    pytest.param(doctor, team, id="team"),
    pytest.param(doctor, treated, id="treating-doctor"),
    pytest.param(doctor, lambda c: c.role("administrator", DOCTOR), id="administrator"),
    pytest.param(replace(doctor, situation="regulation"), nothing, id="regulator"),
    pytest.param(app, lambda c: c.service("tensio", "management"), id="app"),
])  # fmt: skip
@pytest.mark.parametrize("authors", [(COLLEAGUE,), OWN], ids=["others", "own"])
def test_a_consent_that_mirrors_a_choice_is_not_for_others(
    actor: Actor, chosen: Chosen, purpose: str, authors: tuple[str, ...]
) -> None:
    mirror = item(POLICY, "management", "choice", resource_type="Consent", authors=authors)
    got = outcome(POLICY, urgent(actor), choices(chosen).choices, mirror, purpose)
    assert got in ("hidden", "refused")


def test_the_person_and_its_representatives_see_the_consents_of_choices() -> None:
    mirror = item(POLICY, "management", "choice", resource_type="Consent", authors=())
    assert outcome(POLICY, person, None, mirror) == "seen"
    assert outcome(POLICY, parent, choices(child).choices, mirror) == "seen"
