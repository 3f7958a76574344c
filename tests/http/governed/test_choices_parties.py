"""$block, $unblock, $authorise, $withdraw, $set-role: the person says who may consult the record."""

from __future__ import annotations

from typing import Any

import pytest

from tests.governed import CLINIC, DOCTOR, FINESS, HOSPITAL, OTHER_DOCTOR, RPPS, Governed, Speaker
from tests.http.calls import new_id, observation, situation
from tests.http.governed.choices import call, consents, identifier, in_force, party, version

AUTHOR = f"{RPPS}|899700000999"


@pytest.fixture
def owner(governed: Governed) -> str:
    id = new_id()
    governed.enrol(id, f"urn:test:person|{id}")
    governed.plant(observation(f"Patient/{id}", f"o-{id}"), authors=(AUTHOR, CLINIC))
    return id


@pytest.fixture
def person(governed: Governed, owner: str) -> Speaker:
    return governed.person(owner)


@pytest.fixture
def choose(person: Speaker, owner: str) -> Any:
    """Call an operation of the person on its Patient."""

    def made(name: str, headers: dict[str, str] | None = None, **given: Any) -> Any:
        return person.post(f"/Patient/{owner}/{name}", call(**given), headers)

    return made


def test_an_authorisation_opens_the_record_and_its_withdrawal_closes_it(
    governed: Governed, owner: str, choose: Any
) -> None:
    doctor, path = governed.doctor(), f"/Observation/o-{owner}"
    assert doctor.get(path).status_code == 404
    answer = choose("$authorise", actor=party(DOCTOR), relation="care-team")
    assert ("authorisation", True) in {
        (kind, DOCTOR in en and DOCTOR in fr) for kind, en, fr in in_force(answer)
    }
    assert doctor.get(path).status_code == 200
    assert in_force(choose("$withdraw", actor=party(DOCTOR)))
    assert doctor.get(path).status_code == 404


def test_a_block_beats_an_authorisation_that_was_there_and_one_that_comes(
    governed: Governed, owner: str, choose: Any
) -> None:
    doctor, path = governed.doctor(), f"/Observation/o-{owner}"
    choose("$authorise", actor=party(DOCTOR), relation="care-team")
    assert "block" in {kind for kind, _, _ in in_force(choose("$block", identifier=identifier(DOCTOR)))}
    assert doctor.get(path).status_code == 404
    assert doctor.get(f"/Observation?patient={owner}").status_code == 403
    refused = choose("$authorise", actor=party(DOCTOR), relation="care-team")
    assert (refused.status_code, situation(refused)) == (422, "illegal-choice")
    assert doctor.get(path).status_code == 404
    choose("$unblock", actor=party(DOCTOR))
    assert doctor.get(path).status_code == 404
    choose("$authorise", actor=party(DOCTOR), relation="care-team")
    assert doctor.get(path).status_code == 200


def test_a_block_holds_in_an_emergency(governed: Governed, owner: str, choose: Any) -> None:
    doctor = governed.doctor(purpose="BTG", reason="unconscious")
    assert doctor.get(f"/Observation/o-{owner}").status_code == 200
    choose("$block", actor=party(DOCTOR))
    assert doctor.get(f"/Observation/o-{owner}").status_code == 404
    assert doctor.get(f"/Observation?patient={owner}").status_code == 403


def test_a_blocked_structure_keeps_out_who_works_for_it_there_alone(
    governed: Governed, owner: str, choose: Any
) -> None:
    choose("$authorise", actor=party(DOCTOR), relation="care-team")
    choose("$block", actor=party(HOSPITAL))
    path = f"/Observation/o-{owner}"
    assert governed.doctor(structure=HOSPITAL).get(path).status_code == 404
    assert governed.doctor(structure=CLINIC).get(path).status_code == 200
    within = governed.doctor(structure=CLINIC, parents=(HOSPITAL,))
    assert within.get(path).status_code == 404


