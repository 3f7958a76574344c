"""The CapabilityStatement says what is true.  Spec: https://hl7.org/fhir/R4/http.html#capabilities"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from fhir_server.interactions.capabilities import MOST_PROFILES, profiles_by_type
from fhir_server.interactions.table import INTERACTIONS
from fhir_server.operations import operations
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry
from tests.http.calls import BASE, new_id, send


@pytest.fixture(scope="module")
def statement(app: Any) -> dict[str, Any]:
    answer: dict[str, Any] = send(app.test_client(), "GET", "/metadata").get_json()
    return answer


def test_it_is_a_valid_resource(statement: dict[str, Any], registry: Registry) -> None:
    assert StructureValidator(registry).validate(statement, "CapabilityStatement") == []


def test_it_names_every_resource_type_and_this_server(statement: dict[str, Any], registry: Registry) -> None:
    assert {one["type"] for one in statement["rest"][0]["resource"]} == registry.resource_types
    assert statement["implementation"]["url"] == BASE
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["kind"] == "instance"


def test_it_names_the_profiles_that_the_packages_have(statement: dict[str, Any], registry: Registry) -> None:
    resources = {one["type"]: one for one in statement["rest"][0]["resource"]}
    listed = {(name, url) for name, one in resources.items() for url in one.get("supportedProfile", ())}
    assert ("Observation", "http://hl7.org/fhir/StructureDefinition/bp") in listed
    assert {name for name, url in listed if registry.profiles[url].type != name} == set()
    of_resources = {profile.type for profile in registry.profiles.values()} & registry.resource_types
    assert {name for name, _ in listed} == of_resources


def test_it_names_no_more_profiles_of_a_type_than_are_read(registry: Registry) -> None:
    many = {f"http://example.org/{number:04}": "Observation" for number in range(MOST_PROFILES + 1)}
    found = profiles_by_type(replace(registry, profile_types=many))
    assert len(found["Observation"]) == MOST_PROFILES


def test_it_declares_the_rows_of_the_table(statement: dict[str, Any]) -> None:
    declared = {one["code"] for one in statement["rest"][0]["interaction"]}
    for resource in statement["rest"][0]["resource"]:
        declared |= {one["code"] for one in resource["interaction"]}
    assert declared == {row.name for row in INTERACTIONS if row.declared}


def test_every_declared_interaction_has_its_address(client: FlaskClient, statement: dict[str, Any]) -> None:
    rows = {row.name: row for row in INTERACTIONS if row.declared}
    for resource in statement["rest"][0]["resource"]:
        for one in resource["interaction"]:
            row = rows[one["code"]]
            values = {"resource_type": resource["type"], "id": "never-was", "version_id": "1"}
            path = row.shape
            for name, value in values.items():
                path = path.replace(f"<{name}>", value)
            status = send(client, row.method, path).status_code
            # A PATCH without a body has no Content-Type that could name its format.
            assert status in {200, 204, 400, 404, 415}, (row.name, resource["type"], status)
            assert status != 404 or row.method == "GET"


@pytest.mark.parametrize("name", ["Patient", "Observation", "DocumentReference", "Questionnaire"])
def test_every_declared_search_parameter_is_understood(
    client: FlaskClient, statement: dict[str, Any], name: str
) -> None:
    """No parameter may be refused as unknown when the client asks to be strict."""
    values = {"date": "2026", "number": "1", "quantity": "1", "composite": "a$b"}
    refused = []
    for resource in statement["rest"][0]["resource"]:
        for one in resource.get("searchParam", []) if resource["type"] == name else ():
            path = f"/{resource['type']}?{one['name']}={values.get(one['type'], 'a')}"
            response = send(client, "GET", path, headers={"Prefer": "handling=strict"})
            if response.status_code != 200 and b"unknown-parameter" in response.data:
                refused.append(path)
    assert refused == []


def test_search_parameters_carry_their_definition_and_type(
    statement: dict[str, Any], registry: Registry
) -> None:
    for resource in statement["rest"][0]["resource"]:
        for one in resource.get("searchParam", []):
            definition = registry.parameters[resource["type"]][one["name"]]
            assert (one["definition"], one["type"]) == (definition.url, definition.type)


@pytest.mark.parametrize(
    ("name", "forward", "reverse"),
    [
        pytest.param("Patient", "Patient:organization", "Provenance:target", id="of-every-type"),
        pytest.param("Observation", "Observation:subject", "DiagnosticReport:result", id="clinical"),
    ],
)
def test_includes_that_are_declared_are_understood(
    client: FlaskClient, statement: dict[str, Any], name: str, forward: str, reverse: str
) -> None:
    (of_type,) = [one for one in statement["rest"][0]["resource"] if one["type"] == name]
    assert of_type["searchInclude"][0] == "*"
    assert forward in of_type["searchInclude"]
    assert reverse in of_type["searchRevInclude"]
    for parameter, values in (
        ("_include", of_type["searchInclude"]),
        ("_revinclude", of_type["searchRevInclude"]),
    ):
        for first in range(0, len(values), 40):
            query = "&".join(f"{parameter}={value}" for value in values[first : first + 40])
            strict = {"Prefer": "handling=strict"}
            assert send(client, "GET", f"/{name}?{query}", headers=strict).status_code == 200


def test_a_reverse_include_that_is_not_declared_leads_nowhere(statement: dict[str, Any]) -> None:
    of_type = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert "Encounter:patient" in of_type["Patient"]["searchRevInclude"]
    assert "Encounter:patient" not in of_type["Group"]["searchRevInclude"]
    assert "Encounter:subject" in of_type["Group"]["searchRevInclude"]


def test_compartments_that_are_declared_are_served(client: FlaskClient, statement: dict[str, Any]) -> None:
    declared = statement["rest"][0]["compartment"]
    names = ["device", "encounter", "patient", "practitioner", "relatedperson"]
    assert declared == [f"http://hl7.org/fhir/CompartmentDefinition/{name}" for name in names]
    assert send(client, "GET", "/Organization/never-was/*").status_code == 404


def test_parameters_without_a_definition_are_declared_for_every_type(
    client: FlaskClient, statement: dict[str, Any]
) -> None:
    assert [one["name"] for one in statement["rest"][0]["searchParam"]] == ["_has", "_list"]
    strict = {"Prefer": "handling=strict"}
    for query in ("_has:Observation:patient:code=a", "_list=never-was"):
        assert send(client, "GET", f"/Patient?{query}", headers=strict).status_code == 200


def test_special_parameters_are_declared_where_they_are_understood(statement: dict[str, Any]) -> None:
    names = {
        one["type"]: {each["name"] for each in one["searchParam"]}
        for one in statement["rest"][0]["resource"]
        if "searchParam" in one
    }
    assert {"_text", "_content", "_filter"} <= names["Patient"]
    assert "near" in names["Location"]
    assert not any("_query" in of_type for of_type in names.values())


def test_each_answer_is_the_same(client: FlaskClient) -> None:
    assert send(client, "GET", "/metadata").data == send(client, "GET", "/metadata?mode=full").data


def test_the_openapi_document_has_the_addresses_of_the_table(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    documented = {
        (method.upper(), path.removeprefix("/fhir").replace("{", "<").replace("}", ">").rstrip("/"))
        for path, methods in document["paths"].items()
        for method in methods
        if method in {"get", "put", "post", "patch", "delete"}
    }
    assert documented == {(row.method, row.shape) for row in (*INTERACTIONS, *operations())}
    for methods in document["paths"].values():
        for operation in methods.values():
            assert "summary" not in operation or operation["summary"]


def test_health_is_told_outside_of_the_api(client: FlaskClient) -> None:
    for path in ("/livez", "/readyz"):
        response = client.get(path)
        assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_an_address_of_the_table_is_no_id(client: FlaskClient) -> None:
    assert send(client, "GET", f"/Patient/{new_id()}/_history").status_code == 404
    assert send(client, "GET", "/Patient/metadata").status_code == 404
