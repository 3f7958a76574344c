"""Browsers of other origins, and proxies before the server."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from fhir_server.settings_values import networks
from tests.http.calls import BASE, patient, send
from tests.http.conftest import MakeApp

APP = "https://app.example.org"
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "if-match"}


@pytest.fixture
def crossed(make_app: MakeApp) -> FlaskClient:
    return make_app(cors_origins=(APP,)).test_client()


def test_an_allowed_origin_may_call_and_sees_the_headers(crossed: FlaskClient) -> None:
    answer = send(crossed, "POST", "/Patient", patient(), {"Origin": APP})
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Location", "Last-Modified", "X-Request-Id"} <= set(exposed)
    assert answer.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["", "/Patient/1", "/metadata", "/Patient/_search"])
def test_a_preflight_is_answered(crossed: FlaskClient, path: str) -> None:
    answer = send(crossed, "OPTIONS", path, headers={"Origin": APP, **PREFLIGHT})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert "If-Match" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "null", APP + ".evil.org", "http://app.example.org"]
)
def test_another_origin_gets_no_permission(crossed: FlaskClient, origin: str) -> None:
    for method, more in (("GET", {}), ("OPTIONS", PREFLIGHT)):
        answer = send(crossed, method, "/metadata", headers={"Origin": origin, **more})
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Access-Control-Allow-Methods" not in answer.headers


def test_by_default_no_origin_is_allowed(client: FlaskClient) -> None:
    answer = send(client, "GET", "/metadata", headers={"Origin": APP})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_a_star_allows_every_origin(make_app: MakeApp) -> None:
    answer = send(
        make_app(cors_origins=("*",)).test_client(), "GET", "/metadata", headers={"Origin": "https://x.y"}
    )
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


FORWARDED = [
    pytest.param({"X-Forwarded-Host": "h.example", "X-Forwarded-Proto": "https"}, "https://h.example", id="host-proto"),
    pytest.param({"X-Forwarded-Host": "h.example"}, "http://h.example", id="host-alone"),
    pytest.param(
        {"X-Forwarded-Host": "h.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443"},
        "https://h.example:8443", id="port",
    ),
    pytest.param(
        {"X-Forwarded-Host": "h.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"},
        "https://h.example", id="usual-port",
    ),
    pytest.param(
        {"X-Forwarded-Host": "h.example", "X-Forwarded-Prefix": "/a/b/"}, "http://h.example/a/b", id="prefix"
    ),
    pytest.param({"X-Forwarded-Host": "evil.org, h.example"}, "http://h.example", id="nearest-proxy"),
    pytest.param({"Forwarded": "for=1.2.3.4;host=h.example;proto=https"}, "https://h.example", id="forwarded"),
    pytest.param({"Forwarded": 'host="h.example:8443";proto=https'}, "https://h.example:8443", id="quoted"),
    pytest.param(
        {"Forwarded": "host=f.example", "X-Forwarded-Host": "x.example"}, "http://f.example", id="standard-wins"
    ),
    pytest.param({"X-Forwarded-Host": "a b"}, None, id="no-host"),
    pytest.param({"X-Forwarded-Host": "h.example/x"}, None, id="host-with-a-path"),
    pytest.param({"X-Forwarded-Host": 'h"><script>'}, None, id="markup"),
    pytest.param({"X-Forwarded-Host": "h.example", "X-Forwarded-Proto": "gopher"}, "http://h.example", id="scheme"),
    pytest.param({"X-Forwarded-Host": "h.example", "X-Forwarded-Prefix": "//x"}, "http://h.example", id="no-prefix"),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "root"), FORWARDED)
def test_links_follow_a_trusted_proxy_and_nobody_else(
    make_app: MakeApp, headers: dict[str, str], root: str | None
) -> None:
    trusting = make_app(trusted_proxies=networks("127.0.0.0/8")).test_client()
    base = BASE if root is None else f"{root}/fhir"
    created = send(trusting, "POST", "/Patient", patient(), headers)
    assert created.headers["Location"].startswith(f"{base}/Patient/")
    found = send(trusting, "GET", "/Patient", headers=headers).get_json()
    assert found["link"][0]["url"] == f"{base}/Patient"
    assert found["entry"][0]["fullUrl"].startswith(f"{base}/Patient/")


@pytest.mark.parametrize("proxies", ["", "10.0.0.0/8"])
def test_the_word_of_others_is_passed_over(make_app: MakeApp, proxies: str) -> None:
    client = make_app(trusted_proxies=networks(proxies)).test_client()
    for headers in ({"X-Forwarded-Host": "h.example"}, {"Forwarded": "host=h.example"}):
        created = send(client, "POST", "/Patient", patient(), headers)
        assert created.headers["Location"].startswith(f"{BASE}/Patient/")
