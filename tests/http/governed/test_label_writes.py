"""Labels through conditional writes and transactions, in races, and where too much would change."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from fhir_server.access.policy import MASKED, WITHHELD_FROM_REPRESENTATIVES
from fhir_server.interactions import relabelling
from fhir_server.interactions.labels import with_facts
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.unit_of_work import VersionConflict
from tests.governed import Governed
from tests.http.governed.labelled import (
    ALL,
    FROM_PARENTS,
    MASK,
    NORMAL,
    commit,
    created,
    document,
    hide,
    labels,
    observation,
    other,
    relabelled,
    show,
    situation,
    stored,
)

IDENTIFIER = {"system": "urn:x:ids", "value": "1"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}


def criteria(person: str) -> str:
    return f"identifier=urn:x:ids|1&patient=Patient/{person}"


def identified(person: str, *marks: dict[str, str]) -> dict[str, Any]:
    return document(person, *marks, identifier=[IDENTIFIER])


def test_a_conditional_update_keeps_labels_and_authors(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    name = created(doctor.post("/DocumentReference", identified(person, FROM_PARENTS)))
    hide(governed, name)
    before = stored(governed, name)
    answer = doctor.put(f"/DocumentReference?{criteria(person)}", identified(person, NORMAL))
    assert answer.status_code == 200, answer.text
    after = stored(governed, name)
    assert after.version == before.version + 1
    assert labels(governed, name) == {MASKED, WITHHELD_FROM_REPRESENTATIVES}
    assert before.facts is not None
    assert after.facts is not None
    assert after.facts.access.authors == before.facts.access.authors


def test_a_conditional_patch_takes_no_label_away(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    name = created(doctor.post("/DocumentReference", identified(person, FROM_PARENTS)))
    where = f"/DocumentReference?{criteria(person)}"
    removal = [{"op": "remove", "path": "/securityLabel"}]
    refused = doctor.send("PATCH", where, removal, JSON_PATCH)
    assert (refused.status_code, situation(refused)) == (422, "label-removal")
    change = [{"op": "add", "path": "/description", "value": "x"}]
    assert doctor.send("PATCH", where, change, JSON_PATCH).status_code == 200
    assert labels(governed, name) == {WITHHELD_FROM_REPRESENTATIVES}


def test_a_conditional_delete_keeps_what_hid_it(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    name = created(doctor.post("/DocumentReference", identified(person, FROM_PARENTS)))
    hide(governed, name)
    assert doctor.send("DELETE", f"/DocumentReference?{criteria(person)}").status_code == 204
    assert stored(governed, name).deleted
    assert labels(governed, name) == {MASKED, WITHHELD_FROM_REPRESENTATIVES}
    assert other(governed).get(f"/{name}").status_code == 404
    assert other(governed).get(f"/{name}/_history/1").status_code == 404


def bundle(*entries: tuple[str, str, dict[str, Any] | None]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "request": {"method": method, "url": url},
                **({} if resource is None else {"resource": resource}),
            }
            for method, url, resource in entries
        ],
    }


def patch_of(path: str) -> dict[str, Any]:
    parts = [{"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": path}]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def test_a_transaction_keeps_the_labels_of_what_it_changes(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    first, second, third = (
        created(doctor.post("/DocumentReference", document(person, FROM_PARENTS))) for _ in range(3)
    )
    for name in (first, second, third):
        hide(governed, name)
    changed = {**document(person), "id": first.partition("/")[2]}
    answer = doctor.post(
        "/",
        bundle(
            ("PUT", first, changed),
            ("DELETE", second, None),
            ("PATCH", third, patch_of("DocumentReference.type")),
        ),
    )
    assert answer.status_code == 200, answer.text
    for name in (first, second, third):
        assert stored(governed, name).version == 2
        assert labels(governed, name) == {MASKED, WITHHELD_FROM_REPRESENTATIVES}


def test_a_transaction_with_one_label_too_few_changes_nothing(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    name = created(doctor.post("/DocumentReference", document(person, FROM_PARENTS)))
    answer = doctor.post(
        "/",
        bundle(
            ("POST", "Observation", observation(person)),
            ("PATCH", name, patch_of("DocumentReference.securityLabel")),
        ),
    )
    assert (answer.status_code, situation(answer)) == (422, "label-removal")
    issue = exact_json.decode(answer.data)["issue"][0]
    assert issue["expression"][0].startswith("Bundle.entry[1]")
    assert stored(governed, name).version == 1


def test_an_update_in_a_transaction_relabels_what_is_derived(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    source = created(doctor.post("/Observation", observation(person)))
    derived = created(doctor.post("/Observation", observation(person, derivedFrom=[{"reference": source}])))
    changed = {**observation(person, MASK), "id": source.partition("/")[2]}
    assert doctor.post("/", bundle(("PUT", source, changed))).status_code == 200
    assert labels(governed, derived) == {MASKED}
    assert stored(governed, derived).version == 1
    assert other(governed).get(f"/{derived}").status_code == 404


def test_a_circle_of_references_lets_go_of_a_label(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    one = created(doctor.post("/Observation", observation(person)))
    two = created(doctor.post("/Observation", observation(person, derivedFrom=[{"reference": one}])))
    back = {**observation(person, hasMember=[{"reference": two}]), "id": one.partition("/")[2]}
    assert doctor.put(f"/{one}", back).status_code == 200
    hide(governed, two)
    assert [labels(governed, name) for name in (one, two)] == [{MASKED}, {MASKED}]
    show(governed, two)
    assert [labels(governed, name) for name in (one, two)] == [set(), set()]


def test_what_comes_back_after_its_deletion_is_as_hidden_as_it_was(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    name = created(doctor.post("/Observation", observation(person, FROM_PARENTS)))
    hide(governed, name)
    assert doctor.send("DELETE", f"/{name}").status_code == 204
    again = {**observation(person), "id": name.partition("/")[2]}
    assert doctor.put(f"/{name}", again).status_code == 201
    assert labels(governed, name) == {MASKED, WITHHELD_FROM_REPRESENTATIVES}
    assert other(governed).get(f"/{name}").status_code == 404


def test_more_than_can_be_relabelled_at_once_is_refused(
    governed: Governed, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = governed.doctor()
    source = created(doctor.post("/Observation", observation(person)))
    for _ in range(3):
        created(doctor.post("/Observation", observation(person, derivedFrom=[{"reference": source}])))
    monkeypatch.setattr(relabelling, "MOST", 3)
    changed = {**observation(person, MASK), "id": source.partition("/")[2]}
    refused = doctor.put(f"/{source}", changed)
    assert (refused.status_code, situation(refused)) == (400, "too-costly")
    assert labels(governed, source) == set()


def test_a_version_that_was_found_is_the_one_that_is_changed(governed: Governed, person: str) -> None:
    name = created(governed.doctor().post("/Observation", observation(person)))
    found = stored(governed, name)
    hide(governed, name)
    request = Request("update", ALL, governed.context.clock.now(), "test")
    without = type(found)(
        found.resource_type, found.id, found.version, found.updated, found.seq, False, found.owner, found.body
    )
    with pytest.raises(VersionConflict):
        with_facts(governed.context, request, without)


@pytest.mark.parametrize("way", ["PUT", "PATCH"])
def test_a_depositor_who_writes_while_the_person_hides_never_wins(
    governed: Governed, person: str, way: str
) -> None:
    name = created(governed.doctor().post("/DocumentReference", document(person)))
    statuses: list[int] = []
    start = threading.Barrier(2)

    def write() -> None:
        speaker = governed.doctor()
        start.wait()
        for turn in range(12):
            changed = {**document(person), "id": name.partition("/")[2], "description": str(turn)}
            if way == "PUT":
                answer = speaker.put(f"/{name}", changed)
            else:
                change = [{"op": "add", "path": "/description", "value": str(turn)}]
                answer = speaker.send("PATCH", f"/{name}", change, JSON_PATCH)
            statuses.append(answer.status_code)

    def mask() -> None:
        start.wait()
        while MASKED not in labels(governed, name):
            try:
                commit(governed, *relabelled(governed, name, add=[MASKED]))
            except VersionConflict:
                continue

    threads = [threading.Thread(target=work) for work in (write, mask)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 409}
    assert labels(governed, name) == {MASKED}
    assert other(governed).get(f"/{name}").status_code == 404
    assert b"MASQUE_PS" in stored(governed, name).body
