"""What shapes an answer, what is ignored and what is refused.  Spec: https://hl7.org/fhir/R4/search.html"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fhir_server.interactions import hopping, search_system
from tests.http.calls import BASE, observation, patient, send, situation
from tests.http.planted import address, found, plant, rows

STRICT = {"Prefer": "handling=strict"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

RESOURCES = [
    {"resourceType": "Organization", "id": "h", "name": "Nord"},
    patient("a", name=[{"family": "Adams"}], gender="male", managingOrganization={"reference": "Organization/h"}),
    patient("b", name=[{"family": "Brown"}, {"family": "Adams"}], gender="female"),
    patient("c", name=[{"family": "O'Brien, Jr"}]),
    observation("Patient/a", "o1"), observation("Patient/b", "o2", status="amended"),
]  # fmt: skip

REFUSED = (
    ("Patient?name:foo=x", "unsupported-modifier"),
    ("Patient?name:foo=", "unsupported-modifier"),
    ("Patient?name:=adams", "unsupported-modifier"),
    ("Patient?_has:Observation:patient:code:foo=x", "unsupported-modifier"),
    ("Patient?organization.name:foo=x", "unsupported-modifier"),
    ("Patient?_count=-1", "illegal-parameter-value"),
    ("Patient?_count=x", "illegal-parameter-value"),
    ("Patient?_count=1.5", "illegal-parameter-value"),
    ("Patient?_count:exact=1", "unsupported-modifier"),
    ("Patient?_total=many", "illegal-parameter-value"),
    ("Patient?_summary=some", "illegal-parameter-value"),
    ("Patient?_summary=true&_elements=name", "illegal-parameter-value"),
    ("Patient?_summary=text&_include=Patient:organization", "illegal-parameter-value"),
    ("Patient?_sort=nonsense", "illegal-parameter-value"),
    ("Patient?_sort=-", "illegal-parameter-value"),
    ("Patient?_sort:desc=name", "unsupported-modifier"),
    ("Patient?_sort=name,gender,birthdate,_id,active,family", "too-costly"),
    ("Patient?_include=organization", "illegal-parameter-value"),
    ("Patient?_include=Nonsense:organization", "illegal-parameter-value"),
    ("Patient?_include:recurse=Patient:organization", "unsupported-modifier"),
    ("Patient?_contained=both", "illegal-parameter-value"),
    ("Patient?_cursor=x", "illegal-cursor"),
    ("Patient?_related=x", "illegal-cursor"),
    ("Patient?_related=x&_include=Patient:organization", "illegal-cursor"),
    ("?_type:not=Patient&_id=a", "unsupported-modifier"),
    ("?_type=Nonsense", "illegal-parameter-value"),
    ("?_type=Patient,Observation&_sort=status", "illegal-parameter-value"),
    ("?", "too-costly"),
    ("Patient?_filter=name", "illegal-parameter-value"),
    ("Patient?_filter=(name eq adams", "illegal-parameter-value"),
    ("Patient?_filter=name gt adams", "illegal-parameter-value"),
    ("Patient?_filter=name.given eq adams", "illegal-parameter-value"),
)
FOUND = (
    ("Patient?name=adams&name=brown", "b"),
    ("Patient?name=adams,brown", "a b"),
    ("Patient?name=O'Brien\\, Jr", "c"),
    ("Patient?name=obrien,nobody", "c"),
    ("Patient?name:exact=O'Brien\\, Jr", "c"),
    ("Patient?name:exact=O'Brien, Jr", ""),
    ("Patient?name=,adams,", "a b"),
    ("Patient?_sort=-name,_id&_total=none&_total=accurate", "a b c"),
    ("Patient?_summary=count&_summary=false", "a b c"),
    ("Patient?_contained=false", "a b c"),
    ("Patient?_elements=name&_summary=false", "a b c"),
    ("Patient?_filter=name eq adams and gender eq male", "a"),
    ("Patient?_filter=name eq adams or name co rien", "a b c"),
    ("Patient?_filter=not(name eq adams) or gender eq male", "a c"),
    ("Patient?_filter=not (name eq adams or gender eq male)", "c"),
    ("Patient?_filter=gender eq male or gender eq female and name eq nobody", "a"),
    ("Patient?_filter=(gender eq male or gender eq female) and name eq nobody", ""),
    ("Patient?_filter=gender pr false", "c"),
    ("Patient?_filter=gender ne male", "b"),
    ('Patient?_filter=name eq "O\'Brien, Jr"', "c"),
    ("Patient?_filter=family sw ad", "a b"),
    ("Patient?_filter=family ew ms", "a b"),
    ("Patient?_filter=name eq adams&gender=female", "b"),
)
IGNORED = (
    ("nonsense=1", "Patient", "`nonsense` was not used: it is not supported."),
    ("nonsense=1&name=adams", "Patient?name=adams", "`nonsense` was not used: it is not supported."),
    ("name=", "Patient", "`name` was not used: it has no value."),
    ("name:exact=&gender=male", "Patient?gender=male", "`name:exact` was not used: it has no value."),
    ("organization.name=", "Patient", "`organization.name` was not used: it has no value."),
    ("_has:Observation:patient:code=", "Patient", "`_has:Observation:patient:code` was not used: it has no value."),
    ("Name=adams", "Patient", "`Name` was not used: it is not supported."),
    ("_include=Patient:nonsense", "Patient", "`_include` was not used: it is not supported."),
)  # fmt: skip


@pytest.fixture(scope="module")
def served(app: Flask) -> FlaskClient:
    client = app.test_client()
    plant(client, RESOURCES)
    return client


@pytest.mark.parametrize(("query", "expected"), rows((*REFUSED, *FOUND)))
def test_a_request_is_understood_or_refused(served: FlaskClient, query: str, expected: str) -> None:
    assert found(served, query) == expected


@pytest.mark.parametrize(("query", "used", "text"), [pytest.param(*row, id=row[0]) for row in IGNORED])
def test_what_is_ignored_is_told_and_not_in_the_self_link(
    served: FlaskClient, query: str, used: str, text: str
) -> None:
    page = send(served, "GET", address(f"Patient?{query}")).get_json()
    (told,) = [one["resource"] for one in page["entry"] if one["search"]["mode"] == "outcome"]
    assert [issue["diagnostics"] for issue in told["issue"]] == [text]
    assert [issue["severity"] for issue in told["issue"]] == ["warning"]
    assert page["link"] == [{"relation": "self", "url": f"{BASE}/{used}"}]
    refused = send(served, "GET", address(f"Patient?{query}"), headers=STRICT)
    assert refused.status_code == 400


@pytest.mark.parametrize(("query", "used"), [
    pytest.param("_count=1&_count=2", "_count=2", id="count"),
    pytest.param("_sort=-name&gender=male&_sort=_id", "gender=male&_sort=_id", id="sort"),
    pytest.param("_total=none&_total=accurate", "_total=accurate", id="total"),
    pytest.param("name=adams&name=brown", "name=adams&name=brown", id="criteria-add-up"),
    pytest.param("_elements=name&_elements=gender", "_elements=name&_elements=gender", id="elements-add-up"),
])  # fmt: skip
def test_of_what_is_said_twice_the_self_link_has_what_counts(
    served: FlaskClient, query: str, used: str
) -> None:
    page = send(served, "GET", address(f"Patient?{query}")).get_json()
    assert unquote_plus(page["link"][0]["url"]) == f"{BASE}/Patient?{used}"


def test_a_posted_search_joins_both_and_its_links_are_for_get(served: FlaskClient) -> None:
    answer = served.post("/fhir/Patient/_search?name=adams", data="_count=1&_sort=_id", headers=FORM)
    links = {link["relation"]: link["url"] for link in answer.get_json()["link"]}
    assert links["self"] == f"{BASE}/Patient?name=adams&_count=1&_sort=_id"
    page = send(served, "GET", links["next"].removeprefix(BASE)).get_json()
    assert [one["resource"]["id"] for one in page["entry"]] == ["b"]


@pytest.mark.parametrize("query", [
    pytest.param("_count=0", id="count-0"),
    pytest.param("_summary=count", id="summary-count"),
    pytest.param("_summary=count&_include=Patient:organization&_count=1", id="with-an-include"),
    pytest.param("_count=0&_sort=name", id="with-an-order"),
])  # fmt: skip
def test_a_count_has_a_total_and_nothing_else(served: FlaskClient, query: str) -> None:
    page: dict[str, Any] = send(served, "GET", f"/Patient?{query}").get_json()
    assert page["total"] == 3
    assert "entry" not in page
    assert [link["relation"] for link in page["link"]] == ["self"]


def test_an_order_over_several_types_is_refused_by_its_own_name(served: FlaskClient) -> None:
    answer = send(served, "GET", "/Patient/a/*?_sort=date")
    assert situation(answer) == "illegal-parameter-value"
    assert "several types" in answer.get_json()["issue"][0]["diagnostics"]


def test_much_is_not_asked_of_all_types_at_once(served: FlaskClient) -> None:
    much = ",".join(f"urn:example:tags|{number}" for number in range(200))
    assert found(served, f"?_type=Patient,Observation&_tag={much}") == ""
    assert found(served, f"?_tag={much}&_security={much}") == "too-costly"


def test_chains_that_lead_far_together_are_refused(
    served: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    chains = "&".join(f"patient.name={name}" for name in ("adams", "ada", "ad"))
    monkeypatch.setattr(hopping, "MOST_TOGETHER", 6)
    assert found(served, f"Observation?{chains}") == "o1 o2"
    monkeypatch.setattr(hopping, "MOST_TOGETHER", 5)
    assert found(served, f"Observation?{chains}") == "too-costly"


def test_an_estimate_over_several_types_stops_counting(
    served: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = address("?_type=Patient,Observation&_total=estimate&_count=1")
    assert send(served, "GET", query).get_json()["total"] == 5
    monkeypatch.setattr(search_system, "ESTIMATED_AT_MOST", 4)
    assert "total" not in send(served, "GET", query).get_json()
