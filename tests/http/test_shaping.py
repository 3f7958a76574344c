"""`_summary` and `_elements`.  Spec: https://hl7.org/fhir/R4/search.html#summary"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.http.calls import bundle, entry, issues, new_id, send, situation

TAG = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">A measure.</div>'


@pytest.fixture
def path(client: FlaskClient) -> str:
    """An Observation with elements of every sort."""
    id = new_id()
    code = {"coding": [{"system": "http://loinc.org", "code": "8310-5"}], "text": "temperature"}
    body = {
        "resourceType": "Observation",
        "id": id,
        "meta": {"tag": [{"system": "urn:t", "code": "kept"}]},
        "language": "en",
        "text": {"status": "generated", "div": DIV},
        "contained": [{"resourceType": "Device", "id": "d"}],
        "extension": [{"url": "http://example.org/e", "valueString": "x"}],
        "status": "final",
        "category": [{"text": "vital"}],
        "code": code,
        "issued": "2026-11-22T08:00:00Z",
        "_issued": {"extension": [{"url": "http://example.org/e", "valueString": "x"}]},
        "valueQuantity": {"value": "@", "unit": "Cel"},
        "note": [{"text": "a note"}],
        "device": {"reference": "#d"},
        "component": [{"code": code, "valueQuantity": {"value": 2}, "dataAbsentReason": {"text": "none"}}],
    }
    import json

    text = json.dumps(body).replace('"@"', "37.50").encode()
    assert send(client, "PUT", f"/Observation/{id}", text).status_code == 201
    return f"/Observation/{id}"


def keys(resource: dict[str, Any]) -> set[str]:
    assert TAG in resource["meta"]["tag"]
    assert {"system": "urn:t", "code": "kept"} in resource["meta"]["tag"]
    return set(resource) - {"resourceType", "id", "meta"}


SHAPES = [
    pytest.param(
        "_summary=true", {"status", "code", "issued", "_issued", "valueQuantity", "component"}, id="summary"
    ),
    pytest.param("_summary=text", {"text", "status", "code"}, id="text"),
    pytest.param("_elements=note", {"note", "status", "code"}, id="elements"),
    pytest.param("_elements=value,issued", {"valueQuantity", "issued", "_issued", "status", "code"}, id="choice"),
    pytest.param("_elements=valueQuantity", {"valueQuantity", "status", "code"}, id="choice-with-type"),
    pytest.param("_elements=note&_elements=category", {"note", "category", "status", "code"}, id="twice"),
    pytest.param("_elements=nothing-known", {"status", "code"}, id="unknown-element"),
    pytest.param(
        "_summary=data",
        {
            "language", "contained", "extension", "status", "category", "code", "issued", "_issued",
            "valueQuantity", "note", "device", "component",
        },
        id="data",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), SHAPES)
@pytest.mark.parametrize("level", ["read", "vread", "search", "history", "history-type", "batch"])
def test_what_is_asked_and_what_is_mandatory_is_kept(
    client: FlaskClient, path: str, query: str, expected: set[str], level: str
) -> None:
    id = path.rpartition("/")[2]
    if level in ("read", "vread"):
        address = path if level == "read" else f"{path}/_history/1"
        shown = send(client, "GET", f"{address}?{query}").get_json()
    elif level == "batch":
        answer = send(client, "POST", "", bundle("batch", entry("GET", f"{path[1:]}?{query}"))).get_json()
        shown = answer["entry"][0]["resource"]
    else:
        address = {
            "search": f"/Observation?_id={id}",
            "history": f"{path}/_history?_count=5",
            "history-type": "/Observation/_history?_count=1",
        }[level]
        answer = send(client, "GET", f"{address}&{query}").get_json()
        assert query.split("=")[0] in answer["link"][0]["url"]
        [shown] = [one["resource"] for one in answer["entry"]]
    assert keys(shown) == expected


def test_what_is_kept_keeps_its_literals(client: FlaskClient, path: str) -> None:
    for query in ("_summary=true", "_elements=value"):
        assert b'"value":37.50' in send(client, "GET", f"{path}?{query}").data


def test_a_summary_is_shortened_within_elements_too(client: FlaskClient, path: str) -> None:
    [component] = send(client, "GET", f"{path}?_summary=true").get_json()["component"]
    assert set(component) == {"code", "valueQuantity"}


@pytest.mark.parametrize("query", ["", "?_summary=false", "?_summary=false&_pretty=false"])
def test_the_whole_is_the_exact_text(client: FlaskClient, path: str, query: str) -> None:
    answer = send(client, "GET", path + query)
    assert TAG not in answer.get_json()["meta"]["tag"]
    assert answer.data == send(client, "GET", path).data


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        pytest.param("_summary=true&_elements=note", "illegal-parameter-value", id="both"),
        pytest.param("_summary=text&_elements=note", "illegal-parameter-value", id="text-and-elements"),
        pytest.param("_summary=yes", "illegal-parameter-value", id="unknown-mode"),
        pytest.param("_summary=", "illegal-parameter-value", id="no-mode"),
    ],
)
@pytest.mark.parametrize(
    "level", ["{path}", "{path}/_history/1", "/Observation", "{path}/_history", "/_history"]
)
def test_what_makes_no_sense_is_refused(
    client: FlaskClient, path: str, query: str, refused: str, level: str
) -> None:
    answer = send(client, "GET", f"{level.format(path=path)}?{query}")
    assert (answer.status_code, situation(answer)) == (400, refused)


def test_elements_go_with_summary_false(client: FlaskClient, path: str) -> None:
    shown = send(client, "GET", f"{path}?_summary=false&_elements=note").get_json()
    assert keys(shown) == {"note", "status", "code"}


def test_a_read_cannot_be_counted(client: FlaskClient, path: str) -> None:
    assert send(client, "GET", f"{path}?_summary=count").status_code == 400


def test_an_unknown_element_is_refused_when_strict(client: FlaskClient, path: str) -> None:
    strict = {"Prefer": "handling=strict"}
    assert send(client, "GET", f"{path}?_elements=note,value", headers=strict).status_code == 200
    answer = send(client, "GET", f"{path}?_elements=nothing", headers=strict)
    assert (answer.status_code, situation(answer)) == (400, "unknown-parameter")


def test_what_is_subsetted_cannot_be_stored(client: FlaskClient, path: str) -> None:
    shown = send(client, "GET", f"{path}?_elements=note").get_json()
    answer = send(client, "PUT", path, shown)
    assert (answer.status_code, situation(answer)) == (422, "subsetted")
    assert issues(answer)[0]["expression"] == ["Observation.meta.tag[1]"]
    assert send(client, "GET", path).headers["ETag"] == 'W/"1"'


def test_next_links_keep_the_shape(client: FlaskClient, path: str) -> None:
    code = quote("http://loinc.org|8310-5")
    page = send(client, "GET", f"/Observation?code={code}&_count=1&_elements=note").get_json()
    assert {"self", "next"} <= {link["relation"] for link in page["link"]}
    for link in page["link"]:
        assert "_elements=note" in link["url"]


def test_the_capability_statement_can_be_shortened(client: FlaskClient) -> None:
    shown = send(client, "GET", "/metadata?_elements=software,status").get_json()
    assert set(shown) == {
        "resourceType", "meta", "software", "status", "date", "kind", "fhirVersion", "format",
    }  # fmt: skip
