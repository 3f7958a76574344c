"""Who is let in, to what, and that a refusal tells nothing of why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.governed import CLINIC, DOCTOR, FINESS, HOSPITAL, INS, OTHER_DOCTOR, Governed, Speaker
from tests.http.calls import issues, new_id, observation, patient, situation

VARIABLE = frozenset({"X-Request-Id", "Date"})


@pytest.fixture(scope="module")
def world(governed: Governed) -> Governed:
    """Three persons: `open-1` authorised the doctor, `shut-1` blocked it, `lone-1` chose nothing."""
    for id, number in (("open-1", "1"), ("shut-1", "2"), ("lone-1", "3")):
        governed.enrol(id, f"{INS}|{number}")
        governed.plant(observation(f"Patient/{id}", f"o-{id}"), authors=(OTHER_DOCTOR, CLINIC))
        hidden = observation(f"Patient/{id}", f"m-{id}", meta={"security": [governed.label("masked")]})
        governed.plant(hidden, authors=(OTHER_DOCTOR, CLINIC))
    governed.authorise("open-1")
    governed.block("shut-1")
    governed.plant({"resourceType": "Practitioner", "id": "d-1", "name": [{"family": "Petit"}]})
    return governed


def wire(answer: TestResponse) -> tuple[int, dict[str, str], bytes]:
    """Return all of an answer that a client can tell apart."""
    headers = {name: value for name, value in answer.headers.items() if name not in VARIABLE}
    return answer.status_code, headers, answer.data


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: dict[str, Any] | None = None) -> dict[str, Any]:
    held = {} if resource is None else {"resource": resource}
    return {**held, "request": {"method": method, "url": url}}


# A request that names the person P, by what is to stand for its id and for its identifier.
NAMING = {
    "the-patient": ("GET", "/Patient/{id}", None),
    "its-history": ("GET", "/Patient/{id}/_history", None),
    "its-version": ("GET", "/Patient/{id}/_history/1", None),
    "its-meta": ("GET", "/Patient/{id}/$meta", None),
    "search": ("GET", "/Observation?patient={id}", None),
    "count": ("GET", "/Observation?patient={id}&_summary=count", None),
    "search-by-subject": ("GET", "/Observation?subject=Patient/{id}", None),
    "search-by-identifier": ("GET", "/Observation?patient.identifier={identifier}", None),
    "the-person-by-identifier": ("GET", "/Patient?identifier={identifier}", None),
    "the-person-by-id": ("GET", "/Patient?_id={id}", None),
    "the-journal": ("GET", "/AuditEvent?patient={id}", None),
    "create": ("POST", "/Observation", observation("Patient/{id}")),
    "update": ("PUT", "/Observation/new-1", observation("Patient/{id}", "new-1")),
    "update-of-the-patient": ("PUT", "/Patient/{id}", patient("{id}")),
    "delete-of-the-patient": ("DELETE", "/Patient/{id}", None),
    "conditional-delete": ("DELETE", "/Observation?patient={id}&code=8310-5", None),
    "an-operation": ("POST", "/Patient/{id}/$hide", {"resourceType": "Parameters"}),
    "transaction": ("POST", "", bundle("transaction", entry("POST", "Observation", observation("Patient/{id}")))),
    "transaction-that-reads": ("POST", "", bundle("transaction", entry("GET", "Patient/{id}"))),
    "transaction-by-reference": (
        "POST", "", bundle("transaction", entry("POST", "Observation", observation("Patient?identifier={identifier}"))),
    ),
    "batch": ("POST", "", bundle("batch", entry("GET", "Patient/{id}"))),
}  # fmt: skip


def ask(speaker: Speaker, row: str, id: str, identifier: str) -> TestResponse:
    method, path, resource = NAMING[row]
    text = json.dumps(resource).replace("{id}", id).replace("{identifier}", identifier)
    filled = path.replace("{id}", id).replace("{identifier}", identifier)
    return speaker.send(method, filled, None if resource is None else json.loads(text))


@pytest.mark.parametrize("row", NAMING)
def test_a_person_who_refused_is_answered_like_one_who_does_not_exist(world: Governed, row: str) -> None:
    doctor = world.doctor()
    unknown = ask(doctor, row, "none-1", f"{INS}|404")
    refused = ask(doctor, row, "shut-1", f"{INS}|2")
    assert wire(refused) == wire(unknown)
    if row == "batch":
        assert refused.get_json()["entry"][0]["response"]["status"] == "403 Forbidden"
    else:
        assert refused.status_code == 403
        assert situation(refused) == "refused"


@pytest.mark.parametrize("row", [row for row in NAMING if row != "batch"])
def test_a_role_without_rights_gets_the_one_refusal(world: Governed, row: str) -> None:
    speaker = world.as_("payer", "urn:payer|1")
    reference = ask(world.doctor(), "search", "none-1", f"{INS}|404")
    assert wire(ask(speaker, row, "open-1", f"{INS}|1")) == wire(reference)


@pytest.mark.parametrize(("row", "status"), [
    ("the-patient", 200), ("search", 200), ("count", 200), ("search-by-identifier", 200), ("the-person-by-identifier", 200),
    ("create", 201), ("transaction", 200), ("transaction-by-reference", 200), ("batch", 200), ("update", 405),
    ("update-of-the-patient", 403), ("an-operation", 422),
])  # fmt: skip
def test_a_person_who_authorised_lets_in(world: Governed, row: str, status: int) -> None:
    assert ask(world.doctor(), row, "open-1", f"{INS}|1").status_code == status


# A request that names only a resource.
ADDRESSING = {
    "read": ("GET", "/Observation/{id}", None, {}),
    "not-modified": ("GET", "/Observation/{id}", None, {"If-None-Match": 'W/"1"'}),
    "version": ("GET", "/Observation/{id}/_history/1", None, {}),
    "history": ("GET", "/Observation/{id}/_history", None, {}),
    "meta": ("GET", "/Observation/{id}/$meta", None, {}),
    "meta-add": ("POST", "/Observation/{id}/$meta-add", {
        "resourceType": "Parameters",
        "parameter": [{"name": "meta", "valueMeta": {"tag": [{"system": "urn:t", "code": "x"}]}}],
    }, {}),
    "validate": ("GET", "/Observation/{id}/$validate", None, {}),
    "hide": ("POST", "/Observation/{id}/$hide", {"resourceType": "Parameters"}, {}),
    "delete": ("DELETE", "/Observation/{id}", None, {}),
    "delete-if": ("DELETE", "/Observation/{id}", None, {"If-Match": 'W/"1"'}),
    "update": ("PUT", "/Observation/{id}", observation("Patient/open-1", "{id}"), {}),
    "update-if": ("PUT", "/Observation/{id}", observation("Patient/open-1", "{id}"), {"If-Match": 'W/"1"'}),
    "update-of-nobody-s": ("PUT", "/Observation/{id}", observation(None, "{id}"), {}),
    "patch": ("PATCH", "/Observation/{id}", b'[{"op":"test","path":"/status","value":"final"}]', {
        "Content-Type": "application/json-patch+json",
    }),
    "provenance-of-it": ("POST", "/Provenance", {
        "resourceType": "Provenance", "recorded": "2026-11-22T08:00:00Z",
        "target": [{"reference": "Observation/{id}"}], "agent": [{"who": {"display": "x"}}],
    }, {}),
    "content-for-it": ("POST", "/Binary", {
        "resourceType": "Binary", "contentType": "text/plain", "data": "eA==",
        "securityContext": {"reference": "Observation/{id}"},
    }, {}),
    "in-a-batch": ("POST", "", bundle("batch", entry("GET", "Observation/{id}")), {}),
    "deleted-in-a-transaction": ("POST", "", bundle("transaction", entry("DELETE", "Observation/{id}")), {}),
    "read-in-a-transaction": ("POST", "", bundle("transaction", entry("GET", "Observation/{id}")), {}),
}  # fmt: skip


def address(speaker: Speaker, row: str, id: str) -> tuple[int, dict[str, str], bytes]:
    method, path, resource, headers = ADDRESSING[row]
    if isinstance(resource, dict):
        resource = json.loads(json.dumps(resource).replace("{id}", id))
    status, fields, data = wire(speaker.send(method, path.replace("{id}", id), resource, headers))
    named = {name: value.replace(id, "{id}") for name, value in fields.items() if name != "Content-Length"}
    return status, named, data.replace(id.encode(), b"{id}")


@pytest.mark.parametrize("where", [
    pytest.param("o-shut-1", id="in-a-record-that-is-refused"),
    pytest.param("m-shut-1", id="masked-in-a-record-that-is-refused"),
    pytest.param("o-lone-1", id="in-a-record-of-no-relation"),
    pytest.param("m-open-1", id="masked-in-a-record-that-is-open"),
])  # fmt: skip
@pytest.mark.parametrize("row", ADDRESSING)
def test_what_is_hidden_is_answered_like_what_does_not_exist(world: Governed, row: str, where: str) -> None:
    doctor = world.doctor()
    assert address(doctor, row, where) == address(doctor, row, "none-at-all")
    assert world.person(where.partition("-")[2]).get(f"/Observation/{where}").status_code == 200


@pytest.mark.parametrize(("method", "path", "resource"), [
    pytest.param("GET", "/Observation", None, id="search"),
    pytest.param("GET", "/Observation?code=8310-5", None, id="search-by-code"),
    pytest.param("GET", "/Patient?name=Martin", None, id="patients-by-name"),
    pytest.param("GET", "/Observation/_history", None, id="history-of-a-type"),
    pytest.param("GET", "/_history", None, id="history-of-all"),
    pytest.param("GET", "/$meta", None, id="meta-of-all"),
    pytest.param("GET", "/Observation/$meta", None, id="meta-of-a-type"),
    pytest.param("GET", "/Observation?patient=open-1,shut-1", None, id="one-of-two"),
    pytest.param("GET", "/Observation?patient=open-1&subject=Patient/none-1", None, id="two-persons"),
    pytest.param("POST", "/Observation", observation(None), id="create-of-nobody-s"),
    pytest.param("DELETE", "/Observation?code=8310-5", None, id="conditional-delete"),
    pytest.param("POST", "", bundle(
        "transaction",
        entry("POST", "Observation", observation("Patient/open-1")),
        entry("POST", "Observation", observation("Patient/none-1")),
    ), id="transaction-about-two"),
])  # fmt: skip
def test_a_request_has_to_name_one_person(world: Governed, method: str, path: str, resource: Any) -> None:
    answer = world.doctor().send(method, path, resource)
    assert answer.status_code == 403
    assert situation(answer) == "person-needed"


def test_what_is_wrong_with_a_body_is_said_before_whom_it_names(world: Governed) -> None:
    answer = world.doctor().post("/Observation", {"resourceType": "Observation", "subject": "Patient/open-1"})
    assert answer.status_code == 422
    assert {one["expression"][0] for one in issues(answer)} >= {"Observation.subject"}


@pytest.mark.parametrize("path", ["/Practitioner/d-1", "/Practitioner?name=Petit", "/Practitioner/_history"])
def test_the_directory_needs_no_person(world: Governed, path: str) -> None:
    answer = world.doctor().get(path)
    assert answer.status_code == 200
    assert "Petit" in answer.text


def test_what_is_validated_and_not_stored_needs_no_person(world: Governed) -> None:
    answer = world.doctor().post("/Observation/$validate", observation(None))
    assert answer.status_code == 200


def test_an_identifier_in_a_chain_stands_for_its_person(world: Governed) -> None:
    doctor = world.doctor()
    by_id = doctor.get("/Observation?patient=Patient/open-1&code=8310-5&_count=1")
    chained = doctor.get(f"/Observation?patient.identifier={INS}|1&code=8310-5&_count=1")
    assert chained.status_code == 200
    assert chained.get_json()["entry"] == by_id.get_json()["entry"]
    assert chained.get_json()["link"] == by_id.get_json()["link"]


def test_an_identifier_beside_the_id_of_another_person_is_refused(world: Governed) -> None:
    doctor = world.doctor()
    assert doctor.get(f"/Patient?_id=open-1&identifier={INS}|1").status_code == 200
    assert situation(doctor.get(f"/Patient?_id=open-1&identifier={INS}|3")) == "refused"


def test_entries_of_a_batch_are_decided_one_by_one(world: Governed) -> None:
    entries = [
        entry("GET", "Patient/open-1"), entry("GET", "Patient/shut-1"), entry("GET", "Observation/o-shut-1"),
        entry("GET", "Observation"), entry("GET", "Practitioner/d-1"), entry("GET", "metadata"),
        entry("POST", "Observation", observation("Patient/open-1")), entry("DELETE", "Patient/none-1"),
    ]  # fmt: skip
    answer = world.doctor().post("", bundle("batch", *entries))
    assert answer.status_code == 200
    found = [one["response"]["status"][:3] for one in answer.get_json()["entry"]]
    assert found == ["200", "403", "404", "403", "200", "200", "201", "403"]


def test_a_token_for_one_record_opens_no_other(world: Governed) -> None:
    person = world.person("open-1")
    assert person.get("/Patient/open-1").status_code == 200
    assert situation(person.get("/Patient/lone-1")) == "refused"
    assert situation(person.get("/Observation/o-lone-1")) == "not-found"


def test_a_person_without_a_record_here_is_refused(world: Governed) -> None:
    assert situation(world.person("none-1").get("/Patient/none-1")) == "refused"


def test_an_emergency_needs_a_reason_and_opens_no_unknown_record(world: Governed) -> None:
    hurried = world.doctor(OTHER_DOCTOR, None, purpose="BTG")
    assert situation(hurried.get("/Observation?patient=lone-1")) == "reason-needed"
    assert situation(hurried.get("/Observation?patient=none-1")) == "reason-needed"
    explained = world.doctor(OTHER_DOCTOR, None, purpose="BTG", reason="unconscious")
    assert explained.get("/Observation?patient=lone-1").status_code == 200
    assert situation(explained.get("/Observation?patient=none-1")) == "refused"


def test_a_system_deposits_and_does_not_consult(world: Governed) -> None:
    hospital = world.as_("establishment", HOSPITAL, structure=HOSPITAL)
    assert hospital.post("/Observation", observation("Patient/lone-1")).status_code == 201
    assert situation(hospital.get("/Observation?patient=lone-1")) == "refused"
    assert situation(hospital.get("/Observation/o-lone-1")) == "not-found"


def test_clients_choose_no_ids(world: Governed) -> None:
    answer = world.doctor().put("/Observation/mine", observation("Patient/open-1", "mine"))
    assert (answer.status_code, situation(answer)) == (405, "update-create-not-allowed")


class TestEnrolment:
    """A person is made known by a role whose View lets it, and by no other."""

    @pytest.fixture
    def operator(self, world: Governed) -> Speaker:
        return world.as_("operator", "urn:op|1", purpose="HSYSADMIN")

    @pytest.fixture
    def identifier(self) -> Iterator[str]:
        yield f"{INS}|{new_id()}"

    def test_by_post(self, world: Governed, operator: Speaker) -> None:
        created = operator.post("/Patient", patient())
        assert created.status_code == 201
        id = created.get_json()["id"]
        assert world.person(id).get(f"/Patient/{id}").status_code == 200

    def test_by_a_conditional_create(self, operator: Speaker, identifier: str) -> None:
        system, _, value = identifier.partition("|")
        body = patient(identifier=[{"system": system, "value": value}])
        condition = {"If-None-Exist": f"identifier={identifier}"}
        assert operator.post("/Patient", body, condition).status_code == 201
        assert operator.post("/Patient", body, condition).status_code == 200

    @pytest.mark.parametrize("role", ["professional", "establishment", "person", "auditor"])
    def test_not_by_others(self, world: Governed, identifier: str, role: str) -> None:
        speaker = world.as_(role, f"{FINESS}|9", profession="doctor" if role == "professional" else None)
        assert situation(speaker.post("/Patient", patient())) == "refused"
        condition = {"If-None-Exist": f"identifier={identifier}"}
        assert situation(speaker.post("/Patient", patient(), condition)) == "refused"


def test_an_answer_is_kept_by_no_cache(world: Governed) -> None:
    for answer in (world.doctor().get("/Patient/open-1"), world.doctor().get("/Patient/none-1")):
        assert answer.headers["Cache-Control"] == "no-store, private"


def last(world: Governed, owner: str | None) -> dict[str, Any]:
    return world.journal(owner)[-1]


@pytest.mark.parametrize("path", [
    pytest.param("/Observation?patient=shut-1", id="a-person"),
    pytest.param("/Observation/o-shut-1", id="a-resource"),
    pytest.param(f"/Patient?identifier={INS}|2", id="an-identifier"),
])  # fmt: skip
def test_an_attempt_is_a_line_of_the_persons_journal(world: Governed, path: str) -> None:
    before = len(world.journal("shut-1"))
    answer = world.doctor().get(path)
    added = world.journal("shut-1")[before:]
    assert [one["status"] for one in added] == [answer.status_code]


def test_a_batch_leaves_a_line_for_each_person(world: Governed) -> None:
    counts = {id: len(world.journal(id)) for id in ("open-1", "shut-1", "lone-1")}
    entries = [entry("GET", f"Patient/{id}") for id in counts]
    assert world.doctor().post("", bundle("batch", *entries)).status_code == 200
    assert {id: len(world.journal(id)) - count for id, count in counts.items()} == dict.fromkeys(counts, 1)


def test_a_search_that_finds_nothing_is_a_line_too(world: Governed) -> None:
    before = len(world.journal("open-1"))
    assert world.doctor().get("/Condition?patient=open-1").get_json()["total"] == 0
    assert len(world.journal("open-1")) == before + 1


def test_a_choice_is_honoured_by_the_next_request(world: Governed) -> None:
    id = new_id()
    world.enrol(id)
    doctor = world.doctor(DOCTOR)
    for _ in range(3):
        world.authorise(id)
        assert doctor.get(f"/Observation?patient={id}").status_code == 200
        world.block(id)
        assert doctor.get(f"/Observation?patient={id}").status_code == 403
        person = world.choices(id)
        assert DOCTOR in {one.party for one in person.blocked}
        world.unblock(id)


def test_the_identity_of_a_person_is_not_deleted_by_anybody(governed: Governed) -> None:
    governed.enrol("p1")
    for speaker in (governed.as_("operator", "urn:test|op"), governed.person("p1")):
        assert speaker.send("DELETE", "/Patient/p1").status_code in (403, 404)
    assert governed.person("p1").get("/Patient/p1").status_code == 200
