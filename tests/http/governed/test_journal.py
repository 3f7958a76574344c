"""The journal of a person: complete, in sentences, and to each reader only what that reader may see."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from fhir_server.store.entries import audit_entry
from tests.governed import CLINIC, DOCTOR, HOSPITAL, OTHER_DOCTOR, RPPS, Governed, Speaker
from tests.http.calls import BASE, bundle, entry, new_id, observation, situation
from tests.http.governed.choices import call, party
from tests.http.governed.test_choices_hiding import SECRET, WITHHELD, document

AUTHOR = f"{RPPS}|899700000999"
PARENT = "urn:test|parent"
CANARY = "zq-canary-cholera"


@dataclass(frozen=True)
class Record:
    """A person with a doctor of the care team, a representative, and some items."""

    server: Governed
    id: str

    @property
    def person(self) -> Speaker:
        return self.server.person(self.id)

    @property
    def doctor(self) -> Speaker:
        return self.server.doctor()

    @property
    def parent(self) -> Speaker:
        return self.server.as_("representative", PARENT, name="Parent")

    def authorise(self, professional: str) -> None:
        """Let the person say that a professional is of the care team."""
        given = call(actor=party(professional), relation="care-team")
        assert self.person.post(f"/Patient/{self.id}/$authorise", given).status_code == 200

    def events(self, reader: Speaker, query: str = "") -> list[dict[str, Any]]:
        """All events of the record that a reader finds, over all pages."""
        found: list[dict[str, Any]] = []
        url = f"/AuditEvent?patient={self.id}&_count=500{query}"
        while url:
            page = reader.get(url)
            assert page.status_code == 200, page.text
            found += [one["resource"] for one in page.get_json().get("entry", [])]
            url = link(page, "next")
        return found

    def lines(self, reader: Speaker, query: str = "") -> list[dict[str, Any]]:
        """The lines of the journal as a reader sees them, each as its parts by name."""
        answer = reader.get(f"/Patient/{self.id}/$journal?_count=500{query}")
        assert answer.status_code == 200, answer.text
        return [
            {
                part["name"]: next(value for key, value in part.items() if key != "name")
                for part in one["part"]
            }
            for one in answer.get_json().get("parameter", [])
            if one["name"] == "line"
        ]


def link(page: TestResponse, relation: str) -> str:
    urls = [one["url"] for one in page.get_json()["link"] if one["relation"] == relation]
    return urls[0].removeprefix(BASE) if urls else ""


def entities(event: dict[str, Any]) -> list[str]:
    """What an event lists, the person aside."""
    references = [one.get("what", {}).get("reference", "") for one in event["entity"]]
    return [one.partition("/_history/")[0] for one in references if "/_history/" in one]


def subtypes(events: list[dict[str, Any]]) -> list[str]:
    return [one["subtype"][0]["code"] for one in events]


@pytest.fixture
def record(governed: Governed) -> Iterator[Record]:
    id = new_id()
    governed.enrol(id, birthDate="1957-03-14")
    one = Record(governed, id)
    items = (document(id, f"d-{id}"), observation(f"Patient/{id}", f"o-{id}", note=[{"text": CANARY}]))
    governed.plant(*items, authors=(AUTHOR, CLINIC))
    one.authorise(DOCTOR)
    role = call(actor=party(PARENT), role="representative")
    assert one.person.post(f"/Patient/{id}/$set-role", role).status_code == 200
    return one


def test_the_person_finds_every_access_and_every_attempt(record: Record) -> None:
    stranger = record.server.doctor(OTHER_DOCTOR, None, name="Dr Stranger")
    assert record.doctor.get(f"/Observation/o-{record.id}").status_code == 200
    assert record.doctor.get(f"/Observation?patient={record.id}&code=8310-5").status_code == 200
    assert stranger.get(f"/Observation/o-{record.id}").status_code == 404
    assert record.person.get(f"/DocumentReference/d-{record.id}").status_code == 200
    events = record.events(record.person)
    assert subtypes(events)[:4] == ["read", "read", "search-type", "read"]
    assert [one["outcome"] for one in events[:4]] == ["0", "4", "0", "0"]
    assert [one["agent"][2].get("name") for one in events[:4]] == [None, "Dr Stranger", "Dr Test", "Dr Test"]
    assert [entities(one) for one in events[:4]] == [
        [f"DocumentReference/d-{record.id}"], [], [f"Observation/o-{record.id}"], [f"Observation/o-{record.id}"],
    ]  # fmt: skip


def test_reading_the_journal_is_a_line_of_it(record: Record) -> None:
    before = len(record.events(record.person))
    after = record.events(record.person)
    assert len(after) == before + 1
    assert entities(after[0]) == []
    (query,) = (base64.b64decode(one["query"]).decode() for one in after[0]["entity"] if "query" in one)
    assert query.startswith("GET AuditEvent?")


@pytest.mark.parametrize(("query", "expected"), [
    pytest.param("&action=R", {"read"}, id="action"),
    pytest.param("&action=E", {"operation", "search-type"}, id="carried-out"),
    pytest.param("&subtype=http://hl7.org/fhir/restful-interaction|create", {"create"}, id="subtype"),
    pytest.param("&subtype=operation", {"operation"}, id="operations"),
    pytest.param("&type=rest", {"read", "create", "operation", "search-type"}, id="type"),
    pytest.param("&type=rest&action=C", {"create"}, id="both"),
    pytest.param("&type=110114", set(), id="other-type"),
    pytest.param("&outcome=4", {"read"}, id="refused"),
    pytest.param("&outcome=8", set(), id="failed"),
    pytest.param("&date=gt2999", set(), id="later"),
    pytest.param("&date=ge2000&date=lt2999", {"read", "create", "operation", "search-type"}, id="period"),
    pytest.param("&agent-name=dr%20t", {"read", "create"}, id="name"),
    pytest.param(f"&agent:identifier={DOCTOR}", {"read", "create"}, id="agent"),
    pytest.param(f"&agent:identifier={HOSPITAL}", {"read", "create"}, id="structure"),
    pytest.param("&agent-name=nobody", set(), id="other-name"),
])  # fmt: skip
def test_the_journal_can_be_searched(record: Record, query: str, expected: set[str]) -> None:
    assert record.doctor.get(f"/Observation/o-{record.id}").status_code == 200
    deposit = record.doctor.post("/Observation", observation(f"Patient/{record.id}"))
    assert deposit.status_code == 201, deposit.text
    assert record.doctor.get(f"/Observation/never-{record.id}").status_code == 404
    stranger = record.server.doctor(OTHER_DOCTOR, None, name="Stranger")
    assert stranger.get(f"/Observation/o-{record.id}").status_code == 404
    assert record.person.get(f"/Observation?patient={record.id}").status_code == 200
    assert set(subtypes(record.events(record.person, query))) == expected


def test_the_journal_can_be_searched_by_what_was_shown(record: Record) -> None:
    assert record.doctor.get(f"/Observation/o-{record.id}").status_code == 200
    assert record.doctor.get(f"/DocumentReference/d-{record.id}").status_code == 200
    found = record.events(record.person, f"&entity=Observation/o-{record.id}")
    assert [entities(one) for one in found] == [[f"Observation/o-{record.id}"]]


@pytest.mark.parametrize(("query", "wrong"), [
    pytest.param("date=yesterday", "illegal-parameter-value", id="date"),
    pytest.param("date=ap2026", "illegal-parameter-value", id="prefix"),
    pytest.param("_count=many", "illegal-parameter-value", id="count"),
    pytest.param("_sort=agent", "illegal-parameter-value", id="sort"),
    pytest.param("action:not=R", "unsupported-modifier", id="modifier"),
    pytest.param("_cursor=AAAA", "illegal-cursor", id="cursor"),
])  # fmt: skip
def test_what_cannot_be_read_of_a_search_is_refused(record: Record, query: str, wrong: str) -> None:
    answer = record.person.get(f"/AuditEvent?patient={record.id}&{query}")
    assert (answer.status_code, situation(answer)) == (400, wrong)


def test_pages_hold_each_line_once_while_others_are_written(record: Record) -> None:
    for _ in range(7):
        assert record.doctor.get(f"/Observation/o-{record.id}").status_code == 200
    known = {one["id"] for one in record.events(record.person)}
    pages, url = [], f"/AuditEvent?patient={record.id}&_count=3"
    while url:
        page = record.person.get(url)
        pages.append([one["resource"]["id"] for one in page.get_json()["entry"]])
        url = link(page, "next")
    found = Counter(id for page in pages for id in page)
    assert all(len(page) == 3 for page in pages[:-1])
    assert set(found.values()) == {1}
    assert known <= set(found)


def test_totals_are_counted_where_they_are_asked_for(record: Record) -> None:
    expected = len(record.events(record.person, "&subtype=operation"))
    by_summary = record.person.get(f"/AuditEvent?patient={record.id}&subtype=operation&_summary=count")
    assert (by_summary.get_json()["total"], "entry" in by_summary.get_json()) == (expected, False)
    page = record.person.get(f"/AuditEvent?patient={record.id}&subtype=operation&_count=1&_total=accurate")
    assert page.get_json()["total"] == expected


def test_one_event_can_be_read_and_has_one_version(record: Record) -> None:
    (event, *_) = record.events(record.person)
    path = f"/AuditEvent/{event['id']}"
    answer = record.person.get(path)
    assert answer.get_json() == event
    assert answer.headers["ETag"] == 'W/"1"'
    assert record.person.get(path, {"If-None-Match": 'W/"1"'}).status_code == 304
    assert record.person.get(f"{path}/_history/1").get_json() == event
    assert record.person.get(f"{path}/_history/2").status_code == 404
    history = record.person.get(f"{path}/_history").get_json()
    assert [one["resource"] for one in history["entry"]] == [event]


def test_nobody_writes_the_journal(record: Record) -> None:
    (event, *_) = record.events(record.person)
    path = f"/AuditEvent/{event['id']}"
    answers = [
        record.person.put(path, event),
        record.person.send("DELETE", path),
        record.person.post("/AuditEvent", {**event, "id": new_id()}),
    ]
    assert {one.status_code for one in answers} <= {403, 405}
    assert record.person.get(path).get_json() == event


def test_a_colleague_finds_own_acts_only(record: Record) -> None:
    assert record.doctor.get(f"/Observation/o-{record.id}").status_code == 200
    assert record.person.get(f"/Observation/o-{record.id}").status_code == 200
    every = record.events(record.person)
    own = [event["id"] for event in every if event["agent"][2].get("name") == "Dr Test"]
    assert 0 < len(own) < len(every)
    assert [event["id"] for event in record.events(record.doctor)] == own
    for event in every:
        allowed = event["id"] in own
        assert record.doctor.get(f"/AuditEvent/{event['id']}").status_code == (200 if allowed else 404)


def test_a_stranger_reads_no_journal(record: Record) -> None:
    stranger = record.server.person(new_id())
    answers = [
        stranger.get(f"/AuditEvent?patient={record.id}"), stranger.get(f"/Patient/{record.id}/$journal"),
    ]  # fmt: skip
    assert [one.status_code for one in answers] == [403, 403]
    absent = stranger.get(f"/AuditEvent?patient={new_id()}")
    assert absent.get_json() == answers[0].get_json()


def test_an_auditor_reads_all_of_it_by_address_and_nothing_else(record: Record) -> None:
    assert record.doctor.get(f"/Observation/o-{record.id}").status_code == 200
    auditor = record.server.as_("auditor", purpose="HSYSADMIN")
    (event,) = record.events(auditor, "&action=R")
    assert entities(event) == [f"Observation/o-{record.id}"]
    assert auditor.get(f"/Observation/o-{record.id}").status_code in (403, 404)


def test_what_is_withheld_from_representatives_leaves_no_line_for_them(record: Record) -> None:
    secret = document(record.id, f"s-{record.id}", SECRET)
    record.server.plant(secret, authors=(AUTHOR, CLINIC))
    assert record.doctor.get(f"/DocumentReference/s-{record.id}").status_code == 200
    hidden, seen = record.events(record.parent, "&action=R"), record.events(record.person, "&action=R")
    assert [entities(one) for one in seen] == [[f"DocumentReference/s-{record.id}"]]
    assert hidden == []
    assert record.parent.get(f"/AuditEvent/{seen[0]['id']}").status_code == 404
    listed = record.doctor.get(f"/DocumentReference?patient={record.id}")
    assert listed.get_json()["total"] == 2
    (search, *_) = record.events(record.parent, "&subtype=search-type&agent-name=Dr")
    assert entities(search) == [f"DocumentReference/d-{record.id}"]


def test_pages_are_full_although_lines_are_hidden(record: Record) -> None:
    record.server.plant(document(record.id, f"s-{record.id}", SECRET), authors=(AUTHOR, CLINIC))
    for number in range(6):
        path = f"/DocumentReference/{'sd'[number % 2]}-{record.id}"
        assert record.doctor.get(path).status_code == 200
    page = record.parent.get(f"/AuditEvent?patient={record.id}&action=R&_count=2").get_json()
    assert [entities(one["resource"]) for one in page["entry"]] == [[f"DocumentReference/d-{record.id}"]] * 2
    assert "total" not in page
    count = record.parent.get(f"/AuditEvent?patient={record.id}&action=R&_summary=count").get_json()
    assert count["total"] == 3


def test_all_of_a_secret_session_is_kept_from_representatives(record: Record) -> None:
    secret = record.server.doctor(secret=True)
    assert secret.get(f"/Observation?patient={record.id}").status_code == 200
    found = "&subtype=search-type&agent-name=Dr"
    assert len(record.events(record.person, found)) == 1
    assert record.events(record.parent, found) == []


def test_what_is_withheld_from_the_person_leaves_no_line_until_it_opens(record: Record) -> None:
    record.authorise(AUTHOR)
    withheld = document(record.id, f"w-{record.id}", WITHHELD)
    record.server.plant(withheld, authors=(AUTHOR, CLINIC))
    author = record.server.doctor(AUTHOR, CLINIC, name="Dr Author")
    assert author.get(f"/DocumentReference/w-{record.id}").status_code == 200
    assert record.events(record.person, "&action=R") == []
    shown = author.post(f"/DocumentReference/w-{record.id}/$show", call(label="withheld-from-person"))
    assert shown.status_code == 200, shown.text
    (read,) = record.events(record.person, "&action=R")
    assert entities(read) == [f"DocumentReference/w-{record.id}"]


def test_a_refusal_tells_only_the_person_what_was_asked_and_why(record: Record) -> None:
    stranger = record.server.doctor(OTHER_DOCTOR, None)
    assert stranger.get(f"/Observation/o-{record.id}").status_code == 404
    queries = {}
    for name, reader in (("person", record.person), ("parent", record.parent)):
        (event,) = record.events(reader, "&outcome=4")
        queries[name] = [one["query"] for one in event["entity"] if "query" in one]
    asked = base64.b64encode(f"GET Observation/o-{record.id}".encode()).decode()
    assert queries == {"person": [asked], "parent": []}


def test_the_journal_is_told_in_sentences_in_both_languages(record: Record) -> None:
    assert record.doctor.get(f"/DocumentReference/d-{record.id}").status_code == 200
    stranger = record.server.doctor(OTHER_DOCTOR, None, name="Dr Stranger")
    assert stranger.get(f"/Observation?patient={record.id}").status_code == 403
    english, french = (record.lines(record.person, f"&language={tag}") for tag in ("en", "fr-FR"))
    assert "Dr Stranger" in english[0]["sentence"] and "it was refused" in english[0]["sentence"]
    assert "Dr Test" in french[2]["sentence"] and "a consulté" in french[2]["sentence"]
    line = english[1]
    assert (line["who"], line["structure"], line["outcome"], line["mode"]) == (
        "Dr Test",
        HOSPITAL,
        "0",
        "normal",
    )
    assert line["item"] == {"reference": f"DocumentReference/d-{record.id}/_history/1"}
    event = record.person.get(f"/{line['event']['reference']}")
    assert event.status_code == 200
    assert "vous" in french[0]["sentence"]


def test_the_journal_is_paged_and_can_be_called_by_post(record: Record) -> None:
    path = f"/Patient/{record.id}/$journal"
    first = record.person.get(f"{path}?_count=1&language=fr").get_json()
    (next_url,) = (one["valueUrl"] for one in first["parameter"] if one["name"] == "next")
    second = record.person.get(next_url.removeprefix(BASE)).get_json()
    events = [
        part["valueReference"]["reference"]
        for answer in (first, second)
        for one in answer["parameter"]
        if one["name"] == "line"
        for part in one["part"]
        if part["name"] == "event"
    ]
    assert len(set(events)) == 2
    given = {"resourceType": "Parameters", "parameter": [{"name": "to", "valueDateTime": "2000-01-01"}]}
    assert "parameter" not in record.person.post(path, given).get_json()
    assert record.person.get(f"/Observation/o-{record.id}/$journal").status_code == 404


@pytest.mark.parametrize("name", ["from", "to"])
def test_a_period_of_the_journal_that_is_no_date_is_refused_by_its_name(record: Record, name: str) -> None:
    answer = record.person.get(f"/Patient/{record.id}/$journal?{name}=yesterday")
    assert answer.status_code == 400
    assert answer.get_json()["issue"][0]["details"]["text"].startswith(f"`{name}` needs a FHIR date")


def test_the_log_never_holds_what_a_resource_says(record: Record) -> None:
    body = observation(f"Patient/{record.id}", valueString=CANARY)
    assert record.doctor.post("/Observation", body).status_code == 201
    assert (
        record.doctor.post("", bundle("transaction", entry("POST", "Observation", body))).status_code == 200
    )
    assert CANARY in record.doctor.get(f"/Observation?patient={record.id}").text
    assert record.doctor.post("/Observation", {**body, "status": CANARY}).status_code == 422
    database = record.server.store.client[record.server.store.database]
    for name in ("audit", "outbox"):
        documents = list(database[name].find({"owner": record.id}))
        assert documents
        assert CANARY not in repr(documents)


def test_a_batch_has_one_entry_for_each_person_that_it_reads(record: Record, governed: Governed) -> None:
    reads = [entry("GET", f"Observation/o-{record.id}"), entry("GET", f"Observation?patient={record.id}")]
    answer = record.doctor.post("", bundle("batch", *reads, entry("GET", f"Observation/absent-{new_id()}")))
    assert answer.status_code == 200
    events = record.events(record.person, "&subtype=batch")
    assert [entities(one) for one in events] == [[f"Observation/o-{record.id}"] * 2]


def test_the_person_is_told_once_a_day_of_an_access_and_once_a_session_of_an_emergency(
    record: Record,
) -> None:
    for _ in range(3):
        assert record.doctor.get(f"/Observation/o-{record.id}").status_code == 200
    emergency = record.server.doctor(OTHER_DOCTOR, HOSPITAL, purpose="BTG", reason="unconscious")
    for _ in range(2):
        assert emergency.get(f"/Observation?patient={record.id}").status_code == 200
    stranger = record.server.doctor(f"{RPPS}|899700000003", None)
    for _ in range(2):
        assert stranger.get(f"/Observation?patient={record.id}").status_code == 403
    database = record.server.store.client[record.server.store.database]
    told = Counter(one["kind"] for one in database["outbox"].find({"owner": record.id}))
    assert (told["access"], told["emergency"], told["attempt"]) == (1, 1, 1)
    (one,) = database["outbox"].find({"owner": record.id, "kind": "emergency"})
    assert set(one["recipients"]) == {"person", "treating-doctor"}


def test_the_person_is_told_of_what_is_withheld_only_when_it_opens(record: Record) -> None:
    record.authorise(AUTHOR)
    author = record.server.doctor(AUTHOR, CLINIC)
    body = document(record.id, "", WITHHELD)
    del body["id"]
    created = author.post("/DocumentReference", body)
    assert created.status_code == 201, created.text
    database = record.server.store.client[record.server.store.database]
    id = created.get_json()["id"]
    address = f"DocumentReference/{id}/_history/1"
    notices = [one for one in database["outbox"].find({"owner": record.id}) if address in one["entities"]]
    assert notices
    assert all("person" not in one["recipients"] or one["opens"] > one["at"] for one in notices)
    assert all("withheld-from-person" in one["labels"] for one in notices)


def test_many_requests_at_once_leave_exactly_one_entry_each(record: Record) -> None:
    speakers = (record.person, record.doctor, record.server.doctor(OTHER_DOCTOR, None))
    paths = (
        f"/Observation/o-{record.id}", f"/Observation?patient={record.id}", f"/Patient/{record.id}",
        f"/DocumentReference/never-{record.id}", f"/AuditEvent?patient={record.id}&_count=1", "/Observation",
    )  # fmt: skip
    ids = [new_id() for _ in range(1_000)]

    def ask(number: int) -> int:
        speaker, path = speakers[number % 3], paths[number % len(paths)]
        return speaker.get(path, {"X-Request-Id": ids[number]}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = dict(zip(ids, pool.map(ask, range(len(ids)))))
    database = record.server.store.client[record.server.store.database]
    written = [audit_entry(one) for one in database["audit"].find({"request": {"$in": ids}})]
    assert Counter(one.request_id for one in written) == Counter(ids)
    assert {one.request_id: one.status for one in written} == statuses