def test_the_treating_doctor_is_not_blocked_until_the_role_ends(
    governed: Governed, owner: str, choose: Any
) -> None:
    assert in_force(choose("$set-role", role="treating-doctor", actor=party(DOCTOR)))
    refused = choose("$block", actor=party(DOCTOR))
    assert (refused.status_code, situation(refused)) == (422, "illegal-choice")
    assert "$set-role" in refused.get_json()["issue"][0]["details"]["text"]
    assert governed.doctor().get(f"/Observation/o-{owner}").status_code == 200
    choose("$set-role", role="treating-doctor", actor=party(DOCTOR), remove=True)
    assert choose("$block", actor=party(DOCTOR)).status_code == 200


def test_there_is_one_treating_doctor(governed: Governed, owner: str, choose: Any) -> None:
    choose("$set-role", role="treating-doctor", actor=party(DOCTOR))
    choose("$set-role", role="treating-doctor", actor=party(OTHER_DOCTOR))
    path = f"/Observation/o-{owner}"
    assert governed.doctor().get(path).status_code == 404
    assert governed.doctor(OTHER_DOCTOR).get(path).status_code == 200


def test_the_same_choice_twice_changes_nothing(owner: str, person: Speaker, choose: Any) -> None:
    calls = [
        ("$authorise", {"actor": party(DOCTOR), "relation": "consent"}),
        ("$authorise", {"actor": party(DOCTOR), "relation": "consent", "end": "2999-01-01"}),
        ("$block", {"actor": party(OTHER_DOCTOR)}),
        ("$set-role", {"role": "treating-doctor", "actor": party(DOCTOR)}),
        ("$emergency-switch", {"switch": "regulation", "on": False}),
        ("$cross-border-choice", {"allowed": True, "country": ["ES", "DE"], "category": ["synthesis"]}),
        ("$service", {"client": "app-1", "category": ["report"], "end": "2999-01-01"}),
    ]
    for name, given in calls:
        first, mirrors = version(choose(name, **given)), consents(person, owner)
        assert version(choose(name, **given)) == first, name
        assert consents(person, owner) == mirrors, name


def test_the_choices_have_a_version_that_if_match_names(choose: Any) -> None:
    assert version(choose("$block", {"If-Match": 'W/"0"'}, actor=party(DOCTOR))) == 1
    stale = choose("$unblock", {"If-Match": 'W/"0"'}, actor=party(DOCTOR))
    assert (stale.status_code, situation(stale)) == (412, "stale-version")
    assert version(choose("$unblock", {"If-Match": 'W/"1"'}, actor=party(DOCTOR))) == 2


