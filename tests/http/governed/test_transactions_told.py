"""A transaction that writes and reads is one answer: one entry for the person, and all of it or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.store.manifests import unpack
from tests.governed import DOCTOR, HOSPITAL, Governed
from tests.http.calls import bundle, entry, new_id, observation, situation
from tests.http.governed.conftest import MakeGoverned


@pytest.fixture
def owner(governed: Governed) -> str:
    """A person with two stored results, and a doctor of the care team."""
    return enrolled(governed)


def enrolled(server: Governed) -> str:
    id = new_id()
    server.enrol(id)
    server.plant(observation(f"Patient/{id}", f"a-{id}"), authors=(DOCTOR, HOSPITAL))
    server.plant(observation(f"Patient/{id}", f"b-{id}"), authors=(DOCTOR, HOSPITAL))
    server.authorise(id)
    return id


def written(owner: str) -> dict[str, Any]:
    return entry("POST", "Observation", observation(f"Patient/{owner}"))


def listed(line: dict[str, Any]) -> set[str]:
    return {one.partition("/_history/")[0] for one in unpack(line.get("entities", b""))}


def test_what_is_written_and_what_is_read_are_one_entry(governed: Governed, owner: str) -> None:
    before = len(governed.journal(owner))
    answer = governed.doctor().post(
        "", bundle("transaction", entry("GET", f"Observation/a-{owner}"), written(owner))
    )
    assert answer.status_code == 200, answer.text
    made = answer.get_json()["entry"][1]["response"]["location"].partition("/_history/")[0]
    (line,) = governed.journal(owner)[before:]
    assert (line["interaction"], line["status"]) == ("transaction", 200)
    assert listed(line) == {f"Observation/a-{owner}", made}


def test_a_search_in_a_transaction_sees_what_it_wrote_and_lists_what_it_showed(
    governed: Governed, owner: str
) -> None:
    before = len(governed.journal(owner))
    reads = (entry("GET", f"Observation?patient={owner}"), entry("GET", f"Observation/a-{owner}/_history"))
    answer = governed.doctor().post("", bundle("transaction", *reads, written(owner)))
    assert answer.status_code == 200, answer.text
    searched, history, _ = answer.get_json()["entry"]
    assert (searched["resource"]["total"], len(history["resource"]["entry"])) == (3, 1)
    (line,) = governed.journal(owner)[before:]
    assert len(listed(line)) == 3


@pytest.mark.parametrize("id", ["hidden", "no-such-id"])
def test_a_read_of_what_is_not_seen_undoes_the_whole_alike(governed: Governed, owner: str, id: str) -> None:
    hidden = {
        **observation(f"Patient/{owner}", f"hidden-{owner}"),
        "meta": {"security": [governed.label("masked")]},
    }
    governed.plant(hidden)
    before, doctor = len(governed.journal(owner)), governed.doctor()
    answer = doctor.post("", bundle("transaction", written(owner), entry("GET", f"Observation/{id}-{owner}")))
    assert (answer.status_code, situation(answer)) == (404, "not-found")
    assert answer.get_json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    (line,) = governed.journal(owner)[before:]
    assert (line["interaction"], line["status"], listed(line)) == ("transaction", 404, set())
    assert doctor.get(f"/Observation?patient={owner}").get_json()["total"] == 2


@pytest.mark.parametrize("reads_alone", [True, False])
def test_the_person_is_told_of_what_is_read_in_a_transaction(
    governed: Governed, owner: str, reads_alone: bool
) -> None:
    entries = [entry("GET", f"Observation/a-{owner}"), *([] if reads_alone else [written(owner)])]
    assert governed.doctor().post("", bundle("transaction", *entries)).status_code == 200
    outbox = governed.store.catalogue.service("outbox").find({"owner": owner})
    assert sorted(one["kind"] for one in outbox) == (["access"] if reads_alone else ["access", "deposit"])


def test_a_transaction_that_writes_alone_is_no_access(governed: Governed, owner: str) -> None:
    assert governed.doctor().post("", bundle("transaction", written(owner))).status_code == 200
    outbox = governed.store.catalogue.service("outbox").find({"owner": owner})
    assert [one["kind"] for one in outbox] == ["deposit"]


def test_numbers_of_entries_have_no_gap_after_reads_that_fail(make_governed: MakeGoverned) -> None:
    server = make_governed()
    owner = enrolled(server)
    doctor = server.doctor()
    for id in ("a", "none", "b", "none", "a"):
        doctor.post("", bundle("transaction", written(owner), entry("GET", f"Observation/{id}-{owner}")))
    numbers = sorted(line["n"] for line in server.store.catalogue.service("audit").find())
    assert numbers == list(range(1, len(numbers) + 1))
