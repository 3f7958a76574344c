"""What a decision is made of, beyond the rows of the truth table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.access.choices import (
    PersonChoices,
    no_choices,
    with_hidden,
    with_hide_all,
    with_hide_future,
)  # fmt: skip
from fhir_server.access.decide import DIRECTORY_RULE, REFUSED, acting, decide, explain
from fhir_server.access.policy_file import load_policy
from fhir_server.model.actor import Actor
from fhir_server.model.document import Facts
from fhir_server.model.outcome import FhirError
from fhir_server.model.predicate import Nothing, OwnerIs, matches
from tests.access.cases import (
    CLINIC,
    COLLEAGUE,
    DOCTOR,
    EARLIER,
    HOSPITAL,
    NOW,
    OWNER,
    PARENT,
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
)  # fmt: skip

POLICY = load_policy("fr")


def refusal(actor: Actor, purpose: str = "TREAT", choices: PersonChoices | None = None) -> FhirError:
    with pytest.raises(FhirError) as refused:
        decide(POLICY, actor, purpose, OWNER, choices, NOW)
    return refused.value


def test_every_refusal_is_the_same_whatever_the_reason() -> None:
    chosen = [
        (doctor, Chooser(POLICY).state("opposed").choices, "TREAT"),
        (doctor, Chooser(POLICY).state("closed").choices, "TREAT"),
        (urgent(doctor), Chooser(POLICY).block(DOCTOR).choices, "BTG"),
        (urgent(doctor), Chooser(POLICY).switch("break-glass", False).choices, "BTG"),
        (nurse, None, "ETREAT"),
        (parent, None, "TREAT"),
        (Actor("payer", "urn:payer|1"), None, "TREAT"),
        (Actor("unheard-of", "x|1"), None, "TREAT"),
        (doctor, None, "HMARKT"),
    ]
    got = {(error.status, error.issues) for error in (refusal(a, p, c) for a, c, p in chosen)}
    assert {(status, tuple(issue.text for issue in issues)) for status, issues in got} == {(403, (REFUSED,))}
    assert len(got) == 1


def test_who_is_blocked_and_who_is_a_stranger_get_the_same_view() -> None:
    stranger = decide(POLICY, doctor, "TREAT", OWNER, None, NOW)
    blocked = decide(POLICY, doctor, "TREAT", OWNER, Chooser(POLICY).block(DOCTOR).choices, NOW)
    assert stranger.rule != blocked.rule, "the journal tells them apart"
    assert replace(blocked, rule=stranger.rule) == stranger


def test_the_digest_binds_actor_purpose_person_and_policy_and_nothing_of_the_choices() -> None:
    first = decide(POLICY, doctor, "TREAT", OWNER, Chooser(POLICY).team().choices, NOW).digest
    chosen = with_hidden(POLICY, Chooser(POLICY).consent(DOCTOR).choices, "Observation/1", NOW)
    assert decide(POLICY, doctor, "TREAT", OWNER, chosen, NOW).digest == first
    others = [
        decide(
            POLICY, replace(doctor, identity=COLLEAGUE), "TREAT", OWNER, Chooser(POLICY).team().choices, NOW
        ),
        decide(POLICY, urgent(doctor), "BTG", OWNER, None, NOW),
        decide(POLICY, doctor, "TREAT", "p2", no_choices("p2"), NOW),
        decide(POLICY, doctor, "TREAT", None, None, NOW),
    ]
    assert len({first, *(view.digest for view in others)}) == 5


@pytest.mark.parametrize(("seconds", "behind"), [(61, True), (60, False), (0, False)])
def test_a_clock_behind_the_choices_cannot_decide(seconds: int, behind: bool) -> None:
    chosen = replace(Chooser(POLICY).team().choices, at=NOW + timedelta(seconds=seconds))
    if behind:
        assert refusal(doctor, choices=chosen).issues[0].situation == "clock-behind"
        assert refusal(doctor, choices=chosen).status == 503
    else:
        assert decide(POLICY, doctor, "TREAT", OWNER, chosen, NOW).rule == "authorised"


def test_a_token_for_one_record_opens_no_other() -> None:
    bound = replace(person, record="p2")
    assert refusal(bound).issues[0].text == REFUSED
    assert decide(POLICY, replace(person, record=OWNER), "TREAT", OWNER, None, NOW).rule == "person"


def test_nobody_is_the_person_by_saying_so() -> None:
    for role in ("professional", "app", "representative", "caregiver", "gateway"):
        assert outcome(POLICY, Actor(role, OWNER), None, item(POLICY)) == "refused"


def test_without_a_person_there_is_the_directory() -> None:
    view = decide(POLICY, doctor, "TREAT", None, None, NOW)
    assert (view.owner, view.rule) == (None, DIRECTORY_RULE)
    assert view.reads("Practitioner") == OwnerIs(None)
    assert isinstance(view.reads("Observation"), Nothing)
    assert isinstance(view.reads("Patient"), Nothing)
    assert isinstance(view.reads("AuditEvent"), Nothing)


@pytest.mark.parametrize("resource_type", ["SearchParameter", "StructureDefinition", "ValueSet"])
def test_definitions_are_written_by_the_operator_alone(resource_type: str) -> None:
    for actor in (doctor, hospital, person):
        assert isinstance(decide(POLICY, actor, "TREAT", None, None, NOW).writes(resource_type), Nothing)
    operator = decide(POLICY, Actor("operator", "x|1"), "TREAT", None, None, NOW)
    assert operator.writes(resource_type) == OwnerIs(None)


def test_the_directory_is_changed_by_who_deposited_it() -> None:
    view = decide(POLICY, hospital, "TREAT", None, None, NOW)
    own = item(POLICY, "", resource_type="Organization", owner=None, authors=(HOSPITAL,))
    other = item(POLICY, "", resource_type="Organization", owner=None, authors=(CLINIC,))
    assert matches(view.writes("Organization"), own)
    assert not matches(view.writes("Organization"), other)


def test_the_operator_sees_persons_and_nothing_of_their_records() -> None:
    for owner in (None, OWNER):
        view = decide(POLICY, Actor("operator", "x|1"), "TREAT", owner, None, NOW)
        assert matches(view.reads("Patient"), item(POLICY, "", resource_type="Patient"))
        for resource_type in (
            "Observation",
            "DocumentReference",
            "Binary",
            "Consent",
            "AuditEvent",
            "Bundle",
        ):
            assert isinstance(view.reads(resource_type), Nothing)
            assert isinstance(view.writes(resource_type), Nothing)


def test_the_auditor_reads_the_journal_of_all_and_nothing_else() -> None:
    view = decide(POLICY, Actor("auditor", "x|1"), "TREAT", None, None, NOW)
    assert matches(view.reads("AuditEvent"), item(POLICY, "", resource_type="AuditEvent", owner="p7"))
    for resource_type in ("Patient", "Observation", "Consent"):
        assert isinstance(view.reads(resource_type), Nothing)


@pytest.mark.parametrize("actor", [person, doctor, hospital], ids=lambda actor: actor.kind)
def test_nobody_writes_the_journal_or_who_the_person_is(actor: Actor) -> None:
    view = decide(POLICY, actor, "TREAT", OWNER, Chooser(POLICY).team().choices, NOW)
    for resource_type in ("AuditEvent", "Patient"):
        assert isinstance(view.writes(resource_type), Nothing)


def test_another_person_is_never_in_the_view() -> None:
    for actor, chosen in ((person, None), (doctor, Chooser(POLICY).role("treating-doctor", DOCTOR).choices)):
        view = decide(POLICY, actor, "TREAT", OWNER, chosen, NOW)
        for resource_type in ("Observation", "Patient", "AuditEvent", "Nonsense"):
            for owner in ("p2", None):
                facts = item(
                    POLICY, "report", resource_type=resource_type, owner=owner, authors=(DOCTOR, OWNER)
                )
                assert not matches(view.reads(resource_type), facts)
                assert not matches(view.writes(resource_type), facts)


def test_what_flows_from_a_hidden_item_is_hidden_even_before_its_label_arrives() -> None:
    chosen = with_hidden(POLICY, Chooser(POLICY).team().choices, "DocumentReference/7", NOW)
    derived = item(POLICY, source=("DocumentReference/7",), resource_type="Observation")
    assert outcome(POLICY, doctor, chosen, derived) == "hidden"
    assert outcome(POLICY, person, chosen, derived) == "seen"
    treated = with_hidden(
        POLICY, Chooser(POLICY).role("treating-doctor", DOCTOR).choices, "Observation/7", NOW
    )
    assert outcome(POLICY, doctor, treated, derived) == "seen"


def test_hiding_everything_leaves_own_deposits_and_who_the_person_is() -> None:
    chosen = with_hide_all(POLICY, Chooser(POLICY).team().choices, True, NOW)
    assert outcome(POLICY, doctor, chosen, item(POLICY)) == "hidden"
    assert outcome(POLICY, doctor, chosen, item(POLICY, authors=(DOCTOR,))) == "seen"
    assert outcome(POLICY, doctor, chosen, item(POLICY, "", resource_type="Patient")) == "seen"
    assert outcome(POLICY, person, chosen, item(POLICY)) == "seen"
    assert outcome(POLICY, urgent(doctor), chosen, item(POLICY), "BTG") == "hidden"


def test_hiding_what_is_to_come_labels_what_is_deposited() -> None:
    chosen = with_hide_future(POLICY, Chooser(POLICY).team().choices, True, NOW)
    assert decide(POLICY, doctor, "TREAT", OWNER, chosen, NOW).given == ("masked",)
    assert decide(POLICY, doctor, "TREAT", OWNER, Chooser(POLICY).team().choices, NOW).given == ()


def test_an_operation_acts_on_the_one_record_only() -> None:
    view = acting(decide(POLICY, person, "TREAT", OWNER, None, NOW))
    assert matches(view.writes("DocumentReference"), item(POLICY))
    assert not matches(view.writes("DocumentReference"), item(POLICY, owner="p2"))
    assert view.digest == decide(POLICY, person, "TREAT", OWNER, None, NOW).digest


@pytest.mark.parametrize(("actor", "expected"), [
    pytest.param(person, {"$hide", "$block", "$see-as", "$journal", "$everything"}, id="person"),
    pytest.param(parent, {"$hide", "$block", "$everything"}, id="representative"),
    pytest.param(doctor, {"$authorise", "$everything"}, id="professional"),
    pytest.param(hospital, {"$import-document"}, id="establishment"),
])  # fmt: skip
def test_operations_are_those_of_the_role(actor: Actor, expected: set[str]) -> None:
    chosen = Chooser(POLICY).team().role("representative", PARENT).choices
    operations = decide(POLICY, actor, "TREAT", OWNER, chosen, NOW).operations
    assert operations is not None
    assert expected <= operations
    own = {"$hide", "$block", "$see-as", "$set-role", "$emergency-switch"} if actor is hospital else set()
    assert not own & operations


def test_a_stranger_may_declare_a_consent_and_nothing_else() -> None:
    assert decide(POLICY, doctor, "TREAT", OWNER, None, NOW).operations == {"$authorise"}


def test_the_explanation_agrees_with_the_decision_and_names_what_counted() -> None:
    chosen = Chooser(POLICY).team().choices
    explained = explain(POLICY, doctor, "TREAT", OWNER, chosen, NOW)
    assert (explained.rule, explained.effect) == ("authorised", "permit")
    assert "relation: care-team" in explained.why
    assert explained.view == decide(POLICY, doctor, "TREAT", OWNER, chosen, NOW)
    opposed = Chooser(POLICY).switch("break-glass", False).choices
    refused = explain(POLICY, urgent(doctor), "BTG", OWNER, opposed, NOW)
    assert (refused.effect, refused.view) == ("deny", None)
    assert "mode: break-glass" in refused.why
    assert explain(POLICY, Actor("payer", "x|1"), "TREAT", OWNER, chosen, NOW).effect == "deny"


def test_the_explanation_says_that_everything_is_hidden_where_that_counts() -> None:
    told = "choice: everything is hidden"
    chosen = Chooser(POLICY).team().role("treating-doctor", COLLEAGUE).choices
    hiding = with_hide_all(POLICY, chosen, True, EARLIER)
    assert told in explain(POLICY, doctor, "TREAT", OWNER, hiding, NOW).why
    assert told not in explain(POLICY, doctor, "TREAT", OWNER, chosen, NOW).why
    treating = replace(doctor, identity=COLLEAGUE)
    assert told not in explain(POLICY, treating, "TREAT", OWNER, hiding, NOW).why


def test_choices_of_another_person_are_a_fault_of_the_program() -> None:
    with pytest.raises(ValueError, match="another person"):
        decide(POLICY, doctor, "TREAT", OWNER, no_choices("p2"), NOW)


labels = st.sets(
    st.sampled_from(["masked", "withheld-from-person", "withheld-from-representatives", "choice", "urn:x|y"])
)
authors = st.sampled_from([(), (DOCTOR, HOSPITAL), (COLLEAGUE, HOSPITAL), (COLLEAGUE, CLINIC), (PARENT,)])
stored = st.builds(
    lambda name, found, who, level, opens, source: item(
        POLICY, name, *sorted(found), authors=who, level=level, opens=opens, source=source
    ),
    st.sampled_from(["", "report", "residence", "sensitive-report", "synthesis"]),
    labels, authors, st.integers(0, 2), st.sampled_from([None, EARLIER, NOW + timedelta(1)]),
    st.sampled_from([(), ("DocumentReference/7",), ("DocumentReference/8",)]),
)  # fmt: skip

DOCTORS_NEVER = {"", "residence"}
NURSES_NEVER = {"", "residence", "sensitive-report"}


def expected_of_professional(
    facts: Facts, never: set[str], *, names: set[str], masks: bool, hidden: bool, all_hidden: bool
) -> bool:
    """The rules for professionals in plain words, for the oracle."""
    if "choice" in facts.access.labels:
        return False
    if names & set(facts.access.authors):
        return True
    if facts.visibility % 16 in {POLICY.class_numbers[name] if name else 0 for name in never}:
        return False
    return not masks or not (
        all_hidden
        or "masked" in facts.access.labels
        or (hidden and "DocumentReference/7" in facts.access.source)
    )


@given(facts=stored, hide=st.booleans(), hide_all=st.booleans(), mode=st.sampled_from(["TREAT", "ETREAT", "BTG"]),
       lifted=st.booleans(), role=st.sampled_from(["team", "treating", "administrator"]), nursing=st.booleans())  # fmt: skip
@settings(deadline=None, max_examples=400)
def test_the_predicates_mean_the_rules_in_plain_words(
    facts: Facts, hide: bool, hide_all: bool, mode: str, lifted: bool, role: str, nursing: bool
) -> None:
    actor = regulator(urgent(nurse if nursing else doctor))
    build: dict[str, Callable[[Chooser], Chooser]] = {
        "team": lambda c: c.team(),
        "treating": lambda c: c.role("treating-doctor", actor.identity),
        "administrator": lambda c: c.role("administrator", actor.identity),
    }
    chosen = build[role](Chooser(POLICY)).switch("masked", lifted).choices
    chosen = with_hidden(POLICY, chosen, "DocumentReference/7", EARLIER) if hide else chosen
    chosen = with_hide_all(POLICY, chosen, hide_all, EARLIER)
    sees_masked = (role == "administrator") if mode == "TREAT" else lifted
    if role == "treating":
        expected = "choice" not in facts.access.labels
    else:
        expected = expected_of_professional(
            facts, NURSES_NEVER if nursing else DOCTORS_NEVER, names={actor.identity, HOSPITAL},
            masks=not sees_masked, hidden=hide, all_hidden=hide_all,
        )  # fmt: skip
    assert outcome(POLICY, actor, chosen, facts, mode) == ("seen" if expected else "hidden")


@given(facts=stored, hide_all=st.booleans())
@settings(deadline=None, max_examples=200)
def test_the_person_and_its_parents_see_all_but_what_is_withheld_from_them(
    facts: Facts, hide_all: bool
) -> None:
    chosen = with_hide_all(POLICY, Chooser(POLICY).role("representative", PARENT).choices, hide_all, EARLIER)
    found = set(facts.access.labels)
    opened = facts.access.from_ is not None and facts.access.from_ <= NOW
    announced = "withheld-from-person" not in found or opened
    assert outcome(POLICY, person, chosen, facts) == ("seen" if announced else "hidden")
    told = announced and "withheld-from-representatives" not in found
    assert outcome(POLICY, parent, chosen, facts) == ("seen" if told else "hidden")
