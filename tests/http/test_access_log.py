"""Every answer leaves an entry in the access log, one for each person; writes in their own commit."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fhir_server.app import STORE, close_app
from fhir_server.store.manifests import unpack
from fhir_server.store.open import Store
from tests.http.calls import bundle, entry, new_id, observation, patient, send
from tests.http.conftest import MakeApp


class Log:
    """The access log of a server, and the requests whose entries are looked up by their id."""

    def __init__(self, app: Flask) -> None:
        self.store: Store = app.extensions[STORE]
        self.client = app.test_client()

    def of(self, method: str, path: str, resource: Any = None, **headers: str) -> list[dict[str, Any]]:
        """Return the entries that a request left, by person."""
        request_id = new_id()
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        send(self.client, method, path, resource, {**fields, "X-Request-Id": request_id})
        self.store.audit.flush(self.store.audit.append(self._marker()))
        found = self.store.client[self.store.database]["audit"].find({"request": request_id})
        shown = [{**one, "entities": list(unpack(one.get("entities", b"")))} for one in found]
        return sorted(shown, key=lambda one: one["owner"] or "")

    def _marker(self) -> Any:
        from datetime import UTC, datetime

        from fhir_server.model.audit import AuditEntry
        from fhir_server.model.view import ActorRef

        actor = ActorRef("test", "test")
        return AuditEntry(new_id(), datetime(2026, 1, 1, tzinfo=UTC), new_id(), actor, "TREAT", "read", 200)


@pytest.fixture
def log(app: Flask) -> Log:
    return Log(app)


def test_an_entry_says_who_did_what_to_whose_record(log: Log) -> None:
    id = new_id()
    (written,) = log.of("PUT", f"/Patient/{id}", patient(id))
    (read,) = log.of("GET", f"/Patient/{id}")
    for one, name, status in ((written, "update", 201), (read, "read", 200)):
        assert (one["interaction"], one["status"], one["owner"]) == (name, status, id)
        assert one["entities"] == [f"Patient/{id}/_history/1"]
        assert one["purpose"] == "TREAT"
        assert one["actor"] == {"kind": "open", "identity": "open"}


@pytest.mark.parametrize(
    ("method", "path", "interaction", "status"),
    [
        pytest.param("GET", "/Patient/never-was", "read", 404, id="not-found"),
        pytest.param("GET", "/Nonsense/x", "read", 404, id="unknown-type"),
        pytest.param("POST", "/Patient", "create", 400, id="refused"),
        pytest.param("PUT", "/Patient/x/_history", "unknown", 405, id="method"),
        pytest.param("GET", "/Patient/a/b/c", "unknown", 404, id="address"),
        pytest.param("DELETE", "/Patient/never-was", "delete", 204, id="deletion-of-nothing"),
        pytest.param("GET", "/Patient?_id=never-was", "search-type", 200, id="search-for-nothing"),
    ],
)
def test_an_answer_about_nobody_leaves_one_entry(
    log: Log, method: str, path: str, interaction: str, status: int
) -> None:
    (one,) = log.of(method, path)
    assert (one["interaction"], one["status"], one["owner"]) == (interaction, status, None)
    assert not one["entities"]


@pytest.mark.parametrize("path", ["/metadata"])
def test_what_is_public_leaves_none(log: Log, path: str) -> None:
    assert log.of("GET", path) == []


def test_a_search_leaves_an_entry_for_each_person_shown(log: Log) -> None:
    value = new_id()
    ids = sorted(new_id() for _ in range(2))
    for id in ids:
        send(log.client, "PUT", f"/Patient/{id}", patient(id, identifier=[{"value": value}]))
    found = log.of("GET", f"/Patient?identifier={value}")
    assert [one["owner"] for one in found] == ids
    assert [one["entities"] for one in found] == [[f"Patient/{id}/_history/1"] for id in ids]
    assert {one["query"] for one in found} != {None}
    assert value not in json.dumps(found, default=str)


def test_a_transaction_leaves_an_entry_for_each_person_touched(log: Log) -> None:
    ids = sorted(new_id() for _ in range(2))
    entries = [entry("PUT", f"Patient/{id}", patient(id)) for id in ids]
    entries += [entry("POST", "Observation", observation(f"Patient/{ids[0]}")) for _ in range(2)]
    found = log.of("POST", "", bundle("transaction", *entries))
    assert [(one["owner"], len(one["entities"])) for one in found] == [(ids[0], 3), (ids[1], 1)]
    assert {one["interaction"] for one in found} == {"transaction"}


def test_reads_within_a_transaction_are_logged_too(log: Log) -> None:
    seen, made = sorted([new_id(), new_id()])
    send(log.client, "PUT", f"/Patient/{seen}", patient(seen))
    found = log.of(
        "POST",
        "",
        bundle(
            "transaction", entry("PUT", f"Patient/{made}", patient(made)), entry("GET", f"Patient/{seen}")
        ),
    )
    assert [one["owner"] for one in found] == [seen, made]


def test_a_transaction_that_was_refused_leaves_one_entry(log: Log) -> None:
    (one,) = log.of("POST", "", bundle("transaction", {}))
    assert (one["interaction"], one["status"], one["owner"]) == ("transaction", 400, None)


def test_a_batch_logs_what_it_showed_and_each_write_its_own(log: Log) -> None:
    seen, made = sorted([new_id(), new_id()])
    send(log.client, "PUT", f"/Patient/{seen}", patient(seen))
    found = log.of(
        "POST", "",
        bundle("batch", entry("GET", f"Patient/{seen}"), entry("PUT", f"Patient/{made}", patient(made)), {}),
    )  # fmt: skip
    assert [(one["owner"], one["interaction"], one["status"]) for one in found] == [
        (seen, "batch", 200),
        (made, "update", 201),
    ]


def test_a_write_leaves_notices_for_whom_it_concerns(log: Log) -> None:
    id = new_id()
    outbox = log.store.client[log.store.database]["outbox"]
    kinds = []
    for method, body in (("PUT", patient(id)), ("PUT", patient(id)), ("DELETE", None)):
        send(log.client, method, f"/Patient/{id}", body)
        kinds = [one["kind"] for one in outbox.find({"owner": id}).sort("at", 1)]
    assert sorted(kinds) == ["change", "deletion", "deposit"]


def test_a_request_is_one_line_without_its_ids_and_query(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    id = new_id()
    with caplog.at_level(logging.INFO, logger="fhir_server.request"):
        send(client, "GET", f"/Patient/{id}?name=Unmistakable", headers={"X-Request-Id": "abc"})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "fhir_server.request"]
    told = json.loads(line)
    assert told.pop("ms") >= 0
    assert told == {
        "event": "request", "method": "GET", "route": "/fhir/<resource_type>/<id>", "status": 404,
        "request_id": "abc",
    }  # fmt: skip


def test_what_waits_in_the_log_is_written_when_the_server_stops(make_app: MakeApp) -> None:
    app = make_app()
    log = Log(app)
    for _ in range(20):
        send(log.client, "GET", "/Patient/never-was")
    database = log.store.database
    close_app(app)
    reopened: Store = make_app().extensions[STORE]
    assert reopened.client[database]["audit"].count_documents({"interaction": "read"}) == 20