ILLEGAL = [
    pytest.param("$block", {}, "illegal-choice", id="no-party"),
    pytest.param("$block", {"actor": {"display": "x"}}, "unresolved-reference", id="nothing-that-names"),
    pytest.param("$block", {"actor": {"identifier": {"value": "1"}}}, "illegal-choice", id="no-system"),
    pytest.param("$block", {"actor": {"reference": "Practitioner/none"}}, "unresolved-reference", id="unknown-party"),
    pytest.param("$block", {"actor": {"reference": "Patient/none"}}, "unresolved-reference", id="no-kind-of-party"),
    pytest.param(
        "$block", {"actor": party(DOCTOR), "identifier": identifier(DOCTOR)}, "illegal-choice", id="named-twice"
    ),
    pytest.param("$authorise", {"actor": party(DOCTOR)}, "missing-element", id="no-relation"),
    pytest.param("$authorise", {"actor": party(DOCTOR), "relation": "friend"}, "illegal-choice", id="unknown-relation"),
    pytest.param("$authorise", {"actor": party(DOCTOR), "relation": "session"}, "illegal-choice", id="no-session"),
    pytest.param(
        "$authorise", {"actor": party(DOCTOR), "relation": "consent", "end": "2001-01-01"}, "illegal-choice", id="past"
    ),
    pytest.param("$withdraw", {"actor": party(DOCTOR), "relation": "blocked"}, "illegal-choice", id="no-authorisation"),
    pytest.param("$set-role", {"role": "king", "actor": party(DOCTOR)}, "illegal-choice", id="unknown-role"),
    pytest.param(
        "$set-role", {"role": "caregiver", "actor": party(DOCTOR), "category": ["nothing"]}, "illegal-choice",
        id="unknown-category",
    ),
    pytest.param(
        "$set-role", {"role": "caregiver", "actor": party(DOCTOR), "end": "2001-01-01"}, "illegal-choice",
        id="role-in-the-past",
    ),
    pytest.param("$emergency-switch", {"switch": "all", "on": True}, "illegal-choice", id="unknown-switch"),
    pytest.param("$emergency-switch", {"switch": "masked"}, "missing-element", id="no-state"),
    pytest.param("$cross-border-choice", {"allowed": True, "country": ["Spain"]}, "illegal-choice", id="no-country"),
    pytest.param("$cross-border-choice", {"allowed": False, "country": ["ES"]}, "illegal-choice", id="contradiction"),
    pytest.param("$service", {"client": "app-1"}, "illegal-choice", id="service-without-category"),
    pytest.param("$service", {"client": "a", "category": ["report"], "end": "2001-01-01"}, "illegal-choice", id="ended"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "refused"), ILLEGAL)
def test_an_illegal_choice_is_refused_and_changes_nothing(
    governed: Governed,
    owner: str,
    person: Speaker,
    choose: Any,
    name: str,
    given: dict[str, Any],
    refused: str,
) -> None:
    answer = choose(name, **given)
    assert (answer.status_code, situation(answer)) == (422, refused), answer.text
    assert governed.choices(owner).version == 0
    assert consents(person, owner) == []


def test_nobody_holds_a_role_for_itself_not_even_by_way_of_another(governed: Governed) -> None:
    one, two = new_id(), new_id()
    for id in (one, two):
        governed.enrol(id, f"urn:test:person|{id}")
    own = governed.person(one).post(
        f"/Patient/{one}/$set-role", call(role="caregiver", actor=party(f"urn:test:person|{one}"))
    )
    assert (own.status_code, situation(own)) == (422, "illegal-choice")
    first = governed.person(one).post(
        f"/Patient/{one}/$set-role", call(role="caregiver", actor=party(f"urn:test:person|{two}"))
    )
    assert first.status_code == 200
    circle = governed.person(two).post(
        f"/Patient/{two}/$set-role", call(role="caregiver", actor=party(f"urn:test:person|{one}"))
    )
    assert (circle.status_code, situation(circle)) == (422, "illegal-choice")
    assert governed.choices(two).version == 0


def test_a_party_of_the_directory_is_blocked_by_all_of_its_identifiers(
    governed: Governed, owner: str, choose: Any
) -> None:
    id = new_id()
    numbers = [f"{RPPS}|{id}", f"urn:test:other|{id}"]
    known = [identifier(one) for one in numbers]
    governed.plant({"resourceType": "Practitioner", "id": id, "identifier": known})
    choose("$block", actor={"reference": f"Practitioner/{id}"})
    assert {one.party for one in governed.choices(owner).blocked} == set(numbers)
    choose("$unblock", actor={"reference": f"Practitioner/{id}"})
    assert governed.choices(owner).blocked == ()


@pytest.mark.parametrize(
    "name", ["$block", "$unblock", "$withdraw", "$set-role", "$emergency-switch", "$see-as"]
)
def test_a_professional_does_not_choose_for_the_person(
    governed: Governed, owner: str, choose: Any, name: str
) -> None:
    choose("$authorise", actor=party(DOCTOR), relation="care-team")
    given = {"role": "treating-doctor"} if name == "$set-role" else {}
    if name == "$emergency-switch":
        given = {"switch": "masked", "on": True}
    refused = governed.doctor().post(f"/Patient/{owner}/{name}", call(**given))
    assert (refused.status_code, situation(refused)) == (403, "refused")
    assert governed.choices(owner).version == 1


