"""Labels through every door that writes: none is lost, none is given by whom it is not for, all flow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from fhir_server.access.choices import with_hide_future
from fhir_server.access.policy import MASKED, WITHHELD_FROM_PERSON, WITHHELD_FROM_REPRESENTATIVES
from fhir_server.model import exact_json
from fhir_server.model.unit_of_work import Replace, UnitOfWork, VersionConflict
from tests.governed import DOCTOR, HOSPITAL, OTHER_DOCTOR, Governed, Speaker
from tests.http.calls import BASE
from tests.http.governed.labelled import (
    ALL,
    FROM_PARENTS,
    FROM_PERSON,
    MASK,
    NORMAL,
    commit,
    created,
    document,
    facts,
    hide,
    labels,
    observation,
    other,
    relabelled,
    show,
    situation,
    stored,
)  # fmt: skip


def test_the_depositor_is_remembered_through_all_versions(governed: Governed, person: str) -> None:
    depositor = governed.doctor()
    name = created(depositor.post("/Observation", observation(person)))
    assert facts(governed, name).access.authors == (DOCTOR, HOSPITAL)
    changed = {**observation(person), "id": name.partition("/")[2], "status": "amended"}
    colleague = governed.doctor(OTHER_DOCTOR, structure=HOSPITAL)
    assert colleague.put(f"/{name}", changed).status_code == 200
    assert facts(governed, name).access.authors == (DOCTOR, HOSPITAL)
    assert depositor.send("DELETE", f"/{name}").status_code == 204
    assert facts(governed, name).access.authors == (DOCTOR, HOSPITAL)


@pytest.mark.parametrize(
    ("role", "coding", "status"),
    [
        pytest.param("doctor", MASK, 201, id="a-professional-masks-a-deposit"),
        pytest.param("doctor", FROM_PERSON, 201, id="a-professional-withholds"),
        pytest.param("person", MASK, 201, id="the-person-masks"),
        pytest.param("person", FROM_PERSON, 403, id="the-person-does-not-withhold-from-itself"),
    ],
)
def test_who_may_give_a_label(
    governed: Governed, person: str, role: str, coding: dict[str, str], status: int
) -> None:
    speaker = governed.doctor() if role == "doctor" else governed.person(person)
    assert speaker.post("/Observation", observation(person, coding)).status_code == status


def test_labels_that_exclude_each_other_are_refused(governed: Governed, person: str) -> None:
    refused = governed.doctor().post("/DocumentReference", document(person, MASK, FROM_PERSON))
    assert (refused.status_code, situation(refused)) == (422, "forbidden-labels")


def test_an_update_that_leaves_out_a_label_keeps_it(governed: Governed, person: str) -> None:
    depositor = governed.doctor()
    name = created(depositor.post("/DocumentReference", document(person, NORMAL, FROM_PARENTS)))
    hide(governed, name)
    bare = {**document(person), "id": name.partition("/")[2], "description": "new"}
    assert depositor.put(f"/{name}", bare).status_code == 200
    assert labels(governed, name) == {MASKED, WITHHELD_FROM_REPRESENTATIVES}
    kept = exact_json.decode(stored(governed, name).body)
    codes = [coding["code"] for concept in kept["securityLabel"] for coding in concept["coding"]]
    assert set(codes) == {"MASQUE_PS", "INVISIBLE_REPRESENTANTS_LEGAUX"}
    assert other(governed).get(f"/{name}").status_code == 404


PATCHES = [
    pytest.param([{"op": "replace", "path": "/securityLabel/0/coding/0", "value": NORMAL}], id="replaced"),
    pytest.param([{"op": "remove", "path": "/securityLabel"}], id="removed"),
]


@pytest.mark.parametrize("patch", PATCHES)
def test_a_patch_that_takes_a_label_away_is_refused(governed: Governed, person: str, patch: Any) -> None:
    depositor = governed.doctor()
    name = created(depositor.post("/DocumentReference", document(person, FROM_PARENTS, NORMAL)))
    before = stored(governed, name).body
    refused = depositor.send("PATCH", f"/{name}", patch, {"Content-Type": "application/json-patch+json"})
    assert (refused.status_code, situation(refused)) == (422, "label-removal")
    assert stored(governed, name).body == before


def test_meta_delete_takes_no_label_away_but_a_tag(governed: Governed, person: str) -> None:
    depositor = governed.doctor()
    name = created(depositor.post("/Observation", observation(person, FROM_PARENTS)))

    def without(**meta: Any) -> TestResponse:
        given = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}
        return depositor.post(f"/{name}/$meta-delete", given)

    refused = without(security=[FROM_PARENTS])
    assert (refused.status_code, situation(refused)) == (422, "label-removal")
    assert without(tag=[{"code": "x"}]).status_code == 200
    assert labels(governed, name) == {WITHHELD_FROM_REPRESENTATIVES}


def entries(*resources: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:{id}",
                "resource": resource,
                "request": {"method": "POST", "url": resource["resourceType"]},
            }
            for id, resource in resources
        ],
    }


DOC_ID, BIN_ID, LIST_ID, OBS_ID = (f"0c3151bd-1cbf-4d64-b04d-cd9187a4c6e{n}" for n in range(4))


def submission(person: str, *marks: dict[str, str]) -> dict[str, Any]:
    """Return a document with its content, its list and a result that was read from it, derived ones first."""
    folder = {
        "resourceType": "List", "status": "current", "mode": "working",
        "subject": {"reference": f"Patient/{person}"},
        "entry": [{"item": {"reference": f"urn:uuid:{DOC_ID}"}}],
    }  # fmt: skip
    content = {"resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERi0="}
    derived = observation(person, derivedFrom=[{"reference": f"urn:uuid:{DOC_ID}"}])
    return entries(
        (LIST_ID, folder), (BIN_ID, content), (OBS_ID, derived),
        (DOC_ID, document(person, *marks, url=f"urn:uuid:{BIN_ID}")),
    )  # fmt: skip


def submitted(speaker: Speaker, bundle: dict[str, Any]) -> list[str]:
    response = speaker.post("/", bundle)
    assert response.status_code == 200, response.text
    answers = exact_json.decode(response.data)["entry"]
    return [
        answer["response"]["location"].removeprefix(BASE).strip("/").partition("/_history/")[0]
        for answer in answers
    ]


def test_labels_flow_within_a_transaction_in_any_order(governed: Governed, person: str) -> None:
    names = submitted(governed.doctor(), submission(person, MASK))
    assert {name: labels(governed, name) for name in names} == {name: {MASKED} for name in names}
    for name in names:
        assert other(governed).get(f"/{name}").status_code == 404


def test_hiding_a_document_hides_all_that_came_of_it(governed: Governed, person: str) -> None:
    names = submitted(governed.doctor(), submission(person))
    _, _, derived, doc = names
    again = created(
        governed.doctor().post("/Observation", observation(person, derivedFrom=[{"reference": derived}]))
    )
    everything = [*names, again]
    for name in everything:
        assert other(governed).get(f"/{name}").status_code == 200, name
    hide(governed, doc)
    for name in everything:
        assert labels(governed, name) == {MASKED}
        assert other(governed).get(f"/{name}").status_code == 404
        assert governed.doctor().get(f"/{name}").status_code == 200
    show(governed, doc)
    for name in everything:
        assert labels(governed, name) == set()
        assert other(governed).get(f"/{name}").status_code == 200


def test_showing_drops_no_label_that_has_another_reason(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    first = created(doctor.post("/Observation", observation(person)))
    second = created(doctor.post("/Observation", observation(person, MASK)))
    sources = [{"reference": first}, {"reference": second}]
    derived = created(doctor.post("/Observation", observation(person, FROM_PARENTS, derivedFrom=sources)))
    hide(governed, first)
    show(governed, first)
    assert labels(governed, derived) == {MASKED, WITHHELD_FROM_REPRESENTATIVES}
    show(governed, second)
    assert labels(governed, derived) == {WITHHELD_FROM_REPRESENTATIVES}


def test_content_that_was_sent_before_gets_the_labels_and_class_of_its_document(
    governed: Governed, person: str
) -> None:
    doctor = governed.doctor()
    content = {
        "resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERi0=",
        "securityContext": {"reference": f"Patient/{person}"},
    }  # fmt: skip
    binary = created(doctor.post("/Binary", content))
    doc = created(doctor.post("/DocumentReference", document(person, MASK, url=binary)))
    assert facts(governed, binary).access.labels == (MASKED,)
    assert facts(governed, binary).visibility == facts(governed, doc).visibility
    assert stored(governed, binary).version == 1


def test_to_leave_out_the_reference_takes_no_label_off(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    source = created(doctor.post("/Observation", observation(person, MASK)))
    derived = created(doctor.post("/Observation", observation(person, derivedFrom=[{"reference": source}])))
    apart = {**observation(person), "id": derived.partition("/")[2]}
    assert doctor.put(f"/{derived}", apart).status_code == 200
    assert labels(governed, derived) == {MASKED}
    show(governed, source)
    assert labels(governed, derived) == set()


def test_what_repeats_the_name_of_something_hidden_is_hidden(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    hidden = created(doctor.post("/Observation", observation(person, MASK)))
    silent = observation(person, focus=[{"reference": hidden}])
    telling = observation(person, focus=[{"reference": hidden, "display": "HIV test"}])
    assert labels(governed, created(doctor.post("/Observation", silent))) == set()
    assert labels(governed, created(doctor.post("/Observation", telling))) == {MASKED}


def test_a_record_that_hides_what_is_to_come(governed: Governed, person: str) -> None:
    now, policy = governed.context.clock.now(), governed.policy
    governed.choose(person, lambda choices: with_hide_future(policy, choices, True, now))
    name = created(governed.doctor().post("/Observation", observation(person)))
    assert labels(governed, name) == {MASKED}
    assert "security" not in exact_json.decode(stored(governed, name).body)["meta"]
    assert other(governed).get(f"/{name}").status_code == 404
    changed = {**observation(person), "id": name.partition("/")[2], "status": "amended"}
    assert governed.doctor().put(f"/{name}", changed).status_code == 200
    assert labels(governed, name) == {MASKED}
    show(governed, name)
    assert labels(governed, name) == set()
    assert other(governed).get(f"/{name}").status_code == 200


def test_what_is_withheld_opens_a_month_after_its_deposit(governed: Governed, person: str) -> None:
    names = submitted(governed.doctor(), submission(person, FROM_PERSON))
    opening = {facts(governed, name).access.from_ for name in names}
    assert len(opening) == 1
    assert None not in opening
    for name in names:
        assert labels(governed, name) == {WITHHELD_FROM_PERSON}
        assert governed.person(person).get(f"/{name}").status_code == 404


def test_a_secret_connection_deposits_only_what_representatives_do_not_see(
    governed: Governed, person: str
) -> None:
    secret = governed.doctor(secret=True)
    refused = secret.post("/Observation", observation(person))
    assert (refused.status_code, situation(refused)) == (422, "secret-needed")
    created(secret.post("/Observation", observation(person, FROM_PARENTS)))
    submitted(secret, submission(person, FROM_PARENTS))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"access": {"labels": []}}, id="access"),
        pytest.param({"owner": "somebody"}, id="owner"),
        pytest.param({"visibility": 0}, id="visibility"),
        pytest.param({"_acl": {}}, id="acl"),
    ],
)
def test_no_client_writes_the_facts_of_the_server(
    governed: Governed, person: str, change: dict[str, Any]
) -> None:
    refused = governed.doctor().post("/Observation", {**observation(person), **change})
    assert refused.status_code == 422


def test_a_choice_is_written_by_operations_only(governed: Governed, person: str) -> None:
    base = governed.context.canonical_base
    choice = {"system": f"{base}/CodeSystem/choice", "code": "block"}
    consent = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [choice]}],
        "patient": {"reference": f"Patient/{person}"},
        "policyRule": {"text": "x"},
    }
    speaker = governed.person(person)
    refused = speaker.post("/Consent", consent)
    assert (refused.status_code, situation(refused)) == (422, "operation-only")
    for coding in (choice, {"system": f"{base}/CodeSystem/label", "code": "choice"}):
        refused = speaker.post("/Observation", observation(person, coding))
        assert (refused.status_code, situation(refused)) == (422, "operation-only")
    governed.plant({**consent, "id": f"c-{person}"[:64]}, authors=(person,))
    name = f"Consent/c-{person}"[:72]
    assert situation(speaker.put(f"/{name}", {**consent, "id": name[8:], "category": [{"text": "x"}]})) == (
        "operation-only"
    )
    assert situation(speaker.send("DELETE", f"/{name}")) == "operation-only"


def test_a_write_that_did_not_see_a_label_come_does_not_win(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    name = created(doctor.post("/Observation", observation(person)))
    unaware, before = relabelled(governed, name)
    hide(governed, name)
    with pytest.raises(VersionConflict):
        commit(governed, unaware, before)
    next_version = replace(unaware.document, version=before.version + 1)
    work = UnitOfWork(ALL, replaces=(Replace(next_version, before.version, before.facts),))
    with pytest.raises(VersionConflict):
        governed.context.records.commit(work)
    assert labels(governed, name) == {MASKED}


def test_what_is_derived_is_relabelled_from_what_it_is_now(governed: Governed, person: str) -> None:
    doctor = governed.doctor()
    source = created(doctor.post("/Observation", observation(person, MASK)))
    derived = created(doctor.post("/Observation", observation(person, derivedFrom=[{"reference": source}])))
    shown, before = relabelled(governed, source, drop=[MASKED])
    hide(governed, derived)
    with pytest.raises(VersionConflict):
        commit(governed, shown, before)
    show(governed, source)
    assert labels(governed, derived) == {MASKED}
