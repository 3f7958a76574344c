"""search-type over HTTP: the searchset around the matches.  Spec: https://hl7.org/fhir/R4/search.html"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.calls import BASE, bundle, entry, issues, new_id, observation, patient, send, situation


@pytest.fixture(scope="module")
def person(app: Any) -> str:
    """A Patient with seven Observations, one a day, of which the last is of another code."""
    client, id = app.test_client(), new_id()
    entries = [
        entry(
            "POST", "Observation",
            observation(f"Patient/{id}", effectiveDateTime=f"2026-01-0{day}", note=[{"text": str(day)}]),
        )
        for day in range(1, 7)
    ]  # fmt: skip
    other = observation(f"Patient/{id}", effectiveDateTime="2026-01-07", code={"text": "other"})
    made = bundle(
        "transaction",
        entry("PUT", f"Patient/{id}", patient(id)),
        *entries,
        entry("POST", "Observation", other),
    )
    assert send(client, "POST", "", made).status_code == 200
    return id


def pages(client: FlaskClient, address: str) -> list[dict[str, Any]]:
    """Return every page from `address` on, by following the next links."""
    found = []
    while address:
        found.append(send(client, "GET", address).get_json())
        following = [link["url"] for link in found[-1]["link"] if link["relation"] == "next"]
        address = following[0].removeprefix(BASE) if following else ""
    return found


def dates(page: dict[str, Any]) -> list[str]:
    return [one["resource"]["effectiveDateTime"] for one in page.get("entry", [])]


def test_a_searchset_names_each_match_and_itself(client: FlaskClient, person: str) -> None:
    found = send(client, "GET", f"/Observation?patient={person}&code=8310-5").get_json()
    assert (found["resourceType"], found["type"], found["total"]) == ("Bundle", "searchset", 6)
    assert found["link"] == [{"relation": "self", "url": f"{BASE}/Observation?patient={person}&code=8310-5"}]
    for one in found["entry"]:
        assert one["fullUrl"] == f"{BASE}/Observation/{one['resource']['id']}"
        assert one["search"] == {"mode": "match"}


def test_pages_hold_every_match_once_in_order(client: FlaskClient, person: str) -> None:
    found = pages(client, f"/Observation?patient={person}&_count=3&_sort=date")
    assert [len(page["entry"]) for page in found] == [3, 3, 1]
    assert [date for page in found for date in dates(page)] == [f"2026-01-0{day}" for day in range(1, 8)]


def test_pages_stay_whole_while_others_write(client: FlaskClient, person: str) -> None:
    first = send(client, "GET", f"/Observation?patient={person}&_count=3&_sort=-date").get_json()
    send(client, "POST", "/Observation", observation(f"Patient/{new_id()}", effectiveDateTime="2026-01-09"))
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    rest = pages(client, following.removeprefix(BASE))
    seen = [date for page in [first, *rest] for date in dates(page)]
    assert seen == [f"2026-01-0{day}" for day in range(7, 0, -1)]


def test_a_total_is_told_where_it_is_free_or_asked_for(client: FlaskClient, person: str) -> None:
    base = f"/Observation?patient={person}"
    assert send(client, "GET", base).get_json()["total"] == 7
    assert "total" not in send(client, "GET", f"{base}&_count=2").get_json()
    assert [page["total"] for page in pages(client, f"{base}&_count=3&_total=accurate")] == [7, 7, 7]
    assert "total" not in send(client, "GET", f"{base}&_total=none").get_json()


@pytest.mark.parametrize("asked", ["_count=0", "_summary=count"])
def test_only_the_total_is_given_when_only_it_is_asked_for(
    client: FlaskClient, person: str, asked: str
) -> None:
    found = send(client, "GET", f"/Observation?patient={person}&{asked}").get_json()
    assert found["total"] == 7
    assert "entry" not in found
    assert [link["relation"] for link in found["link"]] == ["self"]


def test_a_search_for_nothing_finds_nothing(client: FlaskClient) -> None:
    for path in ("/Observation?_id=never-was", "/Basic?_id=never-was"):
        response = send(client, "GET", path)
        assert response.status_code == 200
        assert (response.get_json()["total"], "entry" in response.get_json()) == (0, False)


def test_what_was_not_used_is_told_and_left_out_of_the_self_link(client: FlaskClient, person: str) -> None:
    found = send(client, "GET", f"/Observation?patient={person}&nonsense=1&_count=1").get_json()
    assert "nonsense" not in found["link"][0]["url"]
    last = found["entry"][-1]
    assert last["search"]["mode"] == "outcome"
    assert last["fullUrl"].startswith("urn:uuid:")
    issue = last["resource"]["issue"][0]
    assert (issue["severity"], issue["code"]) == ("warning", "not-supported")
    assert "nonsense" in issue["diagnostics"]
    assert len(found["entry"]) == 2


def test_what_a_name_holds_is_not_repeated_as_it_came(client: FlaskClient) -> None:
    found = send(client, "GET", "/Observation?%3Cscript%3E=1&_id=x").get_data(as_text=True)
    assert "<script>" not in found


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        pytest.param(
            "nonsense=1", {"Prefer": "handling=strict"}, "unknown-parameter", id="unknown-when-strict"
        ),
        pytest.param("code:nonsense=1", {}, "unsupported-modifier", id="modifier"),
        pytest.param("date=yesterday", {}, "illegal-parameter-value", id="date"),
        pytest.param("_count=x", {}, "illegal-parameter-value", id="count"),
        pytest.param("_cursor=AAAA", {}, "illegal-cursor", id="cursor"),
        pytest.param("_sort=nonsense", {}, "illegal-parameter-value", id="sort"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(
    client: FlaskClient, query: str, headers: dict[str, str], code: str
) -> None:
    response = send(client, "GET", f"/Observation?{query}", headers=headers)
    assert (response.status_code, situation(response)) == (400, code)
    assert issues(response)


def test_a_next_link_belongs_to_its_search(client: FlaskClient, person: str) -> None:
    first = send(client, "GET", f"/Observation?patient={person}&_count=2").get_json()
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    moved = following.removeprefix(BASE).replace(person, new_id())
    response = send(client, "GET", moved)
    assert (response.status_code, situation(response)) == (400, "illegal-cursor")


def test_a_posted_form_joins_the_query(client: FlaskClient, person: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    by_form = send(client, "POST", f"/Observation/_search?patient={person}", b"_count=2&code=8310-5", form)
    by_query = send(client, "GET", f"/Observation?patient={person}&_count=2&code=8310-5")
    assert by_form.status_code == 200
    assert by_form.data == by_query.data
    assert len(pages(client, f"/Observation?patient={person}&_count=2&code=8310-5")) == 3


def test_a_form_needs_its_type(client: FlaskClient) -> None:
    response = send(client, "POST", "/Patient/_search", b"_id=1")
    assert (response.status_code, situation(response)) == (415, "unsupported-media-type")
    assert send(client, "POST", "/Patient/_search").status_code == 200


def test_contained_resources_are_not_found(client: FlaskClient) -> None:
    id = new_id()
    inner = {"resourceType": "Organization", "id": "o", "identifier": [{"value": id}]}
    person = patient(contained=[inner], managingOrganization={"reference": "#o"})
    assert send(client, "POST", "/Patient", person).status_code == 201
    assert send(client, "GET", f"/Organization?identifier={id}").get_json()["total"] == 0


def test_deleted_resources_are_not_found(client: FlaskClient) -> None:
    id = new_id()
    send(client, "PUT", f"/Patient/{id}", patient(id))
    assert send(client, "GET", f"/Patient?_id={id}").get_json()["total"] == 1
    send(client, "DELETE", f"/Patient/{id}")
    assert send(client, "GET", f"/Patient?_id={id}").get_json()["total"] == 0


def test_a_page_is_as_large_as_the_setting_allows(make_app: Any) -> None:
    client = make_app(page_size_max=600).test_client()
    tag = {"tag": [{"system": "urn:example:pages", "code": new_id()}]}
    entries = [
        entry("POST", "Basic", {"resourceType": "Basic", "code": {"text": "page"}, "meta": tag})
        for _ in range(501)
    ]
    assert send(client, "POST", "", bundle("transaction", *entries)).status_code == 200
    page = send(client, "GET", f"/Basic?_tag={tag['tag'][0]['code']}&_count=1000").get_json()
    assert len(page["entry"]) == 501


def test_the_page_size_is_capped(make_app: Any) -> None:
    client = make_app(page_size=2, page_size_max=3).test_client()
    for _ in range(5):
        send(client, "POST", "/Patient", patient())
    assert len(send(client, "GET", "/Patient").get_json()["entry"]) == 2
    assert len(send(client, "GET", "/Patient?_count=100").get_json()["entry"]) == 3
    assert sum(len(page["entry"]) for page in pages(client, "/Patient?_count=100")) == 5
