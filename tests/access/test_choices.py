"""A person's choices: legal before and after every change, contradictions refused, nothing lost in storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fhir_server.access.choices import (
    Authorisation,
    CrossBorder,
    Period,
    PersonChoices,
    Role,
    Service,
    changed,
    no_choices,
    read_choices,
    with_authorisation,
    with_block,
    with_consents,
    with_cross_border,
    with_hidden,
    with_hide_all,
    with_hide_future,
    with_role,
    with_service,
    with_state,
    with_switch,
    without_authorisation,
    without_block,
    without_hidden,
    without_role,
    without_service,
    write_choices,
)  # fmt: skip
from fhir_server.access.policy_file import load_policy
from fhir_server.model.outcome import FhirError
from tests.access.cases import DOCTOR, HOSPITAL, NOW, NURSE, OWNER, PARENT

POLICY = load_policy("fr")
EMPTY = no_choices(OWNER)


def team(party: str = DOCTOR, **more: Any) -> PersonChoices:
    return with_authorisation(POLICY, EMPTY, Authorisation(party, "care-team", **more), NOW)


def blocked(party: str = DOCTOR) -> PersonChoices:
    return with_block(POLICY, EMPTY, party, NOW)


def carers(count: int) -> PersonChoices:
    choices = EMPTY
    for number in range(count):
        choices = with_role(POLICY, choices, Role("caregiver", f"urn:ins|c{number}"), NOW)
    return choices


Change = Callable[[], PersonChoices]


@pytest.mark.parametrize("change", [
    pytest.param(
        lambda: with_block(POLICY, with_role(POLICY, EMPTY, Role("treating-doctor", DOCTOR), NOW), DOCTOR, NOW),
        id="block-of-the-treating-doctor",
    ),
    pytest.param(
        lambda: with_authorisation(POLICY, blocked(), Authorisation(DOCTOR, "consent"), NOW),
        id="authorisation-of-a-blocked-party",
    ),
    pytest.param(
        lambda: with_role(POLICY, blocked(), Role("treating-doctor", DOCTOR), NOW), id="role-of-a-blocked-party"
    ),
    pytest.param(
        lambda: with_role(POLICY, EMPTY, Role("caregiver", PARENT), NOW, own=(PARENT,)), id="carer-of-oneself"
    ),
    pytest.param(
        lambda: with_role(POLICY, EMPTY, Role("caregiver", PARENT), NOW, own=("urn:ins|1",), held_by=("urn:ins|1",)),
        id="carer-who-is-cared-for-by-the-person",
    ),
    pytest.param(lambda: with_role(POLICY, carers(3), Role("caregiver", PARENT), NOW), id="a-fourth-carer"),
    pytest.param(lambda: with_role(POLICY, EMPTY, Role("wizard", DOCTOR), NOW), id="unknown-role"),
    pytest.param(lambda: with_role(POLICY, EMPTY, Role("care-team", DOCTOR), NOW), id="role-of-another-source"),
    pytest.param(
        lambda: with_role(POLICY, EMPTY, Role("caregiver", PARENT, categories=("x",)), NOW), id="unknown-category"
    ),
    pytest.param(
        lambda: with_authorisation(POLICY, EMPTY, Authorisation(DOCTOR, "treating-doctor"), NOW),
        id="role-by-authorisation",
    ),
    pytest.param(
        lambda: with_authorisation(POLICY, EMPTY, Authorisation(DOCTOR, "session"), NOW),
        id="session-without-session",
    ),
    pytest.param(lambda: team(period=Period(None, NOW)), id="end-in-the-past"),
    pytest.param(
        lambda: team(period=Period(NOW + timedelta(2), NOW + timedelta(1))), id="end-before-the-beginning"
    ),
    pytest.param(lambda: blocked("Dr Martin"), id="party-without-system"),
    pytest.param(lambda: blocked("urn:rpps|"), id="party-without-value"),
    pytest.param(lambda: with_switch(POLICY, EMPTY, "siren", False, NOW), id="unknown-switch"),
    pytest.param(lambda: with_hidden(POLICY, EMPTY, "Patient/p1", NOW), id="hide-who-the-person-is"),
    pytest.param(lambda: with_hidden(POLICY, EMPTY, "Practitioner/d1", NOW), id="hide-what-is-of-nobody"),
    pytest.param(lambda: with_hidden(POLICY, EMPTY, "../x", NOW), id="hide-no-item"),
    pytest.param(
        lambda: with_cross_border(POLICY, EMPTY, CrossBorder(True, ("be",)), NOW), id="country-in-small-letters"
    ),
    pytest.param(
        lambda: with_cross_border(POLICY, EMPTY, CrossBorder(False, ("BE",)), NOW), id="nothing-to-somewhere"
    ),
    pytest.param(lambda: with_service(POLICY, EMPTY, Service("app", ()), NOW), id="service-for-nothing"),
    pytest.param(lambda: with_service(POLICY, EMPTY, Service("app", ("x",)), NOW), id="service-for-unknown"),
    pytest.param(
        lambda: with_service(POLICY, EMPTY, Service("app", ("report",), Period(None, NOW)), NOW),
        id="service-that-is-over",
    ),
    pytest.param(lambda: with_state(POLICY, EMPTY, "open", NOW), id="open-what-is-open"),
    pytest.param(
        lambda: with_state(POLICY, with_state(POLICY, EMPTY, "opposed", NOW), "closed", NOW), id="close-what-never-was"
    ),
])  # fmt: skip
def test_a_contradiction_is_refused(change: Change) -> None:
    with pytest.raises(FhirError) as refused:
        change()
    assert refused.value.issues[0].situation == "illegal-choice"
    text = refused.value.issues[0].text
    assert DOCTOR not in text and PARENT not in text, "who it is about is personal data"


def test_a_block_ends_what_the_party_was_authorised_to_for_good() -> None:
    choices = with_block(POLICY, team(), DOCTOR, NOW)
    assert choices.authorisations == ()
    assert without_block(POLICY, choices, DOCTOR, NOW).authorisations == ()


def test_a_block_leaves_other_parties_alone() -> None:
    choices = with_authorisation(POLICY, team(), Authorisation(NURSE, "care-team"), NOW)
    assert [one.party for one in with_block(POLICY, choices, DOCTOR, NOW).authorisations] == [NURSE]


def test_there_is_one_treating_doctor_at_a_time() -> None:
    choices = with_role(POLICY, EMPTY, Role("treating-doctor", DOCTOR), NOW)
    choices = with_role(POLICY, choices, Role("treating-doctor", NURSE), NOW)
    assert [one.party for one in choices.roles] == [NURSE]
    assert [one.party for one in with_block(POLICY, choices, DOCTOR, NOW).blocked] == [DOCTOR]


def test_an_authorisation_lasts_as_long_as_the_policy_says() -> None:
    chosen = with_authorisation(POLICY, EMPTY, Authorisation(DOCTOR, "session", session="s1"), NOW)
    assert chosen.authorisations[0].period == Period(NOW, NOW + timedelta(hours=12))
    assert team().authorisations[0].period == Period(NOW, None)


@pytest.mark.parametrize(("born", "chosen", "expected"), [
    pytest.param(date(2010, 7, 1), None, datetime(2028, 6, 30, 22, tzinfo=UTC), id="midnight-in-paris"),
    pytest.param(date(2010, 1, 1), None, datetime(2027, 12, 31, 23, tzinfo=UTC), id="in-winter"),
    pytest.param(date(2010, 7, 1), NOW + timedelta(1), NOW + timedelta(1), id="an-earlier-end-stays"),
    pytest.param(date(1950, 1, 1), None, None, id="of-an-adult"),
    pytest.param(None, None, None, id="unknown"),
])  # fmt: skip
def test_parents_represent_until_the_child_comes_of_age(
    born: date | None, chosen: datetime | None, expected: datetime | None
) -> None:
    role = Role("representative", PARENT, Period(None, chosen))
    choices = with_role(POLICY, EMPTY, role, NOW, born=born)
    assert choices.roles[0].period.until == expected


def test_a_second_authorisation_of_the_same_kind_replaces_the_first() -> None:
    until = NOW + timedelta(days=3)
    choices = with_authorisation(POLICY, team(), Authorisation(DOCTOR, "care-team", Period(None, until)), NOW)
    assert [one.period.until for one in choices.authorisations] == [until]


def test_what_has_ended_is_dropped_by_the_next_change() -> None:
    choices = team(period=Period(None, NOW + timedelta(hours=1)))
    later = with_switch(POLICY, choices, "masked", True, NOW + timedelta(hours=1))
    assert later.authorisations == ()


@pytest.mark.parametrize(("seconds", "refused"), [(-61, True), (-60, False), (-1, False), (0, False)])
def test_a_clock_that_ran_backwards_changes_nothing(seconds: int, refused: bool) -> None:
    at = NOW + timedelta(seconds=seconds)
    if refused:
        with pytest.raises(FhirError) as error:
            with_hide_all(POLICY, blocked(), True, at)
        assert error.value.issues[0].situation == "clock-behind"
    else:
        assert with_hide_all(POLICY, blocked(), True, at).at == NOW, "the instant never goes back"


def test_what_was_hidden_one_by_one_outlives_hiding_all() -> None:
    choices = with_hide_all(POLICY, with_hidden(POLICY, EMPTY, "Observation/1", NOW), True, NOW)
    assert with_hide_all(POLICY, choices, False, NOW).hidden == {"Observation/1"}


def test_the_future_is_hidden_from_the_first_time_on() -> None:
    choices = with_hide_future(POLICY, EMPTY, True, NOW)
    assert with_hide_future(POLICY, choices, True, NOW + timedelta(1)).hide_future == NOW
    assert choices.hides_new
    assert not with_hide_future(POLICY, choices, False, NOW).hides_new


def test_more_items_than_the_policy_allows_are_hidden_by_hiding_all() -> None:
    many = replace(EMPTY, hidden=frozenset(f"Observation/{n}" for n in range(POLICY.hidden_at_most)))
    assert with_hidden(POLICY, many, "Observation/1", NOW).hidden == many.hidden
    with pytest.raises(FhirError, match="hide all instead"):
        with_hidden(POLICY, many, "Observation/x", NOW)


def test_a_change_is_written_with_the_next_version() -> None:
    change = changed(EMPTY, blocked())
    assert (change.owner, change.expected_version, change.document["version"]) == (OWNER, 0, 1)
    again = read_choices(change.document)
    assert changed(again, with_hide_all(POLICY, again, True, NOW)).expected_version == 1


parties = st.sampled_from([DOCTOR, NURSE, HOSPITAL, PARENT, "urn:rpps|7"])
minutes = st.integers(min_value=-3, max_value=400)


class Changes(RuleBasedStateMachine):
    """Any changes in any order, with clocks that differ a little: legal after each, or refused unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.choices = EMPTY
        self.now = NOW

    def apply(self, change: Callable[..., PersonChoices], *arguments: Any) -> None:
        before = self.choices
        try:
            self.choices = change(POLICY, before, *arguments, self.now)
        except FhirError as error:
            assert error.issues[0].situation in ("illegal-choice", "clock-behind")
            assert self.choices is before

    @rule(by=minutes)
    def wait(self, by: int) -> None:
        self.now += timedelta(minutes=by)

    @rule(party=parties)
    def block(self, party: str) -> None:
        self.apply(with_block, party)

    @rule(party=parties)
    def unblock(self, party: str) -> None:
        self.apply(without_block, party)

    @rule(
        party=parties,
        relation=st.sampled_from(["care-team", "consent", "session", "treating-doctor"]),
        session=st.sampled_from(["", "s1"]),
        lasts=st.none() | minutes,
    )
    def authorise(self, party: str, relation: str, session: str, lasts: int | None) -> None:
        until = None if lasts is None else self.now + timedelta(minutes=lasts)
        self.apply(with_authorisation, Authorisation(party, relation, Period(None, until), session))

    @rule(party=parties, relation=st.none() | st.sampled_from(["care-team", "consent"]))
    def withdraw(self, party: str, relation: str | None) -> None:
        try:
            self.choices = without_authorisation(POLICY, self.choices, party, self.now, relation)
        except FhirError as error:
            assert error.issues[0].situation == "clock-behind"

    @rule(
        role=st.sampled_from(["treating-doctor", "caregiver", "administrator", "representative", "self"]),
        party=parties,
        categories=st.lists(st.sampled_from(["report", "nonsense"]), max_size=1),
    )
    def set_role(self, role: str, party: str, categories: list[str]) -> None:
        self.apply(with_role, Role(role, party, categories=tuple(categories)))

    @rule(role=st.sampled_from(["treating-doctor", "caregiver"]))
    def end_role(self, role: str) -> None:
        self.apply(without_role, role)

    @rule(item=st.sampled_from(["Observation/1", "DocumentReference/2", "Patient/p1"]), hide=st.booleans())
    def hide(self, item: str, hide: bool) -> None:
        self.apply(with_hidden if hide else without_hidden, item)

    @rule(hide=st.booleans())
    def hide_all(self, hide: bool) -> None:
        self.apply(with_hide_all, hide)

    @rule(hide=st.booleans())
    def hide_future(self, hide: bool) -> None:
        self.apply(with_hide_future, hide)

    @rule(allowed=st.booleans(), countries=st.lists(st.sampled_from(["BE", "de"]), max_size=1))
    def cross_border(self, allowed: bool, countries: list[str]) -> None:
        self.apply(with_cross_border, CrossBorder(allowed, tuple(countries)))

    @rule(client=st.sampled_from(["a", "b"]), connect=st.booleans())
    def service(self, client: str, connect: bool) -> None:
        if connect:
            self.apply(with_service, Service(client, ("report",)))
        else:
            self.apply(without_service, client)

    @rule(state=st.sampled_from(["open", "opposed", "closed"]))
    def state(self, state: str) -> None:
        self.apply(with_state, state)

    @rule(ids=st.lists(st.sampled_from(["c1", "c2"]), unique=True))
    def consents(self, ids: list[str]) -> None:
        self.choices = with_consents(self.choices, "block", ids)

    @invariant()
    def nobody_is_both_blocked_and_let_in(self) -> None:
        out = {one.party for one in self.choices.blocked}
        assert out.isdisjoint(one.party for one in self.choices.authorisations)
        assert out.isdisjoint(one.party for one in self.choices.roles)

    @invariant()
    def limits_hold(self) -> None:
        held = [one.role for one in self.choices.roles]
        assert held.count("treating-doctor") <= 1
        assert held.count("caregiver") <= 3

    @invariant()
    def entries_are_single_and_not_over(self) -> None:
        meanings = [(one.party, one.relation, one.session) for one in self.choices.authorisations]
        assert len(meanings) == len(set(meanings))
        at = self.choices.at
        periods = [one.period for one in (*self.choices.authorisations, *self.choices.roles)]
        assert all(at is None or one.until is None or at < one.until for one in periods)

    @invariant()
    def storage_loses_nothing(self) -> None:
        assert read_choices(write_choices(self.choices)) == self.choices


TestChanges = Changes.TestCase
TestChanges.settings = settings(
    deadline=None, max_examples=60, stateful_step_count=30, suppress_health_check=list(HealthCheck)
)
