"""What a minor chooses about secrets, or in secret: the parents are told nothing of it, and cannot undo it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.governed import CLINIC, DOCTOR, HOSPITAL, OTHER_DOCTOR, Governed, Speaker
from tests.http.calls import new_id, observation
from tests.http.governed.choices import call, consents, in_force, party, version
from tests.http.governed.test_choices_hiding import SECRET

PARENT = "urn:test|parent"
OTHERS = ("urn:test|others", CLINIC)


@pytest.fixture
def minor(governed: Governed) -> str:
    id = new_id()
    governed.enrol(id, birthDate="2014-05-01")
    governed.treat(id, PARENT, "representative")
    governed.plant(
        {**observation(f"Patient/{id}", f"s-{id}"), "meta": {"security": [SECRET]}},
        observation(f"Patient/{id}", f"o-{id}"),
        authors=OTHERS,
    )
    return id


@pytest.fixture
def parent(governed: Governed) -> Speaker:
    return governed.as_("representative", PARENT)


def told(parent: Speaker, minor: str) -> dict[str, Any]:
    """All that a parent is told of the choices."""
    seen = f"/Patient/{minor}/$see-as?actor={DOCTOR}&structure={HOSPITAL}&profession=doctor"
    answer = parent.post(f"/Patient/{minor}/$emergency-switch", call(switch="masked", on=False))
    return {
        "consents": [one["id"] for one in consents(parent, minor)],
        "in-force": in_force(answer),
        "version": version(answer),
        "see-as": parent.get(seen.replace("|", "%7C")).get_json(),
    }


def hide(governed: Governed, minor: str, item: str, **more: Any) -> None:
    answer = governed.person(minor, **more).post(f"/Observation/{item}/$hide", call())
    assert answer.status_code == 200, answer.text


def authorise(speaker: Speaker, minor: str, **more: Any) -> Any:
    answer = speaker.post(f"/Patient/{minor}/$authorise", call(actor=party(DOCTOR), **more))
    assert answer.status_code == 200, answer.text
    return answer


def test_what_is_hidden_of_a_secret_is_not_listed_to_parents(
    governed: Governed, minor: str, parent: Speaker
) -> None:
    before = told(parent, minor)
    hide(governed, minor, f"s-{minor}")
    assert told(parent, minor) == before
    assert f"s-{minor}" not in parent.get(f"/Consent?patient={minor}&_count=100").text
    assert f"s-{minor}" in governed.person(minor).get(f"/Consent?patient={minor}&_count=100").text
    governed.authorise(minor)
    assert governed.doctor().get(f"/Observation/s-{minor}").status_code == 404


def test_what_is_hidden_in_the_open_is_listed_beside_a_secret(
    governed: Governed, minor: str, parent: Speaker
) -> None:
    hide(governed, minor, f"s-{minor}")
    hide(governed, minor, f"o-{minor}")
    page = parent.get(f"/Consent?patient={minor}&_count=100").text
    assert f"o-{minor}" in page and f"s-{minor}" not in page
    kinds = {kind: english for kind, english, _ in told(parent, minor)["in-force"]}
    assert kinds["hidden"].startswith("1 ")


def test_who_is_authorised_in_secret_is_not_named_to_parents(
    governed: Governed, minor: str, parent: Speaker
) -> None:
    before = told(parent, minor)
    authorise(governed.person(minor, secret=True), minor, relation="care-team")
    assert told(parent, minor) == before
    assert governed.doctor().get(f"/Observation/o-{minor}").status_code == 200
    own = governed.person(minor).get(f"/Consent?patient={minor}&category=authorisation").get_json()
    assert own["total"] == 1


def test_a_consent_that_a_professional_declares_in_secret_is_not_told_to_parents(
    governed: Governed, minor: str, parent: Speaker
) -> None:
    before = told(parent, minor)
    doctor = governed.doctor(secret=True)
    authorise(doctor, minor, relation="session", reason="said so in the consultation")
    assert told(parent, minor) == before
    assert doctor.get(f"/Observation/s-{minor}").status_code == 200


def test_parents_count_their_own_changes_alone(governed: Governed, minor: str, parent: Speaker) -> None:
    before = told(parent, minor)["version"]
    hide(governed, minor, f"s-{minor}")
    path = f"/Patient/{minor}/$hide"
    chosen = parent.post(path, call(future=True), {"If-Match": f'W/"{before}"'})
    assert (chosen.status_code, version(chosen)) == (200, before + 1)
    assert parent.post(path, call(all=True), {"If-Match": f'W/"{before}"'}).status_code == 412
    assert governed.choices(minor).version == before + 2


def test_what_ends_in_secret_stays_secret(governed: Governed, minor: str, parent: Speaker) -> None:
    before = told(parent, minor)
    person = governed.person(minor, secret=True)
    authorise(person, minor, relation="care-team")
    hide(governed, minor, f"s-{minor}")
    withdrawn = person.post(f"/Patient/{minor}/$withdraw", call(actor=party(DOCTOR)))
    assert withdrawn.status_code == 200, withdrawn.text
    assert person.post(f"/Observation/s-{minor}/$show", call()).status_code == 200
    assert told(parent, minor) == before
    assert governed.doctor().get(f"/Observation?patient={minor}").status_code == 403


def test_parents_choose_as_if_there_were_no_secret(governed: Governed, minor: str, parent: Speaker) -> None:
    authorise(governed.person(minor, secret=True), minor, relation="care-team")
    hide(governed, minor, f"s-{minor}")
    withdrawn = parent.post(f"/Patient/{minor}/$withdraw", call(actor=party(DOCTOR)))
    other = parent.post(f"/Patient/{minor}/$withdraw", call(actor=party(OTHER_DOCTOR)))
    assert withdrawn.get_json() == other.get_json()
    assert governed.doctor().get(f"/Observation/o-{minor}").status_code == 200
    authorise(parent, minor, relation="care-team")
    named = [english for kind, english, _ in told(parent, minor)["in-force"] if kind == "authorisation"]
    assert len(named) == 1
    assert parent.post(f"/Patient/{minor}/$withdraw", call(actor=party(DOCTOR))).status_code == 200
    assert governed.doctor().get(f"/Observation/o-{minor}").status_code == 200, "the secret one holds"
    assert f"Observation/s-{minor}" in governed.choices(minor).hidden
