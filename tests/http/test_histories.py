"""The versions of many resources.  Spec: https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fhir_server.app import close_app, create_app
from tests.conftest import FixedClock
from tests.http.calls import BASE, bundle, entry, new_id, observation, patient, send, situation
from tests.http.conftest import MakeApp, settings_of


@pytest.fixture
def alone(make_app: MakeApp) -> Flask:
    """A server whose database is this test's alone."""
    return make_app()


@pytest.fixture
def stopped(database_uri: str, database_name: str, clock: FixedClock) -> Iterator[Flask]:
    """The same, at a clock that stands still."""
    app = create_app(settings_of(database_uri, database_name), clock=clock)
    yield app
    close_app(app)


def pages(client: FlaskClient, address: str) -> Iterator[list[dict[str, Any]]]:
    """Follow next links; yield the entries of each page."""
    while address:
        answer = send(client, "GET", address)
        assert answer.status_code == 200, answer.text
        page = answer.get_json()
        yield page.get("entry", [])
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        address = following[0].removeprefix(BASE) if following else ""


def name_of(version: dict[str, Any]) -> tuple[str, str]:
    return version["fullUrl"], version["response"]["etag"]


def followed(client: FlaskClient, address: str) -> list[tuple[str, str]]:
    return [name_of(version) for page in pages(client, address) for version in page]


def version_at(client: FlaskClient, id: str, version: int) -> str:
    body = send(client, "GET", f"/Patient/{id}/_history/{version}").get_json()
    return quote(body["meta"]["lastUpdated"])


def test_a_transaction_of_1000_paged_by_10_gives_1000_entries(alone: Flask) -> None:
    client = alone.test_client()
    made = [entry("POST", "Patient", patient()) for _ in range(1000)]
    assert send(client, "POST", "", bundle("transaction", *made)).status_code == 200
    sizes = [len(page) for page in pages(client, "/Patient/_history?_count=10")]
    assert sizes == [10] * 100
    for address in ("/Patient/_history?_count=90", "/_history?_count=90&_sort=_lastUpdated"):
        assert len(set(followed(client, address))) == 1000


def test_pages_lose_and_repeat_nothing_while_others_write(alone: Flask) -> None:
    client = alone.test_client()
    ids = [new_id() for _ in range(120)]
    made = [entry("PUT", f"Patient/{id}", patient(id)) for id in ids]
    assert send(client, "POST", "", bundle("transaction", *made)).status_code == 200
    there = set(followed(client, "/_history"))
    stop = threading.Event()

    def write() -> None:
        writer, turn = alone.test_client(), 0
        while not stop.is_set():
            id = ids[turn % len(ids)]
            if turn % 3 == 2:
                send(writer, "DELETE", f"/Patient/{id}")
            else:
                send(writer, "PUT", f"/Patient/{id}", patient(id, active=True))
            turn += 7

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for address in ("/_history?_count=10", "/Patient/_history?_count=10"):
            seen = followed(client, address)
            assert len(seen) == len(set(seen))
            assert there <= set(seen)
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_types_are_merged_newest_first(alone: Flask) -> None:
    client = alone.test_client()
    for number in range(6):
        send(client, "POST", "/Patient", patient())
        send(client, "POST", "/Observation", observation(None, note=[{"text": str(number)}]))
    history = send(client, "GET", "/_history").get_json()
    assert history["total"] == 12
    updated = [version["response"]["lastModified"] for version in history["entry"]]
    assert updated == sorted(updated, reverse=True)
    only = send(client, "GET", "/Observation/_history").get_json()
    assert {version["resource"]["resourceType"] for version in only["entry"]} == {"Observation"}
    assert only["total"] == 6
    turned = followed(client, "/_history?_sort=_lastUpdated&_count=5")
    assert turned == [name_of(version) for version in reversed(history["entry"])]


def test_versions_of_one_instant_have_one_order(stopped: Flask) -> None:
    """A clock that stands still: only type, id and version tell the versions apart."""
    client = stopped.test_client()
    for id in ("a", "a-b", "a.b", "B"):
        for _ in range(3):
            send(client, "PUT", f"/Patient/{id}", patient(id))
            send(client, "PUT", f"/Observation/{id}", observation(None, id))
    for address, expected in (("/_history", 24), ("/Patient/_history", 12), ("/Patient/a/_history", 3)):
        whole = followed(client, address)
        assert len(set(whole)) == expected
        for count in (1, 2, 5):
            assert followed(client, f"{address}?_count={count}") == whole
            assert followed(client, f"{address}?_count={count}&_sort=_lastUpdated") == whole[::-1]


