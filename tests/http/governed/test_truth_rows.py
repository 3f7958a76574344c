"""Rows of the truth table that take a deposit, a choice, a deletion, the clock, or more than one question."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fhir_server.access.choices import changed, no_choices
from fhir_server.model.actor import Actor
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from fhir_server.store.entries import audit_entry
from tests.access.cases import (
    COLLEAGUE,
    DOCTOR,
    HOSPITAL,
    NURSE,
    WARD,
    doctor,
    hospital,
    parent,
    person,
)
from tests.conftest import FixedClock
from tests.governed import Governed, Speaker
from tests.http.calls import new_id, situation
from tests.http.governed.choices import call, party
from tests.http.governed.conftest import MakeGoverned
from tests.http.governed.labelled import created
from tests.http.governed.tabled import SEARCH, document, enrol, ids, outbox, speaker, wire
from tests.truth_table import Chosen, child, nothing, reasoned, team, treated

UNANNOUNCED = ("withheld-from-person",)
SECRET = ("withheld-from-representatives",)
colleague = replace(doctor, identity=COLLEAGUE, structure=WARD)

Enrolled = Callable[[Chosen], str]


@pytest.fixture
def enrolled(governed: Governed) -> Enrolled:
    """Make a person who chose, and return its id."""

    def make(chosen: Chosen) -> str:
        owner = f"p-{new_id()}"
        enrol(governed, owner, chosen)
        return owner

    return make


def told(server: Governed, owner: str, kind: str) -> list[dict[str, Any]]:
    return [one for one in outbox(server, owner) if one["kind"] == kind]


def last_line(server: Governed, owner: str) -> Any:
    return audit_entry(server.journal(owner)[-1])


def events(reader: Speaker, owner: str) -> list[Any]:
    page = reader.get(f"/AuditEvent?patient={owner}&_count=500")
    assert page.status_code == 200, page.text
    return [one["resource"] for one in page.get_json().get("entry", ())]


def test_row_4_what_is_unannounced_opens_by_its_clock_and_is_told_then(
    make_governed: MakeGoverned, clock: FixedClock
) -> None:
    server = make_governed()
    enrol(server, "p", nothing)
    depositor = speaker(server, hospital, "p")
    name = created(depositor.post("/DocumentReference", document(server, "p", labels=UNANNOUNCED)))
    [notice] = told(server, "p", "deposit")
    assert notice["opens"] is not None
    holder = speaker(server, person, "p")
    assert holder.get(f"/{name}").status_code == 404
    assert ids(holder.get(SEARCH.format(id="p"))) == []
    clock.advance(days=32)
    holder = speaker(server, person, "p")
    assert holder.get(f"/{name}").status_code == 200
    assert ids(holder.get(SEARCH.format(id="p"))) == [name.partition("/")[2]]


@pytest.mark.parametrize(("actor", "labels"), [
    pytest.param(person, UNANNOUNCED, id="3-person"),
    pytest.param(parent, SECRET, id="7-parent-secret"),
    pytest.param(parent, UNANNOUNCED, id="8-parent-unannounced"),
])  # fmt: skip
def test_rows_3_7_8_the_journal_says_nothing_of_what_is_withheld(
    governed: Governed, enrolled: Enrolled, actor: Actor, labels: tuple[str, ...]
) -> None:
    owner = enrolled(lambda c: child(team(c)))
    item = f"d-{new_id()}"
    governed.plant(document(governed, owner, item, labels=labels), authors=(DOCTOR, HOSPITAL))
    assert speaker(governed, doctor, owner).get(f"/DocumentReference/{item}").status_code == 200
    reader = speaker(governed, actor, owner)
    assert item not in json.dumps(events(reader, owner))


def test_row_15_the_treating_doctor_cannot_be_blocked(governed: Governed, enrolled: Enrolled) -> None:
    owner = enrolled(treated)
    answer = speaker(governed, person, owner).post(f"/Patient/{owner}/$block", call(actor=party(DOCTOR)))
    assert (answer.status_code, situation(answer)) == (422, "illegal-choice")
    line = last_line(governed, owner)
    assert (line.interaction, line.situation, line.actor.kind) == ("$block", "illegal-choice", "person")
    assert governed.choices(owner).blocked == ()
    assert speaker(governed, doctor, owner).get(SEARCH.format(id=owner)).status_code == 200


def test_rows_26_27_a_consent_for_one_consultation_holds_in_its_session_alone(
    governed: Governed, enrolled: Enrolled
) -> None:
    owner = enrolled(nothing)
    session, other = (speaker(governed, doctor, owner) for _ in range(2))
    declared = call(actor=party(DOCTOR), relation="session", reason="said so in the consultation")
    assert session.post(f"/Patient/{owner}/$authorise", declared).status_code == 200
    assert session.get(SEARCH.format(id=owner)).status_code == 200
    assert situation(other.get(SEARCH.format(id=owner))) == "refused"
    assert told(governed, owner, "choice")


def test_row_28_who_obtained_the_consent_is_on_record(governed: Governed, enrolled: Enrolled) -> None:
    owner = enrolled(nothing)
    nurse = replace(doctor, identity=NURSE, profession="nurse")
    declared = call(actor=party(DOCTOR), relation="consent", reason="the person agreed at admission")
    assert speaker(governed, nurse, owner).post(f"/Patient/{owner}/$authorise", declared).status_code == 200
    assert speaker(governed, doctor, owner).get(SEARCH.format(id=owner)).status_code == 200
    [authorisation] = governed.choices(owner).authorisations
    assert (authorisation.party, authorisation.declared_by) == (DOCTOR, NURSE)


@pytest.mark.parametrize(
    "chosen", [nothing, team, lambda c: c.block(DOCTOR)], ids=["none", "team", "blocked"]
)
@pytest.mark.parametrize("reason", [None, "", "  "], ids=["none", "empty", "blank"])
def test_row_33_an_emergency_needs_a_reason_whoever_asks(
    governed: Governed, enrolled: Enrolled, reason: str | None, chosen: Chosen
) -> None:
    owner = enrolled(chosen)
    hurried = speaker(governed, replace(doctor, reason=reason), owner, "BTG")
    answer, unknown = (hurried.get(SEARCH.format(id=id)) for id in (owner, "none-at-all"))
    assert (answer.status_code, situation(answer)) == (422, "reason-needed")
    assert wire(answer, owner) == wire(unknown, "none-at-all")
    assert last_line(governed, owner).situation == "reason-needed"


def test_row_39_in_a_secret_session_only_secrets_are_deposited(
    governed: Governed, enrolled: Enrolled
) -> None:
    owner = enrolled(lambda c: child(team(c)))
    secretly = speaker(governed, replace(doctor, secret=True), owner)
    plain = secretly.post("/DocumentReference", document(governed, owner))
    assert (plain.status_code, situation(plain)) == (422, "secret-needed")
    assert ids(speaker(governed, person, owner).get(SEARCH.format(id=owner))) == []
    name = created(secretly.post("/DocumentReference", document(governed, owner, labels=SECRET)))
    [notice] = told(governed, owner, "deposit")
    assert notice["labels"] == list(SECRET), "whoever sends it leaves the parents out"
    representative = speaker(governed, parent, owner)
    assert representative.get(f"/{name}").status_code == 404
    assert DOCTOR not in json.dumps(events(representative, owner))


def test_row_40_who_is_authorised_deposits_and_the_person_is_told(
    governed: Governed, enrolled: Enrolled
) -> None:
    owner = enrolled(team)
    name = created(speaker(governed, doctor, owner).post("/DocumentReference", document(governed, owner)))
    [notice] = told(governed, owner, "deposit")
    assert (notice["recipients"], notice["entities"]) == (["person"], [f"{name}/_history/1"])
    line = last_line(governed, owner)
    assert (line.interaction, line.status, line.rule) == ("create", 201, "authorised")


def test_row_41_hidden_from_both_sides_is_refused(governed: Governed, enrolled: Enrolled) -> None:
    owner = enrolled(team)
    both = document(governed, owner, labels=("masked", *UNANNOUNCED))
    answer = speaker(governed, doctor, owner).post("/DocumentReference", both)
    assert (answer.status_code, situation(answer)) == (422, "forbidden-labels")
    assert ids(speaker(governed, person, owner).get(SEARCH.format(id=owner))) == []


def test_rows_42_43_only_the_depositor_deletes(governed: Governed, enrolled: Enrolled) -> None:
    owner = enrolled(lambda c: c.team().team(COLLEAGUE))
    author, other = speaker(governed, doctor, owner), speaker(governed, colleague, owner)
    name = created(author.post("/DocumentReference", document(governed, owner)))
    refused = other.send("DELETE", f"/{name}")
    assert (refused.status_code, situation(refused)) == (403, "refused"), "visible: the one refusal"
    hidden = document(governed, owner, f"m-{new_id()}", labels=("masked",))
    governed.plant(hidden, authors=(NURSE, HOSPITAL))
    gone = other.send("DELETE", f"/DocumentReference/{hidden['id']}")
    absent = other.send("DELETE", "/DocumentReference/none-at-all")
    assert wire(gone, hidden["id"]) == wire(absent, "none-at-all"), "not visible: as if it were absent"
    assert author.get(f"/DocumentReference/{hidden['id']}").status_code == 200, "nothing was deleted"
    assert author.send("DELETE", f"/{name}").status_code == 204
    assert [one.get(f"/{name}").status_code for one in (author, other)] == [410, 410]
    [notice] = told(governed, owner, "deletion")
    assert notice["recipients"] == ["person"]


def test_row_50_an_establishment_deposits_where_it_is_not_kept_out(
    governed: Governed, enrolled: Enrolled
) -> None:
    for chosen, expected in ((nothing, 201), (lambda c: c.block(HOSPITAL), 403), (opposed, 403)):
        owner = enrolled(chosen)
        answer = speaker(governed, hospital, owner).post("/DocumentReference", document(governed, owner))
        assert answer.status_code == expected
        line = last_line(governed, owner)
        assert (line.interaction, line.status, line.actor.identity) == ("create", expected, HOSPITAL)
        assert bool(told(governed, owner, "deposit")) == (expected == 201)


def opposed(chooser: Any) -> Any:
    return chooser.state("opposed")


def test_row_56_a_token_that_was_revoked_is_401(make_governed: MakeGoverned, clock: FixedClock) -> None:
    server = make_governed()
    enrol(server, "p", lambda c: c.service("tensio", "report"))
    one = server.as_("app", "urn:client|tensio", client="tensio", session="s-revoked")
    assert one.get(SEARCH.format(id="p")).status_code == 200
    server.store.tokens.revoke("s-revoked", clock.now() + timedelta(hours=2))
    clock.advance(seconds=62)
    assert one.get(SEARCH.format(id="p")).status_code == 401


@pytest.mark.parametrize("role", ["app", "gateway", "professional", "support", "analytics", "payer"])
def test_row_57_a_request_about_everybody_is_refused(governed: Governed, role: str) -> None:
    answer = governed.as_(role, "urn:client|1", profession="doctor").get("/DocumentReference")
    assert (answer.status_code, situation(answer)) == (403, "person-needed")


@pytest.mark.parametrize(("actor", "chosen", "expected"), [
    pytest.param(person, team, {DOCTOR, COLLEAGUE}, id="person"),
    pytest.param(doctor, lambda c: treated(team(c)), {DOCTOR, COLLEAGUE}, id="treating-doctor"),
    pytest.param(doctor, team, {DOCTOR}, id="own-acts"),
    pytest.param(Actor("auditor", "urn:agent|1"), team, {DOCTOR, COLLEAGUE}, id="auditor"),
])  # fmt: skip
def test_row_60_who_reads_the_journal_and_reading_it_is_a_line(
    governed: Governed, enrolled: Enrolled, actor: Actor, chosen: Chosen, expected: set[str]
) -> None:
    owner = enrolled(lambda c: chosen(c).team(COLLEAGUE))
    for one in (doctor, colleague):
        assert speaker(governed, one, owner).get(SEARCH.format(id=owner)).status_code == 200
    before = len(governed.journal(owner))
    reader = speaker(governed, actor, owner)
    who = {_identity(event) for event in events(reader, owner)}
    assert {one for one in who if one in (DOCTOR, COLLEAGUE)} == expected
    assert len(governed.journal(owner)) == before + 1


def _identity(event: Any) -> str:
    for agent in event["agent"]:
        if agent["requestor"]:
            known = agent["who"].get("identifier", {})
            named = agent["who"].get("reference", "").removeprefix("Patient/")
            return f"{known['system']}|{known['value']}" if known else named
    raise AssertionError(event)


class TestBadInput:
    """What is wrong is refused by the closed table of errors, changes nothing, and is in the access log."""

    @pytest.mark.parametrize(("operation", "given", "expected"), [
        pytest.param("$set-role", call(actor=party(DOCTOR), role="king"), 422, id="unknown-role"),
        pytest.param("$authorise", call(actor=party(DOCTOR), relation="friend"), 422, id="unknown-relation"),
        pytest.param("$emergency-switch", call(switch="light", on=True), 422, id="unknown-switch"),
        pytest.param("$authorise", call(actor=party(HOSPITAL), relation="care-team"), 422, id="party-is-blocked"),
    ])  # fmt: skip
    def test_a_contradictory_choice(
        self, governed: Governed, enrolled: Enrolled, operation: str, given: Any, expected: int
    ) -> None:
        owner = enrolled(lambda c: c.block(HOSPITAL))
        before = governed.choices(owner)
        answer = speaker(governed, person, owner).post(f"/Patient/{owner}/{operation}", given)
        assert answer.status_code == expected, answer.text
        assert governed.choices(owner) == before
        assert last_line(governed, owner).interaction == operation
        assert last_line(governed, owner).status == expected

    def test_a_clock_behind_the_last_choice_decides_nothing(
        self, make_governed: MakeGoverned, clock: FixedClock
    ) -> None:
        server = make_governed()
        enrol(server, "p", nothing)
        clock.advance(days=365)
        after = replace(no_choices("p"), at=clock.now(), version=1)
        server.store.records.commit(
            UnitOfWork(View.unrestricted("test"), choices=changed(server.choices("p"), after))
        )
        clock.advance(hours=-1)
        one = speaker(server, person, "p")
        for answer in (one.get(SEARCH.format(id="p")), one.post("/DocumentReference", document(server, "p"))):
            assert (answer.status_code, situation(answer)) == (503, "clock-behind")
        assert server.journal("p")[-1]["situation"] == "clock-behind"


def test_row_22_a_block_beats_every_purpose(governed: Governed, enrolled: Enrolled) -> None:
    owner = enrolled(lambda c: c.block(DOCTOR).switch("masked", True))
    for purpose in ("TREAT", "BTG", "ETREAT"):
        one = speaker(governed, replace(reasoned, situation="regulation"), owner, purpose)
        assert situation(one.get(SEARCH.format(id=owner))) == "refused"
