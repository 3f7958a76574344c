"""Leaks that the two worlds found, each as the shortest request that told them apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.access.choices import with_hide_future
from tests.governed import Governed
from tests.http.calls import new_id
from tests.http.governed.conftest import governed
from tests.http.governed.labelled import FROM_PARENTS, FROM_PERSON, MASK, created, document, observation
from tests.worlds.cast import DEPOSITOR, PARENT

__all__ = ["governed"]


@pytest.fixture
def person(governed: Governed) -> Iterator[str]:
    id = new_id()
    governed.enrol(id)
    governed.authorise(id)
    yield id


def hidden(governed: Governed, person: str, *labels: dict[str, str], **more: Any) -> str:
    """Return the address of something of the person that was deposited by others."""
    id = new_id()
    governed.plant({**observation(person, *labels, **more), "id": id}, authors=DEPOSITOR)
    return f"Observation/{id}"


def own_lines(governed: Governed, person: str) -> int:
    lines = governed.doctor().get(f"/AuditEvent?patient={person}&_summary=count").get_json()
    return int(lines["total"])


@pytest.mark.parametrize(("method", "path"), [
    ("GET", ""), ("GET", "/_history/1"), ("GET", "/_history"), ("DELETE", ""), ("GET", "/$meta"), ("POST", "/$hide"),
])  # fmt: skip
def test_own_lines_do_not_tell_that_an_address_is_somebody_s(
    governed: Governed, person: str, method: str, path: str
) -> None:
    name = hidden(governed, person, MASK)
    body = {"resourceType": "Parameters"} if method == "POST" else None
    before = own_lines(governed, person)
    governed.doctor().send(method, f"/{name}{path}", body)
    assert own_lines(governed, person) == before + 1  # the look at the log itself
    # The person is told all the same.
    everything = governed.person(person).get(f"/AuditEvent?patient={person}&_count=100").get_json()
    assert everything["total"] > before + 1


def test_own_lines_do_not_tell_in_a_batch(governed: Governed, person: str) -> None:
    name = hidden(governed, person, MASK)
    before = own_lines(governed, person)
    entries = [{"request": {"method": "GET", "url": name}}]
    governed.doctor().post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert own_lines(governed, person) == before + 1


def test_what_a_body_refers_to_binds_only_where_it_is_seen(governed: Governed, person: str) -> None:
    doctor = governed.doctor()

    def provenance(target: str) -> dict[str, Any]:
        return {
            "resourceType": "Provenance", "target": [{"reference": target}], "recorded": "2026-01-05T08:00:00Z",
            "agent": [{"who": {"display": "x"}}],
        }  # fmt: skip

    seen = created(doctor.post("/Observation", observation(person)))
    created(doctor.post("/Provenance", provenance(seen)))
    criteria = {"If-None-Exist": f"patient={person}&recorded=2026-01-05"}
    existing = doctor.post("/Provenance", provenance(hidden(governed, person, MASK)), criteria)
    nowhere = doctor.post("/Provenance", provenance(f"Observation/{new_id()}"), criteria)
    assert (existing.status_code, existing.data) == (nowhere.status_code, nowhere.data)


def test_labels_flow_only_from_what_the_writer_sees(governed: Governed) -> None:
    """A parent learns that a secret is there: what refers to it vanishes, what refers to nothing stays."""
    person = new_id()
    governed.enrol(person)
    governed.treat(person, PARENT, "representative")
    parent = governed.as_("representative", PARENT)
    secret = hidden(governed, person, FROM_PARENTS)
    answers = []
    for target in (secret, f"Observation/{new_id()}"):
        guess = document(person, context={"related": [{"reference": target}]})
        name = created(parent.post("/DocumentReference", guess))
        answers.append(parent.get(f"/{name}").status_code)
    assert answers[0] == answers[1]


def test_a_label_passes_through_what_is_written_with_its_source(governed: Governed, person: str) -> None:
    """One transaction hides the first of a chain and rewrites the third: the fourth is hidden too."""
    doctor = governed.doctor()

    def derived(*sources: str) -> dict[str, Any]:
        return observation(person, derivedFrom=[{"reference": source} for source in sources])

    first = created(doctor.post("/Observation", observation(person)))
    second = created(doctor.post("/Observation", derived(first)))
    third = created(doctor.post("/Observation", derived(second)))
    fourth = created(doctor.post("/Observation", derived(third)))
    again = [
        {**observation(person, FROM_PERSON), "id": first.partition("/")[2]},
        {**derived(second), "id": third.partition("/")[2], "language": "fr"},
    ]
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"Observation/{one['id']}"}} for one in again
    ]
    written = doctor.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert written.status_code == 200, written.text
    asking = governed.person(person)
    assert [asking.get(f"/{name}").status_code for name in (first, second, third, fourth)] == [404] * 4


def test_to_point_to_somebody_s_result_does_not_hide_it(governed: Governed, person: str) -> None:
    """What the person chose for deposits to come would else show in what a stranger's deposit points to."""
    result = hidden(governed, person)
    doctor = governed.doctor()
    governed.choose(
        person, lambda known: with_hide_future(governed.policy, known, True, governed.context.clock.now())
    )
    created(doctor.post("/DocumentReference", document(person, url=result)))
    assert doctor.get(f"/{result}").status_code == 200
    created(doctor.post("/DocumentReference", document(person, MASK, url=result)))
    assert doctor.get(f"/{result}").status_code == 200


def test_to_point_to_an_own_result_does_not_hide_what_others_made_of_it(
    governed: Governed, person: str
) -> None:
    """The author would see by that what the person chose for deposits to come."""
    doctor = governed.doctor()
    result = created(doctor.post("/Observation", observation(person)))
    others = hidden(governed, person, derivedFrom=[{"reference": result}])
    governed.choose(
        person, lambda known: with_hide_future(governed.policy, known, True, governed.context.clock.now())
    )
    created(doctor.post("/DocumentReference", document(person, url=result)))
    assert doctor.get(f"/{others}").status_code == 200
    # A label that the author gives the document itself tells nothing: it covers all of it.
    created(doctor.post("/DocumentReference", document(person, MASK, url=result)))
    assert doctor.get(f"/{others}").status_code == 404