def test_deletions_and_returns_are_told_at_every_level(alone: Flask) -> None:
    client = alone.test_client()
    id = new_id()
    for step in ("PUT", "PUT", "DELETE", "PUT"):
        send(client, step, f"/Patient/{id}", patient(id) if step == "PUT" else None)
    for address in (f"/Patient/{id}/_history", "/Patient/_history", "/_history", "/_history?_count=1"):
        found = [version for page in pages(client, address) for version in page]
        assert [version["response"]["status"] for version in found] == ["201", "204", "200", "201"], address
        assert ["resource" in version for version in found] == [True, False, True, True]
        assert [version["request"]["method"] for version in found] == ["PUT", "DELETE", "PUT", "PUT"]


def test_since_is_at_or_after_at_every_level(alone: Flask) -> None:
    client = alone.test_client()
    id = new_id()
    for _ in range(4):
        send(client, "PUT", f"/Patient/{id}", patient(id))
    since = version_at(client, id, 3)
    for address in (f"/Patient/{id}/_history", "/Patient/_history", "/_history"):
        versions = {etag for _, etag in followed(client, f"{address}?_since={since}&_count=1")}
        assert {'W/"3"', 'W/"4"'} <= versions
        assert send(client, "GET", f"{address}?_since=2100-01-01").get_json()["total"] == 0


def test_at_is_what_was_current_in_the_period(stopped: Flask, clock: FixedClock) -> None:
    clock.instant = datetime(2026, 1, 1, tzinfo=UTC)
    client, id, other = stopped.test_client(), "changes", "stays"
    send(client, "PUT", f"/Patient/{other}", patient(other))
    for step in ("PUT", "PUT", "DELETE", "PUT"):
        send(client, step, f"/Patient/{id}", patient(id) if step == "PUT" else None)
        clock.advance(days=10)
    expected: dict[str, set[int]] = {
        "2025": set(),
        "2026-01-01T00:00:00Z": {1},
        "2026-01-05": {1},
        "2026-01-10": {1},
        "2026-01-11": {2},
        "2026-01-11T00:00:00Z": {2},
        "2026-01-15": {2},
        "2026-01-21": {3},
        "2026-01-25": set(),
        "2026-01-31": {4},
        "2026-01": {1, 2, 3, 4},
        "2027": {4},
    }
    for at, versions in expected.items():
        for address in (f"/Patient/{id}/_history", "/Patient/_history", "/_history"):
            found = set(followed(client, f"{address}?_at={quote(at)}&_count=1"))
            assert {etag for url, etag in found if id in url} == {f'W/"{one}"' for one in versions}, at
            assert id in address or any(other in url for url, _ in found) == (at != "2025"), at


@pytest.mark.parametrize("level", ["", "/Patient"])
@pytest.mark.parametrize(
    ("query", "headers", "refused"),
    [
        pytest.param("_count=x", {}, "illegal-parameter-value", id="count-is-no-number"),
        pytest.param("_since=yesterday", {}, "illegal-parameter-value", id="since-is-no-instant"),
        pytest.param("_at=now", {}, "illegal-parameter-value", id="at-is-no-date"),
        pytest.param("_sort=name", {}, "illegal-parameter-value", id="sort-by-another-element"),
        pytest.param("_sort=", {}, "illegal-parameter-value", id="sort-is-empty"),
        pytest.param("_cursor=abc", {}, "illegal-cursor", id="cursor-of-nobody"),
        pytest.param("x=1", {"Prefer": "handling=strict"}, "unknown-parameter", id="unknown-when-strict"),
    ],
)
def test_wrong_parameters_are_refused(
    client: FlaskClient, level: str, query: str, headers: dict[str, str], refused: str
) -> None:
    response = send(client, "GET", f"{level}/_history?{query}", headers=headers)
    assert (response.status_code, situation(response)) == (400, refused)


def test_the_total_alone_has_no_entries(alone: Flask) -> None:
    client = alone.test_client()
    assert send(client, "GET", "/_history?_count=0").get_json()["total"] == 0
    for _ in range(3):
        send(client, "POST", "/Patient", patient())
    for query in ("_count=0", "_summary=count"):
        for address in ("/Patient/_history", "/_history"):
            answer = send(client, "GET", f"{address}?{query}").get_json()
            assert answer["total"] == 3
            assert "entry" not in answer


def test_the_history_of_an_unknown_type_is_not_found(client: FlaskClient) -> None:
    response = send(client, "GET", "/Nothing/_history")
    assert (response.status_code, situation(response)) == (404, "unknown-type")
