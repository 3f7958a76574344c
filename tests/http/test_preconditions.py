"""ETags, dates and preferences as clients send them.  Spec: https://hl7.org/fhir/R4/http.html#concurrency"""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.http.calls import issues, new_id, patient, send, situation


@pytest.fixture
def path(client: FlaskClient) -> str:
    """A Patient in its second version."""
    id = new_id()
    for _ in range(2):
        send(client, "PUT", f"/Patient/{id}", patient(id))
    return f"/Patient/{id}"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        pytest.param('W/"2"', None, id="current-version"),
        pytest.param('"2"', None, id="strong-syntax"),
        pytest.param('W/"1", W/"2"', None, id="one-of-several"),
        pytest.param("*", None, id="any-version"),
        pytest.param('W/"1"', 412, id="stale-version"),
        pytest.param('W/"x"', 412, id="version-that-never-was"),
        pytest.param("2", 400, id="bare-number"),
        pytest.param("W/2", 400, id="no-quotes"),
        pytest.param("", 400, id="empty"),
    ],
)
def test_if_match_guards_a_write(
    client: FlaskClient, path: str, method: str, if_match: str, status: int | None
) -> None:
    id = path.rpartition("/")[2]
    body = patient(id, active=True) if method == "PUT" else None
    response = send(client, method, path, body, {"If-Match": if_match})
    expected = {"PUT": 200, "DELETE": 204}[method] if status is None else status
    assert response.status_code == expected
    version = send(client, "GET", f"{path}/_history").get_json()["total"]
    assert version == (3 if status is None else 2)


def test_if_match_on_what_does_not_exist_is_refused(client: FlaskClient) -> None:
    id = new_id()
    for method, body in (("PUT", patient(id)), ("DELETE", None)):
        response = send(client, method, f"/Patient/{id}", body, {"If-Match": 'W/"1"'})
        assert (response.status_code, situation(response)) == (412, "stale-version")
    assert send(client, "GET", f"/Patient/{id}").status_code == 404


def test_if_none_match_star_creates_but_never_replaces(client: FlaskClient, path: str) -> None:
    id = path.rpartition("/")[2]
    response = send(client, "PUT", path, patient(id), {"If-None-Match": "*"})
    assert (response.status_code, situation(response)) == (412, "exists")
    other = new_id()
    created = send(client, "PUT", f"/Patient/{other}", patient(other), {"If-None-Match": "*"})
    assert created.status_code == 201


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"If-None-Match": 'W/"2"'}, 304, id="known-version"),
        pytest.param({"If-None-Match": "*"}, 304, id="any-version"),
        pytest.param({"If-None-Match": 'W/"1"'}, 200, id="older-version"),
        pytest.param({"If-None-Match": "2"}, 200, id="malformed-is-passed-over"),
        pytest.param({"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200, id="changed-since"),
        pytest.param({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304, id="not-changed-since"),
        pytest.param({"If-Modified-Since": "yesterday"}, 200, id="malformed-date-is-passed-over"),
        pytest.param({"If-Modified-Since": "Friday, 01-Jan-49 00:00:00 GMT"}, 304, id="date-of-rfc-850"),
        pytest.param({"If-Modified-Since": "Thu Jan  1 00:00:00 2099"}, 304, id="date-of-asctime"),
        pytest.param({"If-Modified-Since": "Sat Jan  1 00:00:00 2000"}, 200, id="asctime-changed-since"),
        pytest.param(
            {"If-None-Match": 'W/"1"', "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
            200,
            id="the-etag-decides",
        ),
    ],
)
def test_a_read_is_conditional(client: FlaskClient, path: str, headers: dict[str, str], status: int) -> None:
    response = send(client, "GET", path, headers=headers)
    assert response.status_code == status
    if status == 304:
        assert response.data == b""
        assert response.headers["ETag"] == 'W/"2"'
        assert "Content-Type" not in response.headers


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        pytest.param(None, "Patient", id="default"),
        pytest.param("return=representation", "Patient", id="representation"),
        pytest.param("return=minimal", None, id="minimal"),
        pytest.param('return="minimal"; foo=bar', None, id="quoted-with-parameter"),
        pytest.param("return=OperationOutcome", "OperationOutcome", id="outcome"),
        pytest.param("return=everything, handling=lenient", "Patient", id="unknown-is-passed-over"),
    ],
)
def test_prefer_chooses_the_body_of_a_write(
    client: FlaskClient, path: str, prefer: str | None, kind: str | None
) -> None:
    headers = {} if prefer is None else {"Prefer": prefer}
    id = path.rpartition("/")[2]
    for response in (
        send(client, "PUT", path, patient(id), headers),
        send(client, "POST", "/Patient", patient(), headers),
    ):
        assert response.headers["ETag"]
        assert response.headers["Location"]
        assert response.headers["Last-Modified"]
        assert (response.get_json(force=True)["resourceType"] if response.data else None) == kind


def test_a_deletion_answers_with_an_outcome_when_asked(client: FlaskClient, path: str) -> None:
    response = send(client, "DELETE", path, headers={"Prefer": "return=OperationOutcome"})
    assert response.status_code == 200
    assert issues(response)[0]["severity"] == "information"


def test_head_answers_as_get_without_the_body(client: FlaskClient, path: str) -> None:
    get, head = send(client, "GET", path), send(client, "HEAD", path)
    assert head.data == b""
    kept = ("ETag", "Last-Modified", "Content-Type", "Content-Length")
    assert [head.headers[name] for name in kept] == [get.headers[name] for name in kept]


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        pytest.param("abc-123_X.~", True, id="plain-token"),
        pytest.param("x" * 128, True, id="longest"),
        pytest.param("x" * 129, False, id="too-long"),
        pytest.param("a b", False, id="with-a-space"),
        pytest.param('{"a":1}', False, id="not-a-token"),
    ],
)
def test_the_request_id_is_echoed_where_it_is_plain(client: FlaskClient, sent: str, echoed: bool) -> None:
    response = send(client, "GET", "/metadata", headers={"X-Request-Id": sent})
    assert (response.headers["X-Request-Id"] == sent) is echoed
    assert response.headers["X-Request-Id"]
