"""Links between pages, totals and explanations over HTTP.  Spec: https://hl7.org/fhir/R4/http.html#paging"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.calls import BASE, bundle, entry, new_id, observation, patient, send, situation


@pytest.fixture(scope="module")
def person(app: Any) -> str:
    """A Patient with nine Observations, one a day."""
    client, id = app.test_client(), new_id()
    entries = [
        entry("POST", "Observation", observation(f"Patient/{id}", effectiveDateTime=f"2026-01-0{day}"))
        for day in range(1, 10)
    ]
    made = bundle("transaction", entry("PUT", f"Patient/{id}", patient(id)), *entries)
    assert send(client, "POST", "", made).status_code == 200
    return id


def links(page: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"].removeprefix(BASE) for link in page["link"]}


def dates(page: dict[str, Any]) -> list[str]:
    return [one["resource"]["effectiveDateTime"] for one in page.get("entry", [])]


def get(client: FlaskClient, address: str) -> dict[str, Any]:
    response = send(client, "GET", address)
    assert response.status_code == 200, response.get_data(as_text=True)
    page: dict[str, Any] = response.get_json()
    return page


@pytest.mark.parametrize(
    "sort", ["date", "-date", "_lastUpdated", "-_lastUpdated", "_id", "-date,_id", "code"]
)
def test_previous_links_give_the_pages_again(client: FlaskClient, person: str, sort: str) -> None:
    first = get(client, f"/Observation?patient={person}&_count=4&_sort={sort}")
    forward = [first]
    while "next" in links(forward[-1]):
        forward.append(get(client, links(forward[-1])["next"]))
    assert [len(page["entry"]) for page in forward] == [4, 4, 1]
    back = [forward[-1]]
    while "previous" in links(back[-1]):
        back.append(get(client, links(back[-1])["previous"]))
    assert [dates(page) for page in back] == [dates(page) for page in forward[::-1]]
    assert "previous" not in links(first)
    assert get(client, links(forward[-1])["first"])["entry"] == first["entry"]
    assert dates(get(client, links(back[-2])["next"])) == dates(forward[2])


def test_a_page_before_is_right_though_something_was_written_before_it(client: FlaskClient) -> None:
    id = new_id()
    for day in range(1, 7):
        send(
            client, "POST", "/Observation", observation(f"Patient/{id}", effectiveDateTime=f"2026-01-0{day}")
        )
    address = f"/Observation?patient={id}&_count=2&_sort=date"
    second = get(client, links(get(client, address))["next"])
    third = get(client, links(second)["next"])
    send(client, "POST", "/Observation", observation(f"Patient/{id}", effectiveDateTime="2026-01-01"))
    assert dates(get(client, links(third)["previous"])) == dates(second)


def test_one_page_that_is_all_has_no_other_links(client: FlaskClient, person: str) -> None:
    assert set(links(get(client, f"/Observation?patient={person}"))) == {"self"}


def test_the_links_of_a_posted_search_are_for_get(client: FlaskClient, person: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    asked = f"patient={person}&_count=5&_sort=date".encode()
    first = send(client, "POST", "/Observation/_search", asked, form).get_json()
    assert "_search" not in links(first)["next"]
    following = get(client, links(first)["next"])
    assert dates(first) + dates(following) == [f"2026-01-0{day}" for day in range(1, 10)]
    assert get(client, links(first)["self"])["entry"] == first["entry"]


@pytest.mark.parametrize(
    ("asked", "total"),
    [
        pytest.param("_total=accurate", 9, id="accurate"),
        pytest.param("_total=estimate", 9, id="estimate"),
        pytest.param("_total=none", None, id="none"),
        pytest.param("_total=accurate&_sort=code", 9, id="computed-order"),
    ],
)
def test_totals_are_the_same_on_every_page(
    client: FlaskClient, person: str, asked: str, total: int | None
) -> None:
    first = get(client, f"/Observation?patient={person}&_count=4&date=ge2020&{asked}")
    second = get(client, links(first)["next"])
    assert (first.get("total"), second.get("total")) == (total, total)


def test_an_explanation_names_the_index_and_what_was_examined(client: FlaskClient, person: str) -> None:
    page = get(client, f"/Observation?patient={person}&_count=4&_explain=true")
    told = page["entry"][-1]
    assert told["search"]["mode"] == "outcome"
    texts = [issue["diagnostics"] for issue in told["resource"]["issue"]]
    assert "index: owner_date" in texts[0]
    assert "keys examined: 5; documents examined: 5; returned: 5" in texts[0]
    assert "one record" in texts[1]
    assert len(page["entry"]) == 5
    assert "mode" in get(client, f"/Observation?patient={person}&_explain=false")["entry"][-1]["search"]


def test_an_explanation_of_a_computed_order_is_of_the_pipeline(client: FlaskClient, person: str) -> None:
    page = get(client, f"/Observation?patient={person}&_sort=code&_explain=true")
    texts = [issue["diagnostics"] for issue in page["entry"][-1]["resource"]["issue"]]
    assert "keys examined: 9; documents examined: 9; returned: 9" in texts[0]
    assert "order: computed" in texts[1]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("_explain=maybe", "illegal-parameter-value", id="explain"),
        pytest.param("_contained=both", "illegal-parameter-value", id="contained"),
        pytest.param("_containedType=none", "illegal-parameter-value", id="contained-type"),
        pytest.param("_sort=_text", "illegal-parameter-value", id="sort"),
        pytest.param("_sort=" + ",".join(["date"] * 6), "too-costly", id="sort-keys"),
    ],
)
def test_what_is_not_supported_is_told(client: FlaskClient, person: str, query: str, code: str) -> None:
    assert situation(send(client, "GET", f"/Observation?patient={person}&{query}")) == code


def test_contained_false_is_what_is_done(client: FlaskClient, person: str) -> None:
    page = get(client, f"/Observation?patient={person}&_contained=false&_containedType=container")
    assert page["total"] == 9
    assert "_contained=false" in links(page)["self"]
