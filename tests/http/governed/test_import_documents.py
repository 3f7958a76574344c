"""An import under access control: in the one record, for who may write it, and hidden with its document."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from fhir_server.interactions.importing.delivery import Delivery
from tests.governed import DOCTOR, HOSPITAL, OTHER_DOCTOR, Governed, Speaker
from tests.http.calls import new_id, send, situation
from tests.http.governed.labelled import hide
from tests.http.imported import DEVICE, OPERATION, XML, all_of, document, told

SYSTEM = "urn:oid:1.2.250.1.213.1.4.10"
TYPES = ("AllergyIntolerance", "Composition", "DocumentReference")


@pytest.fixture
def number(governed: Governed) -> str:
    """The national number of a person of this test alone, whose record has the same id."""
    id = new_id()
    governed.enrol(id, f"{SYSTEM}|{id}")
    for party in (DOCTOR, OTHER_DOCTOR):
        governed.authorise(id, party)
    return id


def deliver(speaker: Speaker, data: bytes, query: str = "") -> TestResponse:
    return send(
        speaker.client, "POST", OPERATION + query, data, {**XML, "Authorization": f"Bearer {speaker.token}"}
    )


def imported(speaker: Speaker, data: bytes, query: str = "") -> dict[str, Any]:
    return told(deliver(speaker, data, query))


def seen(speaker: Speaker, person: str) -> dict[str, int]:
    return {name: len(all_of(speaker.get, f"/{name}?patient={person}")) for name in TYPES}


@pytest.mark.parametrize("named", [pytest.param(True, id="named"), pytest.param(False, id="by-the-document")])
def test_a_document_goes_into_the_record_of_its_person(governed: Governed, number: str, named: bool) -> None:
    query = f"?patient=Patient/{number}" if named else ""
    answer = imported(governed.doctor(), document(new_id(), number), query)
    assert answer["patient"] == f"Patient/{number}"
    assert seen(governed.doctor(OTHER_DOCTOR), number) == dict.fromkeys(TYPES, 1)


def test_an_establishment_deposits_once_though_it_consults_nothing(governed: Governed, number: str) -> None:
    system = governed.as_("establishment", HOSPITAL)
    data = document(new_id(), number)
    assert imported(system, data)["outcome"] == "stored"
    assert imported(system, data)["outcome"] == "already-there"
    changed = deliver(system, data + b"<!-- -->")
    assert (changed.status_code, situation(changed)) == (409, "other-content")


def test_a_document_that_names_nobody_known_is_refused_like_any_other(
    governed: Governed, number: str
) -> None:
    unknown = deliver(governed.doctor(), document(new_id(), new_id()))
    stranger = deliver(governed.doctor("urn:test|stranger", "urn:test|elsewhere"), document(new_id(), number))
    assert unknown.status_code == stranger.status_code == 403
    assert situation(unknown) == situation(stranger) == "refused"


def test_a_document_about_somebody_else_is_refused(governed: Governed, number: str) -> None:
    refused = deliver(governed.doctor(), document(new_id(), new_id()), f"?patient=Patient/{number}")
    assert (refused.status_code, situation(refused)) == (422, "other-person")


def test_who_is_hidden_a_document_finds_nothing_that_was_read_from_it(
    governed: Governed, number: str
) -> None:
    depositor, colleague = governed.doctor(), governed.doctor(OTHER_DOCTOR, structure="urn:test|elsewhere")
    answer = imported(depositor, document(new_id(), number))
    [allergy] = all_of(colleague.get, f"/AllergyIntolerance?patient={number}")
    place = f"/AllergyIntolerance/{allergy['id']}/$source"
    assert colleague.get(place).status_code == 200
    hide(governed, answer["document"])
    assert seen(colleague, number) == dict.fromkeys(TYPES, 0)
    assert colleague.get(place).status_code == 404
    assert colleague.get(f"/AllergyIntolerance/{allergy['id']}").status_code == 404
    assert seen(depositor, number) == dict.fromkeys(TYPES, 1)
    assert seen(governed.person(number), number) == dict.fromkeys(TYPES, 1)


def test_the_journal_tells_of_an_import_and_of_who_asked_where_it_came_from(
    governed: Governed, number: str
) -> None:
    doctor = governed.doctor()
    answer = imported(doctor, document(new_id(), number))
    [allergy] = all_of(doctor.get, f"/AllergyIntolerance?patient={number}")
    doctor.get(f"/AllergyIntolerance/{allergy['id']}/$source")
    assert [line["interaction"] for line in governed.journal(number)] == [
        "$import-document", "search-type", "$source",
    ]  # fmt: skip
    lines = all_of(governed.person(number).get, f"/AuditEvent?patient={number}")
    named = [
        {
            one["what"].get("reference", "").partition("/_history")[0]
            for one in line["entity"]
            if "what" in one
        }
        for line in lines
    ]
    place = f"AllergyIntolerance/{allergy['id']}"
    assert [(answer["document"] in one, place in one) for one in named] == [
        (True, True), (False, True), (True, True),
    ]  # fmt: skip


def test_a_hidden_document_of_somebody_else_is_as_good_as_absent(governed: Governed, number: str) -> None:
    data = document(new_id(), number)
    first = imported(governed.doctor(), data)
    hide(governed, first["document"])
    colleague = governed.doctor(OTHER_DOCTOR, structure="urn:test|elsewhere")
    assert imported(colleague, data)["outcome"] == "stored"


def test_a_device_stands_inside_what_refers_to_it(governed: Governed, number: str) -> None:
    answer = imported(governed.doctor(), document(new_id(), number, who=DEVICE))
    stored = governed.doctor().get(f"/{answer['document']}").get_json()
    [device] = [one for one in stored["contained"] if one["resourceType"] == "Device"]
    assert {"reference": f"#{device['id']}"}.items() <= stored["author"][0].items()
    assert "meta" not in device


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["VSM_1.4_2022.01.xml", "CNAM-HR_2021.01.xml"])
def test_a_public_document_is_hidden_whole(governed: Governed, corpus: Path, name: str) -> None:
    data = (corpus / "french/cda/tc3.0" / name).read_bytes()
    person = new_id()
    identifiers = Delivery(data, UTC, "https://example.org").identifiers
    governed.enrol(person, *(f"{system}|{value}" for system, value in identifiers))
    for party in (DOCTOR, OTHER_DOCTOR):
        governed.authorise(person, party)
    answer = imported(governed.doctor(), data, f"?patient=Patient/{person}")
    made = {kind for kind, (created, _) in answer["resources"].items() if created}
    made -= {"Binary", "Patient", "Provenance", *governed.policy.directory.types}
    colleague = governed.doctor(OTHER_DOCTOR, structure="urn:test|elsewhere")
    hide(governed, answer["document"])
    left = {kind: len(all_of(colleague.get, f"/{kind}?patient={person}")) for kind in sorted(made)}
    assert left == dict.fromkeys(sorted(made), 0)


def test_only_who_may_change_a_document_replaces_it(governed: Governed, number: str) -> None:
    one = new_id()
    first = imported(governed.doctor(), document(one, number))
    colleague = governed.doctor(OTHER_DOCTOR, structure="urn:test|elsewhere")
    refused = deliver(colleague, document(new_id(), number, replaces=one))
    assert (refused.status_code, situation(refused)) == (403, "refused")
    second = imported(governed.doctor(), document(new_id(), number, replaces=one))
    assert second["replaced"] == [first["document"]]
    assert seen(governed.doctor(), number)["DocumentReference"] == 2
