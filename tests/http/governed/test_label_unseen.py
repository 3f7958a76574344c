"""Labels do not flow from what a writer does not see, nor to what is somebody else's; all else they reach."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.access.policy import MASKED, WITHHELD_FROM_REPRESENTATIVES
from fhir_server.access.spread import unseen
from tests.governed import CLINIC, HOSPITAL, OTHER_DOCTOR, Governed, Speaker
from tests.http.calls import new_id
from tests.http.governed.choices import call
from tests.http.governed.labelled import (
    FROM_PARENTS,
    MASK,
    created,
    document,
    facts,
    hide,
    labels,
    observation,
    other,
    show,
)
from tests.worlds.cast import DEPOSITOR, PARENT


def secret(governed: Governed, person: str, *security: dict[str, str]) -> str:
    """Return the address of a result that others deposited."""
    id = new_id()
    governed.plant({**observation(person, *security), "id": id}, authors=DEPOSITOR)
    return f"Observation/{id}"


def derived(person: str, *sources: str, **more: Any) -> dict[str, Any]:
    return observation(person, derivedFrom=[{"reference": name} for name in sources], **more)


def parent_of(governed: Governed, person: str) -> Speaker:
    governed.treat(person, PARENT, "representative")
    return governed.as_("representative", PARENT)


def test_what_is_not_seen_is_remembered_and_gives_nothing(governed: Governed, person: str) -> None:
    source = secret(governed, person, MASK)
    name = created(governed.doctor().post("/Observation", derived(person, source)))
    assert labels(governed, name) == set()
    assert facts(governed, name).access.source == (source, unseen(source, MASKED))


def test_what_is_seen_gives_its_labels(governed: Governed, person: str) -> None:
    source = secret(governed, person, MASK)
    name = created(governed.person(person).post("/Observation", derived(person, source)))
    assert labels(governed, name) == {MASKED}


def test_a_writer_who_sees_it_lets_its_labels_flow(governed: Governed, person: str) -> None:
    source = secret(governed, person, FROM_PARENTS)
    parent, writes = parent_of(governed, person), derived(person, source)
    name = created(parent.post("/Observation", writes))
    assert labels(governed, name) == set()
    id = name.partition("/")[2]
    changed = {**writes, "id": id, "status": "amended"}
    assert parent.put(f"/{name}", changed).status_code == 200
    assert labels(governed, name) == set()
    both = created(governed.doctor().post("/Observation", derived(person, source, name)))
    assert labels(governed, both) == {WITHHELD_FROM_REPRESENTATIVES}


def test_a_label_that_comes_later_flows_and_brings_no_other(governed: Governed, person: str) -> None:
    source = secret(governed, person, FROM_PARENTS)
    name = created(parent_of(governed, person).post("/Observation", derived(person, source)))
    hide(governed, source)
    assert labels(governed, name) == {MASKED}
    show(governed, source)
    assert labels(governed, name) == set()


def test_a_label_that_went_and_comes_again_flows(governed: Governed, person: str) -> None:
    source = secret(governed, person, MASK)
    name = created(governed.doctor().post("/Observation", derived(person, source)))
    show(governed, source)
    assert facts(governed, name).access.source == (source,)
    hide(governed, source)
    assert labels(governed, name) == {MASKED}


def test_another_label_of_its_own_brings_none_of_the_unseen(governed: Governed, person: str) -> None:
    source = secret(governed, person, FROM_PARENTS)
    parent = parent_of(governed, person)
    name = created(parent.post("/Observation", derived(person, source)))
    assert governed.person(person).post(f"/{name}/$hide", call()).status_code == 200
    assert labels(governed, name) == {MASKED}
    assert parent.get(f"/{name}").status_code == 200


def test_what_the_person_hides_one_by_one_covers_what_refers_to_it(governed: Governed, person: str) -> None:
    source = secret(governed, person)
    assert governed.person(person).post(f"/{source}/$hide", call()).status_code == 200
    name = created(governed.doctor().post("/Observation", derived(person, source)))
    assert governed.doctor().get(f"/{name}").status_code == 200
    assert other(governed).get(f"/{name}").status_code == 404


def test_what_flowed_when_it_was_seen_stays(governed: Governed, person: str) -> None:
    source, doctor = secret(governed, person), governed.doctor()
    writes = derived(person, source)
    name = created(doctor.post("/Observation", writes))
    hide(governed, source)
    again = doctor.put(f"/{name}", {**writes, "id": name.partition("/")[2], "status": "amended"})
    assert again.status_code == 200
    assert labels(governed, name) == {MASKED}


def test_who_reads_nothing_lets_all_labels_flow(governed: Governed, person: str) -> None:
    source = secret(governed, person, MASK)
    name = created(governed.as_("establishment", HOSPITAL, structure=HOSPITAL).post(
        "/Observation", derived(person, source)
    ))  # fmt: skip
    assert labels(governed, name) == {MASKED}


def test_a_secret_connection_learns_nothing_of_labels(governed: Governed, person: str) -> None:
    doctor = governed.doctor(secret=True)
    source = secret(governed, person, MASK, FROM_PARENTS)
    answers = [
        doctor.post("/Observation", derived(person, target)) for target in (source, f"Observation/{new_id()}")
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].data == answers[1].data


SENSITIVE = {"coding": [{"system": "http://loinc.org", "code": "68599-0"}]}


@pytest.mark.parametrize(("pointed", "seen"), [(True, False), (True, True), (False, False), (False, True)])
def test_a_document_takes_no_content_of_somebody_else_with_it(
    governed: Governed, person: str, pointed: bool, seen: bool
) -> None:
    content = {
        "resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERi0=",
        "securityContext": {"reference": f"Patient/{person}"},
    }  # fmt: skip
    binary = created(other(governed).post("/Binary", content))
    if pointed:
        created(other(governed).post("/DocumentReference", document(person, url=binary)))
    before = facts(governed, binary)
    writer = governed.person(person) if seen else governed.doctor()
    created(writer.post("/DocumentReference", document(person, MASK, url=binary, type=SENSITIVE)))
    gets = seen and not pointed
    assert (facts(governed, binary) != before) is gets
    assert labels(governed, binary) == ({MASKED} if gets else set())


def test_hidden_content_is_no_content_of_who_does_not_see_it(governed: Governed, person: str) -> None:
    id = new_id()
    content = {
        "resourceType": "Binary", "id": id, "contentType": "application/pdf", "data": "JVBERi0=",
        "meta": {"security": [MASK]}, "securityContext": {"reference": f"Patient/{person}"},
    }  # fmt: skip
    governed.plant(content, authors=(OTHER_DOCTOR, CLINIC))
    before = facts(governed, f"Binary/{id}")
    created(governed.doctor().post("/DocumentReference", document(person, url=f"Binary/{id}")))
    assert facts(governed, f"Binary/{id}") == before
