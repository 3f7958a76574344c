"""A remembered View is the one that would be decided now, whatever was chosen and whatever time it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.access.choices import Period, PersonChoices, write_choices
from fhir_server.access.decide import decide
from fhir_server.access.policy_file import load_policy
from fhir_server.access.views import Views, choices_of
from fhir_server.model.actor import Actor
from fhir_server.model.outcome import FhirError
from fhir_server.model.view import View
from tests.access.cases import DOCTOR, EARLIER, HOSPITAL, NOW, OWNER, Chooser, doctor, nurse, person, urgent

POLICY = load_policy("fr")
MOMENT = timedelta(minutes=1)
UNTIL = NOW + timedelta(hours=2)

CHOSEN: list[PersonChoices] = [
    Chooser(POLICY).choices,
    Chooser(POLICY).team().choices,
    Chooser(POLICY).team(DOCTOR).block(HOSPITAL).choices,
    Chooser(POLICY).consent(DOCTOR, "consent", period=Period(EARLIER, UNTIL)).choices,
    Chooser(POLICY).role("treating-doctor", DOCTOR, until=UNTIL).choices,
]
ACTORS: list[tuple[Actor, str]] = [
    (doctor, "TREAT"),
    (nurse, "TREAT"),
    (person, "TREAT"),
    (urgent(doctor), "BTG"),
]
INSTANTS = [NOW - timedelta(days=1), EARLIER - MOMENT, EARLIER, NOW, UNTIL - MOMENT, UNTIL, UNTIL + MOMENT]


def document(chosen: PersonChoices) -> Mapping[str, Any] | None:
    return write_choices(chosen) if chosen.at is not None else None


def decided(actor: Actor, purpose: str, kept: Mapping[str, Any] | None, now: datetime) -> View | str:
    try:
        return decide(POLICY, actor, purpose, OWNER, choices_of(OWNER, kept), now)
    except FhirError as error:
        return error.issues[0].situation


def remembered(
    views: Views, actor: Actor, purpose: str, kept: Mapping[str, Any] | None, now: datetime
) -> View | str:
    try:
        return views.view(actor, purpose, OWNER, kept, now)
    except FhirError as error:
        return error.issues[0].situation


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTORS), st.sampled_from(CHOSEN), st.sampled_from(INSTANTS)), max_size=25
    )
)
def test_any_sequence_of_requests_gets_the_views_that_would_be_decided(
    requests: list[tuple[tuple[Actor, str], PersonChoices, datetime]],
) -> None:
    views = Views(POLICY, capacity=3)
    for (actor, purpose), chosen, now in requests:
        kept = document(chosen)
        assert remembered(views, actor, purpose, kept, now) == decided(actor, purpose, kept, now)


def test_a_view_is_made_once_while_nothing_changes() -> None:
    views, kept = Views(POLICY), document(CHOSEN[1])
    first = views.view(doctor, "TREAT", OWNER, kept, NOW)
    assert views.view(doctor, "TREAT", OWNER, dict(kept or {}), NOW + MOMENT) is first


def test_a_view_of_what_opens_with_time_is_made_each_time() -> None:
    views = Views(POLICY)
    first = views.view(person, "TREAT", OWNER, None, NOW)
    assert views.view(person, "TREAT", OWNER, None, NOW + MOMENT) != first


def test_a_refusal_counts_at_once_after_a_view_was_remembered() -> None:
    views = Views(POLICY)
    views.view(doctor, "TREAT", OWNER, document(CHOSEN[1]), NOW)
    with pytest.raises(FhirError):
        views.view(doctor, "TREAT", OWNER, document(replace(CHOSEN[1], state="closed")), NOW)
