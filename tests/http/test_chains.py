"""Chains and `_has` over HTTP: what is found through what it points to.

Spec: https://hl7.org/fhir/R4/search.html#chaining
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient, monitoring

from fhir_server.app import close_app, create_app
from fhir_server.interactions import hopping
from tests.http.calls import BASE, bundle, entry, issues, observation, patient, send, situation
from tests.http.conftest import settings_of
from tests.store.wire import Wire

A1C, BODY = "4548-4", "8310-5"


def coded(code: str) -> dict[str, Any]:
    return {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}}


def reference(to: str) -> dict[str, str]:
    return {"reference": to}


def resources() -> list[dict[str, Any]]:
    """Two persons: Ada with a finished visit led by Dr Curie, Bob with a planned one and a device of his own."""
    visit = {"resourceType": "Encounter", "class": {"code": "AMB"}}
    led = {"participant": [{"individual": reference("Practitioner/hop-curie")}]}
    form = "http://example.org/Questionnaire/hop-form"
    answers = {"resourceType": "QuestionnaireResponse", "status": "completed"}
    return [
        {"resourceType": "Organization", "id": "hop-org", "name": "Hop Clinic"},
        {"resourceType": "Practitioner", "id": "hop-curie", "name": [{"family": "Curie"}]},
        patient("hop-ada", name=[{"family": "Hopada"}], gender="female", managingOrganization=reference("Organization/hop-org")),
        patient("hop-bob", name=[{"family": "Hopbob"}], gender="male", birthDate="1970-01-01"),
        {"resourceType": "Device", "id": "hop-device", "status": "active", "patient": reference("Patient/hop-bob")},
        {**visit, "id": "hop-e1", "status": "finished", "subject": reference("Patient/hop-ada"), **led},
        {**visit, "id": "hop-e2", "status": "planned", "subject": reference("Patient/hop-bob")},
        observation("Patient/hop-ada", "hop-o1", encounter=reference("Encounter/hop-e1"), **coded(A1C)),
        observation("Patient/hop-bob", "hop-o2", encounter=reference("Encounter/hop-e2"), **coded(A1C)),
        observation("Device/hop-device", "hop-o3", **coded(BODY)),
        observation("Patient/hop-ada", "hop-o4", performer=[reference("Patient/hop-ada")], **coded(BODY)),
        {"resourceType": "Questionnaire", "id": "hop-form", "url": form, "status": "active", "title": "Hop form"},
        {**answers, "id": "hop-a1", "questionnaire": f"{form}|2", "subject": reference("Patient/hop-ada")},
        {**answers, "id": "hop-a2", "questionnaire": "http://example.org/else", "subject": reference("Patient/hop-bob")},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def wire() -> Wire:
    """Sees the commands of every client that is made from now on."""
    listener = Wire()
    monitoring.register(listener)
    return listener


@pytest.fixture(scope="module")
def app(wire: Wire, database_uri: str) -> Iterator[Flask]:
    database = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    made = create_app(settings_of(database_uri, database))
    yield made
    close_app(made)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


@pytest.fixture(scope="module")
def filled(app: Flask) -> Flask:
    entries = [entry("PUT", f"{one['resourceType']}/{one['id']}", one) for one in resources()]
    assert send(app.test_client(), "POST", "", bundle("transaction", *entries)).status_code == 200
    return app


def found(client: FlaskClient, address: str) -> list[str]:
    response = send(client, "GET", address)
    assert response.status_code == 200, response.get_json()
    listed = response.get_json().get("entry", [])
    assert all(one["search"]["mode"] == "match" for one in listed), listed
    return sorted(one["resource"]["id"].removeprefix("hop-") for one in listed)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("Observation?subject:Patient.name=hopada", "o1 o4", id="typed"),
        pytest.param("Observation?patient.name=hopada", "o1 o4", id="narrowed"),
        pytest.param("Observation?subject.name=hopbob", "o2", id="of-any-target"),
        pytest.param("Observation?subject:Device.status=active", "o3", id="to-another-type"),
        pytest.param("Observation?subject.patient=hop-bob", "o3", id="of-the-one-target-that-has-it"),
        pytest.param("Observation?encounter.participant.family=curie", "o1", id="nested"),
        pytest.param("Observation?encounter:Encounter.subject:Patient.organization.name=hop", "o1", id="deep"),
        pytest.param("Observation?patient.name:exact=Hopada", "o1 o4", id="modifier"),
        pytest.param("Observation?patient.name:exact=hopada", "", id="modifier-that-does-not-hold"),
        pytest.param("Observation?patient.organization:missing=true&code=4548-4", "o2", id="missing"),
        pytest.param("Observation?patient.organization:missing=false&code=4548-4", "o1", id="not-missing"),
        pytest.param("Observation?patient.gender:not=male&code=4548-4", "o1", id="not"),
        pytest.param("Observation?patient.birthdate=lt1980", "o2", id="prefix"),
        pytest.param("Observation?patient._id=hop-ada,hop-bob&code=4548-4", "o1 o2", id="several-ids"),
        pytest.param("Observation?encounter.status=finished,planned", "o1 o2", id="or"),
        pytest.param("Observation?encounter.status=finished&encounter.class=AMB", "o1", id="two-chains"),
        pytest.param("Observation?encounter.status=finished&patient.gender=male", "", id="both-must-hold"),
        pytest.param("Observation?performer:Patient.name=hopada", "o4", id="person-who-is-no-subject"),
        pytest.param("Observation?patient=hop-ada&encounter.status=finished", "o1", id="in-a-record"),
        pytest.param("Patient?_has:Observation:patient:code=4548-4&family=hop", "ada bob", id="has"),
        pytest.param("Patient?_has:Observation:subject:code=8310-5", "ada", id="has-by-a-wide-reference"),
        pytest.param("Patient?_has:Observation:performer:code=8310-5", "ada", id="has-by-another-reference"),
        pytest.param("Encounter?_has:Observation:encounter:code=4548-4&subject=hop-bob", "e2", id="has-token"),
        pytest.param("Practitioner?_has:Encounter:participant:_has:Observation:encounter:code=4548-4", "curie", id="has-in-has"),
        pytest.param("Practitioner?_has:Encounter:participant:subject.gender=female", "curie", id="chain-in-has"),
        pytest.param("Encounter?patient._has:Observation:patient:code=8310-5", "e1", id="has-in-chain"),
        pytest.param("Device?_has:Observation:device:code=x", "", id="has-nothing"),
        pytest.param("QuestionnaireResponse?questionnaire.title=hop", "a1", id="canonical"),
        pytest.param("Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed", "form", id="has-canonical"),
    ],
)  # fmt: skip
def test_a_hop_finds_what_is_connected(filled: Flask, query: str, expected: str) -> None:
    assert found(filled.test_client(), f"/{query}") == expected.split()


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        pytest.param("Observation?code.display=x", "unsupported-modifier", "encounter", id="no-reference"),
        pytest.param("Observation?subject:Robot.name=x", "unsupported-modifier", ":Patient", id="no-type"),
        pytest.param("Observation?subject:Organization.name=x", "unsupported-modifier", ":Patient", id="no-target"),
        pytest.param("Observation?patient.colour=x", "unsupported-modifier", "birthdate", id="no-parameter"),
        pytest.param("Observation?patient.birthdate=soon", "illegal-parameter-value", "date", id="value"),
        pytest.param("Observation?patient.name:not=x", "unsupported-modifier", ":contains", id="modifier"),
        pytest.param("Bundle?composition.patient=x", "unsupported-modifier", "points to nothing", id="inline"),
        pytest.param("Patient?_has:Observation:patient=x", "unsupported-modifier", "_has:Type", id="short-has"),
        pytest.param("Patient?_has:Robot:patient:code=x", "unsupported-modifier", "Robot", id="has-no-type"),
        pytest.param("Patient?_has:Observation:code:code=x", "unsupported-modifier", "subject", id="has-no-reference"),
        pytest.param("Patient?_has:Observation:encounter:code=x", "unsupported-modifier", "patient", id="has-elsewhere"),
        pytest.param("Patient?_has:Observation:patient:colour=x", "unsupported-modifier", "status", id="has-no-parameter"),
        pytest.param("Provenance?target.identifier=x", "too-costly", "Name the type", id="of-every-type"),
        pytest.param("Encounter?" + ".".join(["part-of"] * 20) + "=x", "too-costly", "5", id="depth-20"),
        pytest.param("Patient?" + "_has:Patient:link:" * 20 + "name=x", "too-costly", "5", id="has-depth-20"),
    ],
)  # fmt: skip
def test_a_hop_that_leads_nowhere_is_refused_with_what_is_right(
    client: FlaskClient, query: str, code: str, told: str
) -> None:
    response = send(client, "GET", f"/{query}")
    assert (response.status_code, situation(response)) == (400, code)
    assert told in issues(response)[0]["diagnostics"]


def test_each_chain_may_hold_of_another_target(client: FlaskClient) -> None:
    for id, role, family in ("hop-p1", "nurse", "Eins"), ("hop-p2", "cook", "Zwei"):
        person = {
            "resourceType": "Practitioner",
            "id": id,
            "name": [{"family": family}],
            "identifier": [{"value": role}],
        }
        assert send(client, "PUT", f"/Practitioner/{id}", person).status_code in (200, 201)
    performers = [reference("Practitioner/hop-p1"), reference("Practitioner/hop-p2")]
    send(client, "PUT", "/Observation/hop-two", observation(None, "hop-two", performer=performers))
    query = "performer:Practitioner.family=eins&performer:Practitioner.identifier=cook"
    assert found(client, f"/Observation?{query}") == ["two"]


def test_an_unknown_first_link_is_ignored_or_refused_as_any_parameter(filled: Flask) -> None:
    client = filled.test_client()
    answer = send(client, "GET", "/Observation?nonsense.name=x&_id=hop-o1").get_json()
    assert [one["search"]["mode"] for one in answer["entry"]] == ["match", "outcome"]
    assert "nonsense" not in answer["link"][0]["url"]
    strict = send(client, "GET", "/Observation?nonsense.name=x", headers={"Prefer": "handling=strict"})
    assert (strict.status_code, situation(strict)) == (400, "unknown-parameter")


def test_a_chain_is_part_of_the_self_link_and_of_the_cursor(filled: Flask) -> None:
    client = filled.test_client()
    first = send(client, "GET", "/Observation?patient.name=hopada&_count=1").get_json()
    links = {link["relation"]: link["url"] for link in first["link"]}
    assert "patient.name=hopada" in links["self"]
    following = links["next"].removeprefix(BASE)
    second = send(client, "GET", following).get_json()
    ids = [page["entry"][0]["resource"]["id"] for page in (first, second)]
    assert sorted(ids) == ["hop-o1", "hop-o4"]
    moved = send(client, "GET", following.replace("hopada", "hopbob"))
    assert (moved.status_code, situation(moved)) == (400, "illegal-cursor")


def test_a_posted_form_takes_chains(filled: Flask) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = send(filled.test_client(), "POST", "/Observation/_search", b"patient.name=hopbob", form)
    assert [one["resource"]["id"] for one in sent.get_json()["entry"]] == ["hop-o2"]


def test_a_write_takes_no_chain_among_its_criteria(client: FlaskClient) -> None:
    headers = {"If-None-Exist": "patient.name=x"}
    response = send(client, "POST", "/Observation", observation("Patient/hop-ada"), headers)
    assert (response.status_code, situation(response)) == (400, "unsupported-modifier")


def test_a_link_that_leads_to_too_many_is_refused_by_name(
    filled: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hopping, "MOST", 1)
    for query in "Observation?patient.family=hop", "Patient?_has:Observation:patient:code=4548-4":
        response = send(filled.test_client(), "GET", f"/{query}")
        assert (response.status_code, situation(response)) == (400, "too-costly")
        assert query.partition("?")[2].partition("=")[0] in issues(response)[0]["diagnostics"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("Observation?patient.family=hopada", 2, id="one-link"),
        pytest.param("Observation?encounter.participant.family=curie", 3, id="two-links"),
        pytest.param("Patient?_has:Observation:patient:code=4548-4", 2, id="has"),
        pytest.param("Encounter?patient._has:Observation:patient:code=8310-5", 3, id="has-in-chain"),
    ],
)
def test_a_chain_costs_one_round_trip_for_each_link_and_one(
    filled: Flask, wire: Wire, query: str, expected: int
) -> None:
    client = filled.test_client()
    found(client, f"/{query}")
    wire.names()
    found(client, f"/{query}")
    collections = [command.get(name) for name, command in wire.commands if name in ("find", "aggregate")]
    assert len([name for name in collections if str(name)[:1].isupper()]) == expected
    assert "listCollections" not in wire.names()
