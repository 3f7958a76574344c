"""The versions of one resource.  Spec: https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.http.calls import BASE, new_id, patient, send, situation


@pytest.fixture
def path(client: FlaskClient) -> str:
    """A Patient that was made, changed, deleted and brought back: five versions."""
    id = new_id()
    for active in (None, True, None):
        body = patient(id) if active is None else patient(id, active=active)
        send(client, "PUT", f"/Patient/{id}", body)
    send(client, "DELETE", f"/Patient/{id}")
    send(client, "PUT", f"/Patient/{id}", patient(id))
    return f"/Patient/{id}"


def test_versions_come_newest_first_with_what_made_them(client: FlaskClient, path: str) -> None:
    history = send(client, "GET", f"{path}/_history").get_json()
    assert history["type"] == "history"
    assert history["total"] == 5
    assert [entry["response"]["etag"] for entry in history["entry"]] == [f'W/"{n}"' for n in (5, 4, 3, 2, 1)]
    for entry in history["entry"]:
        assert entry["fullUrl"] == BASE + path
        assert entry["request"]["url"] == path[1:]
        assert entry["response"]["lastModified"]
    assert [entry["request"]["method"] for entry in history["entry"]] == [
        "PUT",
        "DELETE",
        "PUT",
        "PUT",
        "PUT",
    ]
    assert [entry["response"]["status"] for entry in history["entry"]] == ["201", "204", "200", "200", "201"]


def test_a_deletion_has_no_resource(client: FlaskClient, path: str) -> None:
    history = send(client, "GET", f"{path}/_history").get_json()
    assert ["resource" in entry for entry in history["entry"]] == [True, False, True, True, True]


def test_pages_hold_every_version_once(client: FlaskClient, path: str) -> None:
    seen: list[str] = []
    address = f"{path}/_history?_count=2"
    sizes = []
    while address:
        page = send(client, "GET", address).get_json()
        sizes.append(len(page["entry"]))
        seen += [entry["response"]["etag"] for entry in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        address = following[0].removeprefix(BASE) if following else ""
    assert sizes == [2, 2, 1]
    assert seen == [f'W/"{n}"' for n in (5, 4, 3, 2, 1)]


def test_since_is_at_or_after(client: FlaskClient, path: str) -> None:
    third = send(client, "GET", f"{path}/_history/3").get_json()["meta"]["lastUpdated"]
    history = send(client, "GET", f"{path}/_history?_since={quote(third)}").get_json()
    versions = [entry["response"]["etag"] for entry in history["entry"]]
    assert versions[:3] == ['W/"5"', 'W/"4"', 'W/"3"']
    later = send(client, "GET", f"{path}/_history?_since=2100-01-01").get_json()
    assert "entry" not in later


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        pytest.param("_count=x", {}, 400, id="count-is-no-number"),
        pytest.param("_count=-1", {}, 400, id="count-is-negative"),
        pytest.param("_since=yesterday", {}, 400, id="since-is-no-instant"),
        pytest.param("nonsense=1", {}, 200, id="unknown-is-ignored"),
        pytest.param("nonsense=1", {"Prefer": "handling=strict"}, 400, id="unknown-when-strict"),
        pytest.param("_count=100000", {}, 200, id="count-is-capped"),
    ],
)
def test_parameters_are_read(
    client: FlaskClient, path: str, query: str, headers: dict[str, str], status: int
) -> None:
    response = send(client, "GET", f"{path}/_history?{query}", headers=headers)
    assert response.status_code == status
    if status == 200:
        assert "nonsense" not in response.get_json()["link"][0]["url"]


def test_the_history_of_what_never_was_is_not_found(client: FlaskClient) -> None:
    response = send(client, "GET", f"/Patient/{new_id()}/_history")
    assert (response.status_code, situation(response)) == (404, "not-found")


def test_the_history_of_what_is_deleted_is_there(client: FlaskClient, path: str) -> None:
    send(client, "DELETE", path)
    assert send(client, "GET", f"{path}/_history").get_json()["total"] == 6