def test_an_end_date_counts_to_its_end(make_governed: Any, clock: Any) -> None:
    governed = make_governed()
    governed.enrol("p")
    governed.plant(observation("Patient/p", "o"), authors=(AUTHOR,))
    given = call(actor=party(DOCTOR), relation="consent", end="2026-11-24")
    assert governed.person("p").post("/Patient/p/$authorise", given).status_code == 200
    clock.advance(days=2, hours=14)
    assert governed.doctor().get("/Observation/o").status_code == 200
    clock.advance(hours=12)
    assert governed.doctor().get("/Observation/o").status_code == 404


class TestDeclaring:
    """A professional declares what the person consented to in words."""

    def test_it_is_told_to_the_person_with_who_declared_it(
        self, governed: Governed, owner: str, person: Speaker
    ) -> None:
        doctor = governed.doctor()
        given = call(relation="session", reason="agreed at the desk")
        assert doctor.post(f"/Patient/{owner}/$authorise", given).status_code == 200
        [declared] = governed.choices(owner).authorisations
        assert (declared.party, declared.declared_by) == (DOCTOR, DOCTOR)
        assert declared.session
        assert doctor.get(f"/Observation/o-{owner}").status_code == 200
        assert [one["status"] for one in consents(person, owner)] == ["active"]

    def test_consent_of_one_session_is_none_in_the_next(self, governed: Governed, owner: str) -> None:
        governed.doctor().post(f"/Patient/{owner}/$authorise", call(relation="session", reason="agreed"))
        assert governed.doctor().get(f"/Observation/o-{owner}").status_code == 404

    def test_it_can_be_for_a_colleague(self, governed: Governed, owner: str) -> None:
        given = call(actor=party(OTHER_DOCTOR), relation="consent", reason="sent on")
        assert governed.doctor().post(f"/Patient/{owner}/$authorise", given).status_code == 200
        assert governed.doctor(OTHER_DOCTOR).get(f"/Observation/o-{owner}").status_code == 200
        assert governed.doctor().get(f"/Observation/o-{owner}").status_code == 404

    def test_it_needs_a_reason(self, governed: Governed, owner: str) -> None:
        refused = governed.doctor().post(f"/Patient/{owner}/$authorise", call(relation="session"))
        assert (refused.status_code, situation(refused)) == (422, "reason-needed")
        assert governed.choices(owner).version == 0

    def test_whether_a_colleague_is_blocked_does_not_show(
        self, governed: Governed, owner: str, choose: Any
    ) -> None:
        given = call(actor=party(OTHER_DOCTOR), relation="consent", reason="sent on")
        free = governed.doctor().post(f"/Patient/{owner}/$authorise", given)
        choose("$block", actor=party(OTHER_DOCTOR))
        kept_out = governed.doctor().post(f"/Patient/{owner}/$authorise", given)
        assert (free.status_code, free.data) == (kept_out.status_code, kept_out.data)
        assert "ETag" not in free.headers
        assert "ETag" not in kept_out.headers
        assert governed.choices(owner).authorisations == ()


def test_everyone_but_the_person_learns_nothing_of_the_consents(
    governed: Governed, owner: str, person: Speaker, choose: Any
) -> None:
    choose("$authorise", actor=party(DOCTOR), relation="care-team")
    choose("$block", actor=party(f"{FINESS}|1"))
    mine = consents(person, owner)
    assert len(mine) == 2
    found = governed.doctor().get(f"/Consent?patient={owner}").get_json()
    assert found["total"] == 0
    for one in mine:
        assert governed.doctor().get(f"/Consent/{one['id']}").status_code == 404
