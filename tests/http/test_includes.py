"""`_include` and `_revinclude` over HTTP.  Spec: https://hl7.org/fhir/R4/search.html#include"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fhir_server.interactions import riders
from tests.http.calls import BASE, bundle, entry, observation, patient, send, situation


def reference(to: str) -> dict[str, str]:
    return {"reference": to}


def resources() -> list[dict[str, Any]]:
    """One person with a panel of two results, a visit, and organisations that are part of each other."""
    form = "http://example.org/Questionnaire/inc-form"
    members = [reference("Observation/inc-o2"), reference("Observation/inc-o3")]
    versions = [("inc-form", "1"), ("inc-form2", "2")]
    return [
        {"resourceType": "Organization", "id": "inc-a", "partOf": reference("Organization/inc-b")},
        {"resourceType": "Organization", "id": "inc-b", "partOf": reference("Organization/inc-a")},
        patient("inc-p", managingOrganization=reference("Organization/inc-a")),
        {"resourceType": "Encounter", "id": "inc-e", "status": "finished", "class": {"code": "AMB"},
         "subject": reference("Patient/inc-p"), "serviceProvider": reference("Organization/inc-a")},
        observation("Patient/inc-p", "inc-o1", encounter=reference("Encounter/inc-e"), hasMember=members),
        observation("Patient/inc-p", "inc-o2", performer=[reference("Organization/inc-b")]),
        observation("Patient/inc-p", "inc-o3", derivedFrom=[reference("Observation/inc-o2")], device=reference("Device/never-was")),
        *({"resourceType": "Questionnaire", "id": id, "url": form, "version": version, "status": "active"} for id, version in versions),
        {"resourceType": "QuestionnaireResponse", "id": "inc-r1", "status": "completed", "questionnaire": form},
        {"resourceType": "QuestionnaireResponse", "id": "inc-r2", "status": "completed", "questionnaire": f"{form}|2"},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def filled(app: Flask) -> Flask:
    entries = [entry("PUT", f"{one['resourceType']}/{one['id']}", one) for one in resources()]
    assert send(app.test_client(), "POST", "", bundle("transaction", *entries)).status_code == 200
    return app


def by_mode(client: FlaskClient, address: str) -> dict[str, list[str]]:
    """Return the ids of the entries by their mode, after checking that none is there twice."""
    response = send(client, "GET", address)
    assert response.status_code == 200, response.get_json()
    listed = response.get_json().get("entry", [])
    urls = [one["fullUrl"] for one in listed]
    assert len(set(urls)) == len(urls)
    found: dict[str, list[str]] = {"match": [], "include": [], "outcome": []}
    for one in listed:
        found[one["search"]["mode"]].append(one["resource"].get("id", "").removeprefix("inc-"))
    return {mode: sorted(ids) for mode, ids in found.items()}


@pytest.mark.parametrize(
    ("query", "matches", "included"),
    [
        pytest.param("Observation?_id=inc-o1&_include=Observation:subject", "o1", "p", id="include"),
        pytest.param("Observation?_id=inc-o1&_include=Observation:patient", "o1", "p", id="narrowed"),
        pytest.param("Observation?_id=inc-o1&_include=Observation:subject:Device", "o1", "", id="other-target"),
        pytest.param("Observation?_id=inc-o1&_include=Observation:subject:Patient", "o1", "p", id="target"),
        pytest.param("Observation?_id=inc-o1,inc-o2&_include=Observation:has-member", "o1 o2", "o3", id="match-wins"),
        pytest.param("Observation?_id=inc-o1&_include=*", "o1", "e o2 o3 p", id="wildcard"),
        pytest.param("Observation?_id=inc-o1&_include=Observation:*", "o1", "e o2 o3 p", id="wildcard-of-type"),
        pytest.param("Observation?_id=inc-o3&_include=Observation:device", "o3", "", id="of-nothing"),
        pytest.param("Observation?_id=inc-o1&_include=Encounter:service-provider", "o1", "", id="of-no-match"),
        pytest.param("Observation?_id=inc-o1&_include=Observation:encounter&_include=Encounter:service-provider", "o1", "e", id="once"),
        pytest.param(
            "Observation?_id=inc-o1&_include=Observation:encounter&_include:iterate=Encounter:service-provider",
            "o1", "a e", id="iterate",
        ),
        pytest.param("Organization?_id=inc-a&_include:iterate=Organization:partof", "a", "b", id="cycle"),
        pytest.param("Patient?_id=inc-p&_revinclude=Observation:patient", "p", "o1 o2 o3", id="revinclude"),
        pytest.param("Patient?_id=inc-p&_revinclude=Observation:subject:Device", "p", "", id="rev-other-target"),
        pytest.param("Observation?_id=inc-o2&_revinclude=Observation:has-member", "o2", "o1", id="rev-token"),
        pytest.param("Observation?_id=inc-o2&_revinclude=Observation:*", "o2", "o1 o3", id="rev-wildcard"),
        pytest.param("Organization?_id=inc-b&_revinclude:iterate=Organization:partof", "b", "a", id="rev-cycle"),
        pytest.param(
            "Patient?_id=inc-p&_include=Patient:organization&_revinclude=Encounter:patient", "p", "a e", id="both",
        ),
        pytest.param("QuestionnaireResponse?_id=inc-r1&_include=QuestionnaireResponse:questionnaire", "r1", "form form2", id="canonical"),
        pytest.param("QuestionnaireResponse?_id=inc-r2&_include=QuestionnaireResponse:questionnaire", "r2", "form2", id="version"),
        pytest.param("Questionnaire?_id=inc-form2&_revinclude=QuestionnaireResponse:questionnaire", "form2", "r1 r2", id="rev-canonical"),
        pytest.param("Observation?patient.family=nobody&_include=*", "", "", id="of-no-matches"),
        pytest.param("?_type=Observation&_id=inc-o1&_include=Observation:subject", "o1", "p", id="of-types"),
        pytest.param("Patient/inc-p/Observation?_id=inc-o1&_include=Observation:subject", "o1", "p", id="compartment"),
    ],
)  # fmt: skip
def test_what_is_asked_for_comes_along(filled: Flask, query: str, matches: str, included: str) -> None:
    address = query if query.startswith("?") else f"/{query}"
    found = by_mode(filled.test_client(), address)
    assert found == {"match": matches.split(), "include": included.split(), "outcome": []}


def test_what_comes_along_is_not_counted(filled: Flask) -> None:
    query = (
        "/Observation?patient=inc-p&_include=Observation:subject&_count=2&_total=accurate&_sort=_lastUpdated"
    )
    page = send(filled.test_client(), "GET", query).get_json()
    modes = [one["search"]["mode"] for one in page["entry"]]
    assert (page["total"], modes) == (3, ["match", "match", "include"])
    for only in "_count=0", "_summary=count":
        counted = send(
            filled.test_client(), "GET", f"/Observation?patient=inc-p&_include=*&{only}"
        ).get_json()
        assert (counted["total"], counted.get("entry")) == (3, None)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("_include=x", "illegal-parameter-value", id="no-parameter"),
        pytest.param("_include=Robot:x", "illegal-parameter-value", id="no-type"),
        pytest.param("_revinclude=*", "illegal-parameter-value", id="all-that-points-here"),
        pytest.param("_include:recurse=Observation:subject", "unsupported-modifier", id="modifier"),
        pytest.param("_include=Observation:subject&_summary=text", "illegal-parameter-value", id="text"),
        pytest.param("&".join(f"_include=Observation:{name}:Patient&_include=Observation:{name}" for name in
                              ["subject"]) + "&_related=AAAA", "illegal-cursor", id="cursor"),
    ],
)  # fmt: skip
def test_what_cannot_come_along_is_refused(filled: Flask, query: str, code: str) -> None:
    response = send(filled.test_client(), "GET", f"/Observation?_id=inc-o1&{query}")
    assert (response.status_code, situation(response)) == (400, code)


def test_an_unknown_reference_is_ignored_and_told_or_refused(filled: Flask) -> None:
    client, address = filled.test_client(), "/Observation?_id=inc-o1&_include=Observation:colour"
    assert by_mode(client, address) == {"match": ["o1"], "include": [], "outcome": [""]}
    strict = send(client, "GET", address, headers={"Prefer": "handling=strict"})
    assert (strict.status_code, situation(strict)) == (400, "unknown-parameter")


def test_the_rest_of_what_comes_along_has_a_link(filled: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(riders, "MOST", 2)
    client, seen = filled.test_client(), list[str]()
    page = send(client, "GET", "/Patient?_id=inc-p&_revinclude=Observation:patient").get_json()
    modes = [one["search"]["mode"] for one in page["entry"]]
    assert (page["total"], modes) == (1, ["match", "include", "include", "outcome"])
    related = next(link["url"] for link in page["link"] if link["relation"] == "related")
    rest = send(client, "GET", related.removeprefix(BASE)).get_json()
    assert [one["search"]["mode"] for one in rest["entry"]] == ["include"]
    assert {link["relation"] for link in rest["link"]} == {"self"}
    seen = [one["resource"]["id"] for one in (*page["entry"][1:3], *rest["entry"])]
    assert sorted(seen) == ["inc-o1", "inc-o2", "inc-o3"]
    moved = send(client, "GET", related.removeprefix(BASE).replace("inc-p", "inc-x"))
    assert (moved.status_code, situation(moved)) == (400, "illegal-cursor")
