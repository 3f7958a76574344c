"""$hide and $show: items, everything, what is yet to come; labels are a set, and hidden equals absent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.governed import CLINIC, DOCTOR, HOSPITAL, RPPS, Governed, Speaker
from tests.http.calls import new_id, observation, situation
from tests.http.governed.choices import call, consents, in_force, party, version

AUTHOR = f"{RPPS}|899700000999"
CODES = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
)
MASKED = {"system": CODES, "code": "MASQUE_PS"}
WITHHELD = {"system": CODES, "code": "INVISIBLE_PATIENT"}
SECRET = {"system": CODES, "code": "INVISIBLE_REPRESENTANTS_LEGAUX"}
NORMAL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}
REPORT = {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]}


def document(owner: str, id: str, *labels: dict[str, str]) -> dict[str, Any]:
    """Return a DocumentReference with its labels in both places."""
    concepts = [{"coding": [one]} for one in labels]
    return {
        "resourceType": "DocumentReference",
        "id": id,
        **({"meta": {"security": list(labels)}} if labels else {}),
        "status": "current",
        "type": REPORT,
        "subject": {"reference": f"Patient/{owner}"},
        **({"securityLabel": concepts} if labels else {}),
        "content": [{"attachment": {"contentType": "text/plain", "data": "eA=="}}],
    }


@pytest.fixture
def owner(governed: Governed) -> str:
    id = new_id()
    governed.enrol(id)
    governed.plant(document(id, f"d-{id}"), observation(f"Patient/{id}", f"o-{id}"), authors=(AUTHOR, CLINIC))
    authorised = governed.person(id).post(
        f"/Patient/{id}/$authorise", call(actor=party(DOCTOR), relation="care-team")
    )
    assert authorised.status_code == 200, authorised.text
    return id


@pytest.fixture
def person(governed: Governed, owner: str) -> Speaker:
    return governed.person(owner)


def hide(person: Speaker, path: str, **given: Any) -> Any:
    return person.post(f"{path}/$hide", call(**given))


def show(person: Speaker, path: str, **given: Any) -> Any:
    return person.post(f"{path}/$show", call(**given))


def total(reader: Speaker, owner: str, resource_type: str = "Observation") -> int:
    return int(reader.get(f"/{resource_type}?patient={owner}").get_json()["total"])


def test_what_is_hidden_is_absent_for_a_professional_and_there_for_its_author(
    governed: Governed, owner: str, person: Speaker
) -> None:
    path, doctor, author = f"/Observation/o-{owner}", governed.doctor(), governed.doctor(AUTHOR, CLINIC)
    person.post(f"/Patient/{owner}/$authorise", call(actor=party(AUTHOR), relation="care-team"))
    absent = doctor.get("/Observation/never-was")
    assert (doctor.get(path).status_code, total(doctor, owner)) == (200, 1)
    assert "hidden" in {kind for kind, _, _ in in_force(hide(person, path))}
    hidden = doctor.get(path)
    assert (hidden.status_code, hidden.data) == (404, absent.data)
    assert total(doctor, owner) == 0
    assert author.get(path).status_code == 200
    assert person.get(path).status_code == 200
    in_force(show(person, path))
    assert (doctor.get(path).status_code, total(doctor, owner)) == (200, 1)


def test_hiding_and_showing_leave_no_trace(governed: Governed, owner: str, person: Speaker) -> None:
    doctor, path = governed.doctor(), f"/DocumentReference/d-{owner}"
    before = doctor.get(path)
    history = doctor.get(f"{path}/_history")
    in_force(hide(person, path))
    in_force(show(person, path))
    after = doctor.get(path)
    assert (after.headers["ETag"], after.data) == (before.headers["ETag"], before.data)
    assert doctor.get(f"{path}/_history").get_json()["entry"] == history.get_json()["entry"]


def test_hiding_twice_changes_nothing(governed: Governed, owner: str, person: Speaker) -> None:
    path = f"/DocumentReference/d-{owner}"
    once = version(hide(person, path))
    mirrors, stored = consents(person, owner), person.get(path)
    assert version(hide(person, path)) == once
    assert consents(person, owner) == mirrors
    assert person.get(path).data == stored.data
    assert stored.headers["ETag"] == 'W/"1"'
    in_force(show(person, path))
    assert version(show(person, path)) == once + 1


def test_a_hidden_document_says_so_in_both_places_to_the_person(owner: str, person: Speaker) -> None:
    path = f"/DocumentReference/d-{owner}"
    hide(person, path)
    seen = person.get(path).get_json()
    assert seen["meta"]["security"] == [MASKED]
    assert seen["securityLabel"] == [{"coding": [MASKED]}]


def test_showing_takes_off_one_label_and_no_other(governed: Governed, owner: str, person: Speaker) -> None:
    id = f"s-{owner}"
    governed.plant(document(owner, id, SECRET, MASKED, NORMAL), authors=(AUTHOR, CLINIC))
    in_force(show(person, f"/DocumentReference/{id}"))
    seen = person.get(f"/DocumentReference/{id}").get_json()
    assert seen["meta"]["security"] == [SECRET, NORMAL]
    assert seen["securityLabel"] == [{"coding": [SECRET]}, {"coding": [NORMAL]}]
    assert governed.doctor().get(f"/DocumentReference/{id}").status_code == 200


def test_what_was_derived_is_hidden_and_shown_with_its_source(
    governed: Governed, owner: str, person: Speaker
) -> None:
    derived = observation(
        f"Patient/{owner}", f"e-{owner}", derivedFrom=[{"reference": f"DocumentReference/d-{owner}"}]
    )
    governed.plant(derived, authors=(AUTHOR, CLINIC))
    doctor, path = governed.doctor(), f"/Observation/e-{owner}"
    assert doctor.get(path).status_code == 200
    hide(person, f"/DocumentReference/d-{owner}")
    assert doctor.get(path).status_code == 404
    hide(person, path)
    show(person, f"/DocumentReference/d-{owner}")
    assert doctor.get(path).status_code == 404, "it was hidden itself as well"
    show(person, path)
    assert doctor.get(path).status_code == 200


def test_everything_can_be_hidden_and_what_was_hidden_one_by_one_stays_so(
    governed: Governed, owner: str, person: Speaker
) -> None:
    doctor, patient = governed.doctor(), f"/Patient/{owner}"
    hide(person, f"/Observation/o-{owner}")
    in_force(hide(person, patient, all=True))
    assert doctor.get(f"/DocumentReference/d-{owner}").status_code == 404
    in_force(show(person, patient, all=True))
    assert doctor.get(f"/DocumentReference/d-{owner}").status_code == 200
    assert doctor.get(f"/Observation/o-{owner}").status_code == 404


def test_what_is_yet_to_come_can_be_hidden(governed: Governed, owner: str, person: Speaker) -> None:
    in_force(hide(person, f"/Patient/{owner}", future=True))
    author = governed.as_("establishment", HOSPITAL, structure=HOSPITAL)
    made = author.post("/Observation", observation(f"Patient/{owner}"))
    assert made.status_code == 201, made.text
    path = "/" + "/".join(made.headers["Location"].split("/")[-4:-2])
    doctor = governed.doctor(structure=CLINIC)
    assert doctor.get(path).status_code == 404
    assert doctor.get(f"/Observation/o-{owner}").status_code == 200
    in_force(show(person, f"/Patient/{owner}", future=True))
    assert doctor.get(path).status_code == 404, "what was hidden when it came is shown one by one"
    in_force(show(person, path))
    assert doctor.get(path).status_code == 200


def test_the_treating_doctor_sees_what_is_hidden(governed: Governed, owner: str, person: Speaker) -> None:
    person.post(f"/Patient/{owner}/$set-role", call(role="treating-doctor", actor=party(DOCTOR)))
    hide(person, f"/Observation/o-{owner}")
    hide(person, f"/Patient/{owner}", all=True)
    assert governed.doctor().get(f"/Observation/o-{owner}").status_code == 200


@pytest.mark.parametrize(("path", "given", "status", "refused"), [
    pytest.param("/Patient/{owner}", {}, 422, "illegal-choice", id="nothing-said"),
    pytest.param("/Patient/{owner}", {"all": False}, 422, "illegal-choice", id="the-opposite-is-show"),
    pytest.param("/Patient/{owner}", {"all": True, "future": False}, 422, "illegal-choice", id="contradiction"),
    pytest.param("/Patient/{owner}", {"all": True, "label": "masked"}, 422, "illegal-choice", id="label-of-all"),
    pytest.param("/Observation/o-{owner}", {"all": True}, 422, "illegal-choice", id="all-of-an-item"),
    pytest.param("/Observation/o-{owner}", {"label": "purple"}, 422, "illegal-choice", id="unknown-label"),
    pytest.param("/Observation/o-{owner}", {"label": "withheld-from-person"}, 403, "refused", id="label-of-others"),
    pytest.param("/Observation/never-was", {}, 404, "not-found", id="nothing-there"),
    pytest.param("/Practitioner/never-was", {}, 403, "refused", id="of-no-person"),
])  # fmt: skip
def test_an_illegal_call_is_refused_and_changes_nothing(
    governed: Governed, owner: str, person: Speaker, path: str, given: Any, status: int, refused: str
) -> None:
    answer = hide(person, path.format(owner=owner), **given)
    assert (answer.status_code, situation(answer)) == (status, refused), answer.text
    assert governed.choices(owner).version == 1
    assert governed.doctor().get(f"/Observation/o-{owner}").status_code == 200


class TestProfessionals:
    """A professional labels what it deposited itself, and shows what it withheld."""

    def test_nobody_else_shows_what_the_person_hid(
        self, governed: Governed, owner: str, person: Speaker
    ) -> None:
        person.post(f"/Patient/{owner}/$authorise", call(actor=party(AUTHOR), relation="care-team"))
        path, author = f"/Observation/o-{owner}", governed.doctor(AUTHOR, CLINIC)
        hide(person, path)
        refused = show(author, path)
        assert (refused.status_code, situation(refused)) == (403, "refused")
        unseen = show(governed.doctor(), path)
        assert (unseen.status_code, situation(unseen)) == (404, "not-found")
        assert governed.doctor().get(path).status_code == 404

    def test_nobody_labels_the_deposit_of_another(self, governed: Governed, owner: str) -> None:
        refused = hide(governed.doctor(), f"/Observation/o-{owner}", label="withheld-from-person")
        assert (refused.status_code, situation(refused)) == (403, "refused")

    def test_an_announcement_is_released_by_its_author(
        self, governed: Governed, owner: str, person: Speaker
    ) -> None:
        person.post(f"/Patient/{owner}/$authorise", call(actor=party(AUTHOR), relation="care-team"))
        path, author = f"/DocumentReference/a-{owner}", governed.doctor(AUTHOR, CLINIC)
        governed.plant(document(owner, f"a-{owner}", NORMAL, WITHHELD), authors=(AUTHOR, CLINIC))
        assert person.get(path).status_code == 404
        other = show(governed.doctor(), path, label="withheld-from-person")
        assert (other.status_code, situation(other)) == (403, "refused")
        answer = show(author, path, label="withheld-from-person")
        assert answer.status_code == 200, answer.text
        assert [one["name"] for one in answer.get_json()["parameter"]] == ["return"]
        assert person.get(path).get_json()["meta"]["security"] == [NORMAL]


def test_choices_of_many_at_once_are_all_kept(governed: Governed, owner: str) -> None:
    """Each is one commit; whoever comes second chooses anew from what is there."""
    parties = [f"{RPPS}|77{number:02d}" for number in range(6)]

    def block(one: str) -> int:
        return governed.person(owner).post(f"/Patient/{owner}/$block", call(actor=party(one))).status_code

    with ThreadPoolExecutor(3) as pool:
        statuses = list(pool.map(block, parties))
    kept = {one.party for one in governed.choices(owner).blocked}
    assert {one for one, status in zip(parties, statuses) if status == 200} == kept
    assert set(statuses) <= {200, 409}
    assert len(consents(governed.person(owner), owner)) == 1 + len(kept)


def test_who_may_not_see_a_record_cannot_tell_an_item_of_it_from_nothing(
    governed: Governed, owner: str
) -> None:
    stranger = governed.doctor(f"{RPPS}|5")
    there, absent = (hide(stranger, f"/Observation/{id}") for id in (f"o-{owner}", "never-was"))
    assert (there.status_code, there.data) == (absent.status_code, absent.data)
    assert situation(there) == "not-found"
