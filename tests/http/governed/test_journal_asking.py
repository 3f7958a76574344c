"""What the journal says was asked: to no reader does it name, or count, what that reader does not see."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from fhir_server.interactions.choosing import OPERATIONS
from tests.governed import CLINIC, DOCTOR, HOSPITAL, RPPS, Governed, Speaker
from tests.http.calls import BASE, bundle, entry, new_id, observation
from tests.http.governed.choices import call, party
from tests.http.governed.test_choices_hiding import SECRET, WITHHELD, document

PARENT = "urn:test|parent"
TREATING = f"{RPPS}|899700000999"
Event = dict[str, Any]


@pytest.fixture
def owner(governed: Governed) -> str:
    id = new_id()
    governed.enrol(id, birthDate="1957-03-14")
    governed.treat(id, TREATING)
    governed.authorise(id, DOCTOR)
    governed.treat(id, PARENT, "representative")
    return id


@pytest.fixture
def treating(governed: Governed) -> Speaker:
    return governed.doctor(TREATING, CLINIC, name="Dr Treating")


def stranger(governed: Governed, person: str) -> Speaker:
    return governed.doctor(f"{RPPS}|{person}", CLINIC, name="Dr Stranger")


def deposited(treating: Speaker, owner: str, *labels: dict[str, str]) -> str:
    """The id of a document that the treating doctor deposited."""
    body = document(owner, "", *labels)
    del body["id"]
    answer = treating.post("/DocumentReference", body)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["id"])


def reader(governed: Governed, owner: str, label: dict[str, str]) -> Speaker:
    """Who does not see a label."""
    return governed.person(owner) if label is WITHHELD else governed.as_("representative", PARENT)


def events(speaker: Speaker, owner: str, query: str = "") -> list[Event]:
    answer = speaker.get(f"/AuditEvent?patient={owner}&_count=200{query}")
    assert answer.status_code == 200, answer.text
    return [one["resource"] for one in answer.get_json().get("entry", [])]


def asked(event: Event) -> str:
    """What an event says was asked."""
    return "".join(base64.b64decode(one["query"]).decode() for one in event["entity"] if "query" in one)


def told(speaker: Speaker, owner: str, name: str = "Dr Treating") -> str:
    """All that a reader is told of what somebody did, in the clear."""
    found = events(speaker, owner, f"&agent-name={name.replace(' ', '%20')}")
    journal = speaker.get(f"/Patient/{owner}/$journal?_count=200").text
    return json.dumps(found) + "".join(asked(one) for one in found) + journal


def changed(owner: str, id: str) -> dict[str, Any]:
    return {**document(owner, id, WITHHELD), "status": "superseded"}


ASKED: dict[str, Callable[[Speaker, str, str], Any]] = {
    "reference": lambda who, owner, id: who.get(f"/Provenance?patient={owner}&target=DocumentReference/{id}"),
    "bare-reference": lambda who, owner, id: who.get(f"/Provenance?patient={owner}&target={id}"),
    "url": lambda who, owner, id: who.get(
        f"/Observation?patient={owner}&derived-from={BASE}/DocumentReference/{id}"
    ),
    "typed": lambda who, owner, id: who.get(
        f"/Observation?patient={owner}&derived-from:DocumentReference={id}"
    ),
    "id-among-others": lambda who, owner, id: who.get(f"/Observation?patient={owner}&_id=none,{id}"),
    "filter": lambda who, owner, id: who.get(
        f"/Observation?patient={owner}&_filter=derived-from eq DocumentReference/{id}"
    ),
    "chain": lambda who, owner, id: who.get(f"/Observation?patient={owner}&derived-from._id={id}"),
    "sent-as-form": lambda who, owner, id: who.send(
        "POST", f"/Provenance/_search?patient={owner}", f"target=DocumentReference/{id}".encode(),
        {"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "stale-update": lambda who, owner, id: who.put(
        f"/DocumentReference/{id}", changed(owner, id), {"If-Match": 'W/"9"'}
    ),
}  # fmt: skip


@pytest.mark.parametrize("label", [
    pytest.param(WITHHELD, id="from-the-person"), pytest.param(SECRET, id="from-representatives"),
])  # fmt: skip
@pytest.mark.parametrize("name", ASKED)
def test_what_was_asked_does_not_name_what_is_withheld(
    governed: Governed, owner: str, treating: Speaker, label: dict[str, str], name: str
) -> None:
    id = deposited(treating, owner, label)
    ASKED[name](treating, owner, id)
    before = told(reader(governed, owner, label), owner)
    assert id not in before
    absent = new_id()
    ASKED[name](treating, owner, absent)
    # What is not there is told in the same words.
    lines = events(reader(governed, owner, label), owner, "&agent-name=Dr%20Treating")[:2]
    of_absent, of_withheld = (
        (asked(one), one["subtype"], one["outcome"], one.get("outcomeDesc")) for one in lines
    )
    assert of_absent == of_withheld


def test_what_was_asked_names_what_its_reader_sees_where_it_says_of_which_type_it_is(
    governed: Governed, owner: str, treating: Speaker
) -> None:
    id = deposited(treating, owner)
    typed = ("reference", "url", "typed", "filter", "sent-as-form", "stale-update")
    for name in typed:
        ASKED[name](treating, owner, id)
    lines = events(governed.person(owner), owner, "&agent-name=Dr%20Treating")[: len(typed)]
    assert len(lines) == len(typed)
    assert all(id in asked(one) for one in lines)
    assert all(owner in asked(one) for one in lines if one["action"] == "E")


@pytest.mark.parametrize(("method", "path"), [
    pytest.param("GET", "", id="read"), pytest.param("GET", "/_history/1", id="vread"),
    pytest.param("GET", "/_history", id="history"), pytest.param("GET", "/$meta", id="meta"),
    pytest.param("GET", "/$validate", id="validate"), pytest.param("GET", "/$source", id="source"),
    pytest.param("DELETE", "", id="delete"),
])  # fmt: skip
@pytest.mark.parametrize("label", [
    pytest.param(WITHHELD, id="from-the-person"), pytest.param(SECRET, id="from-representatives"),
])  # fmt: skip
def test_a_refused_line_about_what_is_withheld_is_none_for_who_does_not_see_it(
    governed: Governed, owner: str, treating: Speaker, method: str, path: str, label: dict[str, str]
) -> None:
    names = [f"DocumentReference/{deposited(treating, owner, *labels)}" for labels in ((), (label,))]
    speaker = stranger(governed, owner)
    lines = []
    for name in names:
        speaker.send(method, f"/{name}{path}")
        speaker.post("", bundle("batch", entry(method, f"{name}{path}")))
        found = events(reader(governed, owner, label), owner, "&agent-name=Dr%20Stranger")
        lines.append([one["outcome"] for one in found])
    assert lines == [["4", "4"], ["4", "4"]]  # of the one that is seen, and nothing more of the other
    assert names[1] not in told(reader(governed, owner, label), owner, "Dr Stranger")
    seen_by_all = events(governed.as_("auditor", purpose="HSYSADMIN"), owner, "&agent-name=Dr%20Stranger")
    assert len(seen_by_all) == 4


def test_a_refusal_in_a_batch_says_which_entries_were_refused(
    governed: Governed, owner: str, treating: Speaker
) -> None:
    first, second, withheld = (deposited(treating, owner, *labels) for labels in ((), (), (WITHHELD,)))
    urls = [f"DocumentReference/{id}" for id in (first, withheld, second)]
    stranger(governed, owner).post("", bundle("batch", *(entry("GET", url) for url in urls)))
    [line] = events(governed.person(owner), owner, "&agent-name=Dr%20Stranger")
    assert asked(line).split("\n") == [f"GET {urls[0]}", "GET DocumentReference/-", f"GET {urls[2]}"]


def test_a_refusal_that_names_the_person_is_told_beside_one_that_does_not(
    governed: Governed, owner: str, treating: Speaker
) -> None:
    withheld = deposited(treating, owner, WITHHELD)
    entries = [
        entry("GET", f"DocumentReference/{withheld}"),
        entry("GET", f"Observation?patient={owner}"),
    ]
    stranger(governed, owner).post("", bundle("batch", *entries))
    [line] = events(governed.person(owner), owner, "&agent-name=Dr%20Stranger")
    assert line["outcome"] == "4"
    assert withheld not in asked(line)


def test_validating_what_is_stored_is_told_like_reading_it(
    governed: Governed, owner: str, treating: Speaker
) -> None:
    name = f"DocumentReference/{deposited(treating, owner)}"
    doctor = governed.doctor(DOCTOR, HOSPITAL, name="Dr Validating")
    assert doctor.get(f"/{name}/$validate").status_code == 200
    [line] = events(governed.person(owner), owner, "&agent-name=Dr%20Validating")
    assert f"{name}/_history/1" in json.dumps(line["entity"])


def test_what_validation_looks_up_is_told(governed: Governed, owner: str, treating: Speaker) -> None:
    seen, other = (
        str(treating.post("/Observation", observation(f"Patient/{owner}")).get_json()["id"]) for _ in range(2)
    )
    body = observation(f"Patient/{owner}", id=seen, hasMember=[{"reference": f"Observation/{other}"}])
    doctor = governed.doctor(DOCTOR, HOSPITAL, name="Dr Validating")
    assert doctor.post(f"/Observation/{seen}/$validate", body).status_code == 200
    [line] = events(governed.person(owner), owner, "&agent-name=Dr%20Validating")
    assert f"Observation/{other}/_history/1" in json.dumps(line["entity"])


def test_what_the_person_tries_about_its_choices_is_no_line_for_who_does_not_read_them(
    governed: Governed, owner: str, treating: Speaker
) -> None:
    person, parent = governed.person(owner), governed.as_("representative", PARENT)
    path = f"/Patient/{owner}"
    for _ in range(2):  # the second time nothing changes
        assert person.post(f"{path}/$hide", call(all=True)).status_code == 200
        assert person.post(f"{path}/$block", call(actor=party("urn:test|other"))).status_code == 200
    assert person.post(f"{path}/$block", call(actor=party(TREATING))).status_code == 422
    assert person.get(f"{path}/$see-as?actor={TREATING.replace('|', '%7C')}").status_code == 200
    assert [one for one in events(treating, owner) if one["subtype"][0]["code"] == "operation"] == []
    for reader in (person, parent):
        found = events(reader, owner, "&subtype=operation")
        assert len(found) == 6


def test_what_was_hidden_is_a_line_for_who_sees_it_all_the_same(
    governed: Governed, owner: str, treating: Speaker
) -> None:
    name = f"DocumentReference/{deposited(treating, owner)}"
    assert governed.person(owner).post(f"/{name}/$hide", call()).status_code == 200
    [line] = events(treating, owner, "&subtype=operation")
    assert name in asked(line)


def test_every_operation_about_choices_is_known_as_one(governed: Governed) -> None:
    rows = governed.context.dispatcher.interactions
    assert {one.name for one in rows if one.governed} - {"$journal", "$proof"} == OPERATIONS
