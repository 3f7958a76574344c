"""Searches over several types: one order, ties across types, and pages forth and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fhir_server.app import CONTEXT, STORE
from fhir_server.interactions.assemble import Identity, stamp, written
from fhir_server.model.document import Facts
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from tests.http.calls import BASE, bundle, entry, observation, patient, send, situation

UPDATED = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PERSON = "sev-p"
TYPES = "_type=AllergyIntolerance,Observation,Procedure"
IDS = ("sev-1", "sev-2", "sev-3")


def _allergy(id: str, recorded: str | None) -> dict[str, Any]:
    dated = {} if recorded is None else {"recordedDate": recorded}
    return {
        "resourceType": "AllergyIntolerance",
        "id": id,
        "patient": {"reference": f"Patient/{PERSON}"},
        **dated,
    }


def _observation(id: str, day: str | None) -> dict[str, Any]:
    dated = {} if day is None else {"effectiveDateTime": day}
    return observation(f"Patient/{PERSON}", id, **dated)


def _procedure(id: str, day: str | None) -> dict[str, Any]:
    dated = {} if day is None else {"performedDateTime": day}
    return {
        "resourceType": "Procedure", "id": id, "status": "completed",
        "subject": {"reference": f"Patient/{PERSON}"}, **dated,
    }  # fmt: skip


RESOURCES = [
    made(id, day)
    for id, day in zip(IDS, ("2024-01-02", "2024-01-01", None), strict=True)
    for made in (_allergy, _observation, _procedure)
]


@pytest.fixture(scope="module")
def filled(app: Flask) -> FlaskClient:
    """Nine resources of one instant and, of each id, one sequence number, and one Patient."""
    context, store = app.extensions[CONTEXT], app.extensions[STORE]
    documents = []
    for resource in (patient(PERSON), *RESOURCES):
        identity = Identity(resource["resourceType"], resource["id"], 1, UPDATED)
        facts = Facts(identity.resource_type, identity.id, PERSON)
        documents.append(written(context, stamp(resource, identity), identity, facts, UPDATED))
    store.records.commit(UnitOfWork(View.unrestricted("open"), creates=tuple(documents)))
    return app.test_client()


def names(page: dict[str, Any]) -> list[str]:
    return [
        f"{one['resource']['resourceType'][0]}{one['resource']['id'][-1]}" for one in page.get("entry", [])
    ]


def walk(client: FlaskClient, address: str, relation: str) -> list[dict[str, Any]]:
    found = []
    while address:
        answer = send(client, "GET", address)
        assert answer.status_code == 200, answer.get_json()
        found.append(answer.get_json())
        links = {link["relation"]: link["url"] for link in found[-1]["link"]}
        address = links.get(relation, "").removeprefix(BASE)
    return found


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        pytest.param("date", "A2 O2 P2 A1 O1 P1 A3 O3 P3", id="date"),
        pytest.param("-date", "P1 O1 A1 P2 O2 A2 P3 O3 A3", id="date-turned-round"),
        pytest.param("_id", "A1 O1 P1 A2 O2 P2 A3 O3 P3", id="id"),
        pytest.param("-_id", "P3 O3 A3 P2 O2 A2 P1 O1 A1", id="id-turned-round"),
        pytest.param("patient,-_id", "A3 O3 P3 A2 O2 P2 A1 O1 P1", id="person-and-id"),
        pytest.param("-date,_id", "P1 O1 A1 P2 O2 A2 P3 O3 A3", id="two-keys"),
    ],
)
def test_types_are_in_one_order_and_ties_are_by_type(filled: FlaskClient, sort: str, expected: str) -> None:
    page = send(filled, "GET", f"?{TYPES}&patient={PERSON}&_sort={sort}").get_json()
    assert names(page) == expected.split()
    assert page["total"] == 9


ADDRESSES = [
    pytest.param(f"?{TYPES}&patient={PERSON}", id="one-after-the-other"),
    pytest.param(f"/Patient/{PERSON}/*?", id="compartment"),
    pytest.param(f"?{TYPES}&patient={PERSON}&date=ge2024-01-02", id="one-after-the-other-of-dates"),
    *(
        pytest.param(f"?{TYPES}&patient={PERSON}&_sort={sort}", id=f"sorted-{sort}")
        for sort in ("date", "-date", "_lastUpdated", "-_lastUpdated", "_id", "-patient,date")
    ),
    pytest.param(f"?_type=Observation,Procedure&subject={PERSON}&_sort=-date", id="all-indexed"),
    pytest.param(f"?_type=Observation,Procedure&subject={PERSON}&_sort=date", id="all-indexed-turned-round"),
    pytest.param(f"?_type=Observation&subject={PERSON}&_sort=date", id="one-type"),
    pytest.param(f"/Patient/{PERSON}/*?_sort=-_lastUpdated", id="compartment-by-update"),
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_pages_forth_and_back_hold_each_match_once(filled: FlaskClient, address: str, count: int) -> None:
    whole = names(send(filled, "GET", f"{address}&_count=50").get_json())
    assert len(whole) > 1
    forth = walk(filled, f"{address}&_count={count}", "next")
    assert [name for page in forth for name in names(page)] == whole
    assert all(len(names(page)) == count for page in forth[:-1])
    last = {link["relation"]: link["url"] for link in forth[-1]["link"]}["self"].removeprefix(BASE)
    back = walk(filled, last, "previous")
    assert [names(page) for page in back] == [names(page) for page in reversed(forth)]
    again = {link["relation"]: link["url"] for link in back[-1]["link"]}["self"].removeprefix(BASE)
    assert [names(page) for page in walk(filled, again, "next")] == [names(page) for page in forth]


def test_a_page_whose_entries_are_gone_leads_back_to_those_before(filled: FlaskClient) -> None:
    first, second = patient("sev-a"), patient("sev-b")
    organization = {"resourceType": "Organization", "id": "sev-b", "name": "B"}
    made = bundle("transaction", *(
        entry("PUT", f"{one['resourceType']}/{one['id']}", one) for one in (first, second, organization)
    ))  # fmt: skip
    assert send(filled, "POST", "", made).status_code == 200
    for sort in ("", "&_sort=_id"):
        address = f"?_type=Organization,Patient&_id=sev-a,sev-b&_count=1{sort}"
        pages = walk(filled, address, "next")
        assert len(pages) == 3
        back = {link["relation"]: link["url"] for link in pages[-1]["link"]}["previous"]
        whole = [one for page in pages for one in names(page)]
        assert names(send(filled, "GET", back.removeprefix(BASE)).get_json()) == whole[1:2]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param(
            f"?{TYPES}&_sort=status", "AllergyIntolerance cannot be ordered by `status`", id="lacking"
        ),
        pytest.param(f"?{TYPES}&_sort=-nonsense", "none of the types", id="unknown"),
        pytest.param(f"/Patient/{PERSON}/*?_sort=date", "several types", id="compartment"),
    ],
)
def test_an_order_that_is_not_of_all_types_is_refused(filled: FlaskClient, query: str, told: str) -> None:
    answer = send(filled, "GET", query)
    assert (answer.status_code, situation(answer)) == (400, "illegal-parameter-value")
    assert told in answer.get_json()["issue"][0]["diagnostics"]


def test_a_cursor_belongs_to_the_order_of_its_types(filled: FlaskClient) -> None:
    pages = walk(filled, f"?{TYPES}&patient={PERSON}&_sort=date&_count=5", "next")
    following = next(link["url"] for link in pages[0]["link"] if link["relation"] == "next")
    for other in (following.replace("_sort=date", "_sort=-date"), following.replace("%2CProcedure", "")):
        assert other != following
        answer = send(filled, "GET", other.removeprefix(BASE))
        assert (answer.status_code, situation(answer)) == (400, "illegal-cursor")
