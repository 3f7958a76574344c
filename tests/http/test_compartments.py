"""Searches of compartments and over several types.

Spec: https://hl7.org/fhir/R4/compartmentdefinition.html, https://hl7.org/fhir/R4/http.html#search
"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.http.calls import BASE, bundle, entry, observation, patient, send, situation


def reference(to: str) -> dict[str, str]:
    return {"reference": to}


def resources() -> list[dict[str, Any]]:
    visit = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    practitioner = {"resourceType": "Practitioner", "id": "com-d"}
    condition = {"resourceType": "Condition", "subject": reference("Patient/com-p")}
    other = observation("Patient/com-q", "com-o3", performer=[reference("Patient/com-p")])
    return [
        patient("com-p", link=[{"other": reference("Patient/com-q"), "type": "seealso"}]),
        patient("com-q"),
        practitioner,
        {**visit, "id": "com-e", "subject": reference("Patient/com-p")},
        observation("Patient/com-p", "com-o1", encounter=reference("Encounter/com-e"), performer=[reference("Practitioner/com-d")]),
        observation("Patient/com-p", "com-o2", status="preliminary"),
        other,
        observation("Patient/com-q", "com-o4"),
        {**condition, "id": "com-c", "encounter": reference("Encounter/com-e")},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def filled(app: Flask) -> Flask:
    entries = [entry("PUT", f"{one['resourceType']}/{one['id']}", one) for one in resources()]
    assert send(app.test_client(), "POST", "", bundle("transaction", *entries)).status_code == 200
    return app


def ids(page: dict[str, Any]) -> list[str]:
    return [one["resource"]["id"].removeprefix("com-") for one in page.get("entry", [])]


def pages(client: FlaskClient, address: str) -> list[dict[str, Any]]:
    found = []
    while address:
        found.append(send(client, "GET", address).get_json())
        links = {link["relation"]: link["url"] for link in found[-1]["link"]}
        address = links.get("next", "").removeprefix(BASE)
    return found


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("Patient/com-p/Observation", "o1 o2 o3", id="by-any-of-its-parameters"),
        pytest.param("Patient/com-p/Observation?status=final", "o1 o3", id="with-criteria"),
        pytest.param("Patient/com-p/Observation?encounter.status=finished", "o1", id="with-a-chain"),
        pytest.param("Patient/com-p/Patient", "p", id="itself"),
        pytest.param("Patient/com-q/Patient", "p q", id="itself-and-what-links-to-it"),
        pytest.param("Patient/com-x/Observation", "", id="of-nobody"),
        pytest.param("Encounter/com-e/Observation", "o1", id="encounter"),
        pytest.param("Encounter/com-e/Encounter", "e", id="encounter-itself"),
        pytest.param("Practitioner/com-d/Observation", "o1", id="practitioner"),
        pytest.param("Patient/com-p/*", "c e o1 o2 o3 p", id="everything"),
        pytest.param("Patient/com-p/*?_type=Condition,Encounter", "c e", id="everything-of-types"),
        pytest.param("Encounter/com-e/*", "c e o1", id="everything-of-an-encounter"),
        pytest.param("?_type=Condition,Observation&subject=com-p", "c o1 o2", id="common-parameter"),
        pytest.param("?_type=Condition,Observation&_id=com-c,com-o4", "c o4", id="ids-of-types"),
        pytest.param("?_id=com-c,com-o4,com-p", "c o4 p", id="ids-of-all-types"),
        pytest.param("?_type=Condition&encounter=com-e", "c", id="one-type"),
        pytest.param(
            "?_type=Condition,Observation&encounter.status=finished&subject=com-p", "c o1", id="chain"
        ),
    ],
)
def test_a_search_finds_what_is_within(filled: Flask, address: str, expected: str) -> None:
    address = address if address.startswith("?") else f"/{address}"
    answer = send(filled.test_client(), "GET", address)
    assert answer.status_code == 200, answer.get_json()
    assert (sorted(ids(answer.get_json())), answer.get_json()["total"]) == (
        expected.split(), len(expected.split()),
    )  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("/Patient/com-p/*", id="compartment"),
        pytest.param("/Patient/com-p/Observation", id="members"),
        pytest.param("?_id=com-c,com-o4,com-p,com-e", id="system"),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_pages_over_types_hold_each_match_once(filled: Flask, address: str, count: int) -> None:
    client = filled.test_client()
    joined = f"{address}{'&' if '?' in address else '?'}_count={count}"
    whole = ids(send(client, "GET", address).get_json())
    found = pages(client, joined)
    assert [id for page in found for id in ids(page)] == whole
    assert all(len(ids(page)) == count for page in found[:-1])
    totals = [page["total"] for page in pages(client, f"{joined}&_total=accurate")]
    assert set(totals) == {len(whole)}


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        pytest.param("/Patient/com-p/Practitioner", 404, "unknown-address", id="no-member"),
        pytest.param("/Observation/com-o1/Patient", 404, "unknown-address", id="no-compartment"),
        pytest.param("/Patient/com-p/Robot", 404, "unknown-type", id="no-type"),
        pytest.param("/Patient/a_b/Observation", 400, "illegal-id", id="no-id"),
        pytest.param("/Encounter/com-x/Observation", 404, "not-found", id="absent"),
        pytest.param("/Practitioner/com-x/*", 404, "not-found", id="absent-with-everything"),
        pytest.param("?_type=Robot&_id=x", 400, "illegal-parameter-value", id="no-such-type"),
        pytest.param("?_type=Condition,Observation&_sort=onset-date", 400, "illegal-parameter-value", id="sort"),
        pytest.param("", 400, "too-costly", id="everything-there-is"),
        pytest.param("?nonsense=x", 400, "too-costly", id="nothing-that-selects"),
        pytest.param("?_type=Condition,Observation&encounter=x&_cursor=AAAA", 400, "illegal-cursor", id="cursor"),
    ],
)  # fmt: skip
def test_what_has_nothing_within_is_refused(filled: Flask, address: str, status: int, code: str) -> None:
    response = send(filled.test_client(), "GET", address)
    assert (response.status_code, situation(response)) == (status, code)


def test_a_cursor_belongs_to_its_compartment(filled: Flask) -> None:
    client = filled.test_client()
    page = send(client, "GET", "/Patient/com-p/Observation?_count=1").get_json()
    following = next(link["url"] for link in page["link"] if link["relation"] == "next").removeprefix(BASE)
    assert following.startswith("/Patient/com-p/Observation?")
    moved = send(client, "GET", following.replace("com-p", "com-q"))
    assert (moved.status_code, situation(moved)) == (400, "illegal-cursor")


def test_a_parameter_that_not_every_type_has_is_ignored_for_all(filled: Flask) -> None:
    client, address = filled.test_client(), "?_type=Condition,Observation&_id=com-c,com-o1&status=final"
    page = send(client, "GET", address).get_json()
    assert [one["search"]["mode"] for one in page["entry"]] == ["match", "match", "outcome"]
    assert "status" not in page["link"][0]["url"]
    strict = send(client, "GET", address, headers={"Prefer": "handling=strict"})
    assert (strict.status_code, situation(strict)) == (400, "unknown-parameter")


@pytest.mark.parametrize(
    ("path", "form", "address"),
    [
        pytest.param("/_search", b"_type=Condition&_id=com-c", "?_type=Condition&_id=com-c", id="system"),
        pytest.param("/Patient/com-p/Observation/_search", b"status=final",
                     "/Patient/com-p/Observation?status=final", id="members"),
        pytest.param("/Patient/com-p/*/_search", b"_count=2", "/Patient/com-p/*?_count=2", id="everything"),
    ],
)  # fmt: skip
def test_a_posted_form_asks_the_same(filled: Flask, path: str, form: bytes, address: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    posted = send(filled.test_client(), "POST", path, form, headers)
    assert posted.status_code == 200
    assert posted.data == send(filled.test_client(), "GET", address).data


def test_a_batch_searches_within(filled: Flask) -> None:
    urls = ["Patient/com-p/Condition", "Patient/com-p/*", "?_type=Condition&_id=com-c"]
    answers = send(filled.test_client(), "POST", "", bundle("batch", *(entry("GET", url) for url in urls)))
    totals = [one["resource"]["total"] for one in answers.get_json()["entry"]]
    assert totals == [1, 6, 1]
