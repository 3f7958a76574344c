"""Who gives which role and declares which relation, by the policy `fr`, and when representation ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import FixedClock
from tests.governed import DOCTOR, OTHER_DOCTOR, Governed, Speaker
from tests.http.calls import new_id
from tests.http.governed.choices import call, party
from tests.http.governed.conftest import MakeGoverned
from tests.http.governed.labelled import situation

PARENT, AUNT = "urn:test:person|parent", "urn:test:person|aunt"
CHILD, ADULT = "2015-06-01", "1957-03-14"


def operator(governed: Governed) -> Speaker:
    return governed.as_("operator", "urn:test:operator|1", purpose="HSYSADMIN")


def enrolled(governed: Governed, born: str | None) -> str:
    id = new_id()
    governed.enrol(id, **({} if born is None else {"birthDate": born}))
    return id


@pytest.mark.parametrize(
    ("born", "who", "role", "status"),
    [
        pytest.param(CHILD, "operator", "representative", 200, id="an-operator-registers-the-parent"),
        pytest.param(ADULT, "operator", "representative", 200, id="an-operator-registers-a-guardian"),
        pytest.param(None, "operator", "representative", 422, id="an-end-that-nobody-can-tell"),
        pytest.param(CHILD, "person", "representative", 403, id="a-child-names-nobody"),
        pytest.param(None, "person", "representative", 403, id="who-may-be-a-child-names-nobody"),
        pytest.param(ADULT, "person", "representative", 200, id="an-adult-names-somebody"),
        pytest.param(ADULT, "operator", "treating-doctor", 403, id="an-operator-gives-no-other-role"),
        pytest.param(CHILD, "person", "treating-doctor", 200, id="the-person-names-the-doctor"),
    ],
)
def test_who_gives_a_role(governed: Governed, born: str | None, who: str, role: str, status: int) -> None:
    id = enrolled(governed, born)
    speaker = operator(governed) if who == "operator" else governed.person(id)
    answer = speaker.post(f"/Patient/{id}/$set-role", call(role=role, actor=party(PARENT)))
    assert answer.status_code == status, answer.text
    assert len(governed.choices(id).roles) == (status == 200)


def test_a_representative_appoints_no_other_and_lengthens_nothing(governed: Governed) -> None:
    id = enrolled(governed, CHILD)
    given = call(role="representative", actor=party(PARENT))
    assert operator(governed).post(f"/Patient/{id}/$set-role", given).status_code == 200
    parent = governed.as_("representative", PARENT)
    for actor in (AUNT, PARENT):
        given = call(role="representative", actor=party(actor), end="2090-01-01")
        refused = parent.post(f"/Patient/{id}/$set-role", given)
        assert (refused.status_code, situation(refused)) == (403, "refused")
    assert [one.party for one in governed.choices(id).roles] == [PARENT]


def test_an_operator_learns_nothing_of_the_choices(governed: Governed) -> None:
    id = enrolled(governed, CHILD)
    governed.block(id, DOCTOR)
    given = call(role="representative", actor=party(PARENT))
    answer = operator(governed).post(f"/Patient/{id}/$set-role", given)
    names = [one["name"] for one in answer.get_json()["parameter"]]
    assert (answer.status_code, names, answer.headers.get("ETag")) == (200, ["return"], None)
    assert "$set-role" in str([line["interaction"] for line in governed.journal(id)])


def test_representation_ends_at_the_midnight_of_the_eighteenth_birthday_in_the_realm(
    make_governed: MakeGoverned, clock: FixedClock
) -> None:
    governed = make_governed()
    tomorrow = (clock.now() + timedelta(days=1)).date()
    id = enrolled(governed, tomorrow.replace(year=tomorrow.year - 18).isoformat())
    given = call(role="representative", actor=party(PARENT))
    assert operator(governed).post(f"/Patient/{id}/$set-role", given).status_code == 200
    (role,) = governed.choices(id).roles
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC) - timedelta(hours=1)
    assert role.period.until == midnight, "Paris is an hour ahead in winter"
    clock.instant = midnight - timedelta(seconds=1)
    assert governed.as_("representative", PARENT).get(f"/Patient/{id}").status_code == 200
    clock.instant = midnight
    assert governed.as_("representative", PARENT).get(f"/Patient/{id}").status_code == 403


def test_persons_do_not_care_for_each_other_in_a_circle(governed: Governed) -> None:
    ring = [new_id() for _ in range(3)]
    for id in ring:
        governed.enrol(id, f"urn:test:person|{id}")

    def cares(holder: str, person: str) -> int:
        given = call(role="caregiver", actor=party(f"urn:test:person|{holder}"))
        return governed.person(person).post(f"/Patient/{person}/$set-role", given).status_code

    first, second, third = ring
    assert (cares(first, second), cares(second, third)) == (200, 200)
    assert cares(third, first) == 422


@pytest.mark.parametrize(
    ("relation", "end", "status"),
    [
        pytest.param("care-team", None, 200, id="care-team"),
        pytest.param("care-team", "2090-01-01", 422, id="for-ever"),
        pytest.param("occupational-consent", None, 403, id="what-only-the-person-says"),
    ],
)
def test_what_a_professional_declares(
    governed: Governed, relation: str, end: str | None, status: int
) -> None:
    id = enrolled(governed, ADULT)
    given = call(
        relation=relation, reason="agreed", actor=party(OTHER_DOCTOR), **({"end": end} if end else {})
    )
    answer = governed.doctor().post(f"/Patient/{id}/$authorise", given)
    assert answer.status_code == status, answer.text
    assert [one.period.until is not None for one in governed.choices(id).authorisations] == (
        [True] if status == 200 else []
    )
