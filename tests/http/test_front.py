"""Hot addresses, answered before the framework as the framework would answer them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import Client, TestResponse

from fhir_server.app import CONTEXT
from fhir_server.http.front import Front
from fhir_server.interactions.dispatch import Interaction
from tests.http.calls import FHIR_JSON, observation, patient, send
from tests.http.conftest import MakeApp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REQUEST_ID = {"X-Request-Id": "front-1"}
ELSEWHERE = "418 I'm a teapot"

HOT = [
    pytest.param("/fhir/Observation/front-o", {}, id="read"),
    pytest.param("/fhir/Observation/front-o", {"Accept": "application/fhir+xml"}, id="read-in-xml"),
    pytest.param("/fhir/Observation/front-o", {"If-None-Match": 'W/"1"'}, id="read-unchanged"),
    pytest.param("/fhir/Observation/front-o", {"Accept": "image/png"}, id="read-not-acceptable"),
    pytest.param("/fhir/Observation/front-o?_pretty=true&_format=json", {}, id="read-pretty"),
    pytest.param("/fhir/Observation/front-o?_summary=text", {}, id="read-shortened"),
    pytest.param("/fhir/Observation/front-o?x=%ff", {}, id="read-query-no-utf-8"),
    pytest.param("/fhir/Observation/nothing", {}, id="read-unknown"),
    pytest.param("/fhir/Observation/front-gone", {}, id="read-deleted"),
    pytest.param("/fhir/Nonsense/front-o", {}, id="read-no-such-type"),
    pytest.param("/fhir/Observation?patient=front-p&_count=1", {}, id="page"),
    pytest.param("/fhir/Observation?patient=front-p&_count=1", {"Host": "b@d host"}, id="page-odd-host"),
    pytest.param("/fhir/Observation", {"Prefer": "handling=strict"}, id="search-of-all"),
    pytest.param("/fhir/Observation?nonsense=1", {"Prefer": "handling=strict"}, id="search-refused"),
    pytest.param("/fhir/Nonsense", {}, id="search-no-such-type"),
]
OTHERS = [
    pytest.param("GET", "/fhir/metadata", id="metadata"),
    pytest.param("GET", "/fhir/Observation/front-o/_history", id="history"),
    pytest.param("GET", "/fhir/Observation/_history", id="history-of-type"),
    pytest.param("GET", "/fhir/Observation/_search", id="search-by-form"),
    pytest.param("GET", "/fhir/Patient/$match", id="operation"),
    pytest.param("GET", "/fhir/Observation/", id="slash-at-the-end"),
    pytest.param("GET", "/fhir//Observation", id="two-slashes"),
    pytest.param("GET", "/fhir/Observation/a_b", id="no-legal-id"),
    pytest.param("GET", "/fhir/Observation/front-o%0A", id="line-at-the-end"),
    pytest.param("GET", "/fhir/Obs%C3%A9rvation", id="letter-beyond-ascii"),
    pytest.param("GET", "/fhir/Binary/front-b", id="content"),
    pytest.param("GET", "/livez", id="health"),
    pytest.param("HEAD", "/fhir/Observation/front-o", id="head"),
    pytest.param("OPTIONS", "/fhir/Observation/front-o", id="options"),
    pytest.param("POST", "/fhir/Observation", id="create"),
    pytest.param("DELETE", "/fhir/Observation/nothing", id="delete"),
]


@pytest.fixture(scope="module")
def front(app: Flask) -> Front:
    client = app.test_client()
    for resource in (patient("front-p"), observation("Patient/front-p", "front-o"),
                     observation("Patient/front-p", "front-o2"), observation(None, "front-gone")):  # fmt: skip
        path = f"/{resource['resourceType']}/{resource['id']}"
        assert send(client, "PUT", path, resource).status_code == 201
    assert send(client, "DELETE", "/Observation/front-gone").status_code == 204
    assert isinstance(app.wsgi_app, Front)
    return app.wsgi_app


def teapot(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response(ELSEWHERE, [])
    return ()


def told(response: TestResponse) -> tuple[Any, ...]:
    return response.status, sorted(response.headers.to_wsgi_list()), response.data


@pytest.mark.parametrize(("path", "headers"), HOT)
def test_a_hot_address_is_answered_as_the_framework_answers_it(
    front: Front, path: str, headers: dict[str, str]
) -> None:
    fields = {"Accept": FHIR_JSON, **REQUEST_ID, **headers}
    before = Client(front.behind).get(path, headers=fields)
    assert told(Client(front).get(path, headers=fields)) == told(before)


@pytest.mark.parametrize(("path", "headers"), HOT)
def test_a_hot_address_does_not_reach_the_framework(
    app: Flask, front: Front, path: str, headers: dict[str, str]
) -> None:
    alone = front.before(teapot)
    assert Client(alone).get(path, headers=headers).status != ELSEWHERE


@pytest.mark.parametrize(("method", "path"), OTHERS)
def test_any_other_request_is_left_to_the_framework(front: Front, method: str, path: str) -> None:
    assert Client(front.before(teapot)).open(path, method=method).status == ELSEWHERE


def test_a_request_for_another_protocol_is_left_to_the_framework(front: Front) -> None:
    asked = {"Connection": "Upgrade", "Upgrade": "websocket"}
    response = Client(front.before(teapot)).get("/fhir/Observation/front-o", headers=asked)
    assert response.status == ELSEWHERE


def test_a_fixed_address_that_looks_like_a_type_is_refused_at_the_start(app: Flask, front: Front) -> None:
    row = app.extensions[CONTEXT].dispatcher.interactions[0]
    assert isinstance(row, Interaction)
    with pytest.raises(ValueError, match="/Special"):
        Front(teapot, front.exchange, {"/Special": {"GET": row}})


def test_where_pages_of_other_origins_may_call_every_answer_is_marked(make_app: MakeApp) -> None:
    client: FlaskClient = make_app(cors_origins=("https://app.example.org",)).test_client()
    response = send(client, "GET", "/Patient", headers={"Origin": "https://app.example.org"})
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert response.headers["Vary"] == "Origin"
