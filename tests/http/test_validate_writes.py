"""What is written is held to profiles where a setting says so.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from pymongo import MongoClient

from fhir_server.app import close_app, create_app
from fhir_server.settings import SettingsRefused
from tests.http.calls import FHIR_JSON, bundle, entry, issues, new_id, observation, patient, placeholder, send
from tests.http.conftest import MakeApp, settings_of
from tests.http.definitions import R4, profile, rule

NAMED = "http://example.org/fhir/StructureDefinition/named"
ADVISED = "http://example.org/fhir/StructureDefinition/advised"
REQUIRED = "http://example.org/fhir/StructureDefinition/required"
OF_KNOWN = "http://example.org/fhir/StructureDefinition/of-known"

PROFILES = (
    profile(NAMED, "Patient", {"path": "Patient.birthDate", "min": 1}),
    profile(ADVISED, "Patient", {"path": "Patient", "constraint": [rule("own-1", "gender.exists()", "warning")]}),
    profile(REQUIRED, "Device", {"path": "Device.serialNumber", "min": 1}),
    profile(
        OF_KNOWN, "Observation",
        {"path": "Observation.subject", "type": [{"code": "Reference", "targetProfile": [NAMED]}]},
    ),
)  # fmt: skip
OUTCOME = {"Prefer": "return=OperationOutcome"}


@pytest.fixture(scope="module")
def strict(database_uri: str) -> Iterator[FlaskClient]:
    """A server that checks named profiles, and requires one of Devices."""
    database = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    chosen = {"validation": "profiles", "required_profiles": (f"Device={REQUIRED}",)}
    app = create_app(settings_of(database_uri, database, **chosen))
    client = app.test_client()
    for one in PROFILES:
        assert send(client, "POST", "/StructureDefinition", one).status_code == 201
    yield client
    close_app(app)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


def claiming(url: str, **more: Any) -> dict[str, Any]:
    return patient(meta={"profile": [url]}, **more)


def errors(response: Any) -> list[tuple[str, Any]]:
    return [
        (one["details"]["coding"][0]["code"], one.get("expression"))
        for one in issues(response)
        if one["severity"] == "error"
    ]


MISSING = [("missing-element", ["Patient.birthDate"])]


def test_a_created_resource_conforms_to_the_profile_that_it_names(strict: FlaskClient) -> None:
    answer = send(strict, "POST", "/Patient", claiming(NAMED))
    assert (answer.status_code, errors(answer)) == (422, MISSING)
    assert issues(answer)[0]["extension"][0]["valueString"] == NAMED
    assert send(strict, "POST", "/Patient", claiming(NAMED, birthDate="1957")).status_code == 201
    assert send(strict, "POST", "/Patient", patient()).status_code == 201


def test_an_update_conforms(strict: FlaskClient) -> None:
    id = new_id()
    answer = send(strict, "PUT", f"/Patient/{id}", claiming(NAMED, id=id))
    assert (answer.status_code, errors(answer)) == (422, MISSING)
    assert send(strict, "GET", f"/Patient/{id}").status_code == 404


def test_what_a_patch_makes_conforms(strict: FlaskClient) -> None:
    id = new_id()
    send(strict, "PUT", f"/Patient/{id}", claiming(NAMED, id=id, birthDate="1957"))
    patch = json.dumps([{"op": "remove", "path": "/birthDate"}]).encode()
    fields = {"Content-Type": "application/json-patch+json"}
    answer = send(strict, "PATCH", f"/Patient/{id}", patch, fields)
    assert (answer.status_code, errors(answer)) == (422, MISSING)


def test_conditional_writes_conform(strict: FlaskClient) -> None:
    criteria = f"identifier=urn:t|{new_id()}"
    create = send(strict, "POST", "/Patient", claiming(NAMED), {"If-None-Exist": criteria})
    update = send(strict, "PUT", f"/Patient?{criteria}", claiming(NAMED))
    assert [one.status_code for one in (create, update)] == [422, 422]
    assert errors(create) == errors(update) == MISSING


def test_a_profile_that_is_added_to_what_is_stored_is_kept_too(strict: FlaskClient) -> None:
    id = new_id()
    send(strict, "PUT", f"/Patient/{id}", patient(id))
    call = {
        "resourceType": "Parameters",
        "parameter": [{"name": "meta", "valueMeta": {"profile": [NAMED]}}],
    }
    answer = send(strict, "POST", f"/Patient/{id}/$meta-add", call)
    assert (answer.status_code, errors(answer)) == (422, MISSING)


def test_one_entry_that_does_not_conform_refuses_a_transaction(strict: FlaskClient) -> None:
    id = new_id()
    asked = bundle(
        "transaction", entry("PUT", f"Patient/{id}", patient(id)), entry("POST", "Patient", claiming(NAMED))
    )
    answer = send(strict, "POST", "", asked)
    assert answer.status_code == 422
    assert errors(answer) == [("missing-element", ["Bundle.entry[1].resource.birthDate"])]
    assert issues(answer)[0]["extension"][0]["valueString"] == NAMED
    assert send(strict, "GET", f"/Patient/{id}").status_code == 404


def test_one_entry_that_does_not_conform_fails_alone_in_a_batch(strict: FlaskClient) -> None:
    asked = bundle("batch", entry("POST", "Patient", patient()), entry("POST", "Patient", claiming(NAMED)))
    answers = [one["response"] for one in send(strict, "POST", "", asked).get_json()["entry"]]
    assert [one["status"].split()[0] for one in answers] == ["201", "422"]
    [found] = answers[1]["outcome"]["issue"]
    assert found["expression"] == ["Bundle.entry[1].resource.birthDate"]


def test_warnings_travel_where_the_client_prefers_an_outcome(strict: FlaskClient) -> None:
    answer = send(strict, "POST", "/Patient", claiming(ADVISED), OUTCOME)
    assert answer.status_code == 201
    assert [one["severity"] for one in issues(answer)] == ["information", "warning"]
    assert issues(answer)[1]["extension"][0]["valueString"] == ADVISED
    quiet = send(strict, "POST", "/Patient", claiming(ADVISED))
    assert quiet.get_json()["resourceType"] == "Patient"


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_warnings_travel_with_their_entry(strict: FlaskClient, kind: str) -> None:
    asked = bundle(kind, entry("POST", "Patient", patient()), entry("POST", "Patient", claiming(ADVISED)))
    answers = send(strict, "POST", "", asked, OUTCOME).get_json()["entry"]
    found = [[one["severity"] for one in each["response"]["outcome"]["issue"]] for each in answers]
    assert found == [["information"], ["information", "warning"]]


def test_an_unknown_profile_that_is_named_is_a_warning(strict: FlaskClient) -> None:
    answer = send(strict, "POST", "/Patient", claiming("http://example.org/nowhere"), OUTCOME)
    assert answer.status_code == 201
    assert issues(answer)[1]["expression"] == ["Patient.meta.profile[0]"]


def test_a_required_profile_is_asked_of_what_does_not_name_it(strict: FlaskClient) -> None:
    answer = send(strict, "POST", "/Device", {"resourceType": "Device"})
    assert (answer.status_code, errors(answer)) == (422, [("missing-element", ["Device.serialNumber"])])
    made = send(strict, "POST", "/Device", {"resourceType": "Device", "serialNumber": "1"})
    assert made.status_code == 201
    asked = send(strict, "POST", "/Device/$validate?mode=create", {"resourceType": "Device"})
    assert errors(asked) == [("missing-element", ["Device.serialNumber"])]
    assert errors(send(strict, "POST", "/Device/$validate", {"resourceType": "Device"})) == []


def test_rules_of_fhir_itself_are_asked_with_the_profiles(strict: FlaskClient) -> None:
    contact = patient(contact=[{"gender": "male"}])
    answer = send(strict, "POST", "/Patient", contact)
    assert (answer.status_code, errors(answer)) == (422, [("invariant", ["Patient.contact[0]"])])


def test_references_reach_what_is_written_with_them(strict: FlaskClient) -> None:
    name = placeholder()
    asked = observation(name, meta={"profile": [OF_KNOWN]})
    conforming = entry("POST", "Patient", patient(birthDate="1957"), name)
    other = entry("POST", "Patient", patient(), name)
    taken = send(strict, "POST", "", bundle("transaction", conforming, entry("POST", "Observation", asked)))
    refused = send(strict, "POST", "", bundle("transaction", other, entry("POST", "Observation", asked)))
    assert (taken.status_code, refused.status_code) == (200, 422)
    assert errors(refused)[0][1] == ["Bundle.entry[1].resource.subject.reference"]


def test_references_reach_what_is_stored(strict: FlaskClient) -> None:
    conforming, other = new_id(), new_id()
    send(strict, "PUT", f"/Patient/{conforming}", patient(conforming, birthDate="1957"))
    send(strict, "PUT", f"/Patient/{other}", patient(other))
    found = [
        send(strict, "POST", "/Observation", observation(f"Patient/{id}", meta={"profile": [OF_KNOWN]}))
        for id in (conforming, other)
    ]
    assert [one.status_code for one in found] == [201, 422]


def test_a_required_profile_alone_asks_nothing_of_other_types(make_app: MakeApp) -> None:
    client = make_app(required_profiles=(f"Device={REQUIRED}",)).test_client()
    answer = send(client, "POST", "/Device", {"resourceType": "Device"})
    assert (answer.status_code, errors(answer)) == (422, [("unknown-profile", ["Device"])])
    assert send(client, "POST", "/Patient", patient(contact=[{"gender": "male"}])).status_code == 201


def test_a_required_profile_of_an_unknown_type_stops_the_start(database_uri: str) -> None:
    with pytest.raises(SettingsRefused, match="FHIR_REQUIRED_PROFILES names the resource type 'Patent'"):
        create_app(settings_of(database_uri, "never", required_profiles=(f"Patent={R4}Patient",)))


def test_xml_is_held_to_profiles_like_json(strict: FlaskClient) -> None:
    text = f'<Patient xmlns="http://hl7.org/fhir"><meta><profile value="{NAMED}"/></meta></Patient>'
    fields = {"Content-Type": "application/fhir+xml", "Accept": FHIR_JSON}
    answer = send(strict, "POST", "/Patient", text.encode(), fields)
    assert (answer.status_code, errors(answer)) == (422, MISSING)
