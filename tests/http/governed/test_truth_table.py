"""The truth table of access, row by row over HTTP: answers, what they equal, the access log, the notices."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from pymongo import MongoClient
from werkzeug.test import TestResponse

from fhir_server.access.choices import changed, no_choices
from fhir_server.app import close_app
from fhir_server.model.actor import Actor
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from fhir_server.store.entries import audit_entry
from tests.access.cases import NOW, Chooser
from tests.access.cases import OWNER as ANYBODY
from tests.conftest import FixedClock
from tests.governed import Governed, Speaker
from tests.http.calls import situation
from tests.http.governed.conftest import governed_server
from tests.truth_table import CODES, ROWS, Chosen, Row

VARIABLE = frozenset({"X-Request-Id", "Date"})
FIELDS = tuple(field.name for field in fields(Actor) if field.name not in ("kind", "identity", "session", "record"))
SEARCH = "/DocumentReference?patient={id}"


@pytest.fixture(scope="module")
def server(database_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governed]:
    """A server whose clock stands at the instant that the choices of the table are made for."""
    database = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    made = governed_server(database_uri, database, tmp_path_factory.mktemp("table"), FixedClock(NOW))
    yield made
    close_app(made.app)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


def speaker(server: Governed, actor: Actor, owner: str, purpose: str) -> Speaker:
    known = {name: getattr(actor, name) for name in FIELDS}
    if actor.kind == "person":
        return server.person(owner, **known)
    return server.as_(actor.kind, actor.identity, purpose=purpose, **known)


def enrol(server: Governed, owner: str, chosen: Chosen) -> None:
    server.enrol(owner)
    choices = replace(chosen(Chooser(server.policy)).choices, owner=owner)
    work = UnitOfWork(View.unrestricted("test"), choices=changed(no_choices(owner), choices))
    server.store.records.commit(work)


def document(server: Governed, owner: str, id: str, kind: str, labels: tuple[str, ...] = ()) -> dict[str, Any]:
    system, _, code = CODES[kind].rpartition("|")
    return {
        "resourceType": "DocumentReference", "id": id, "status": "current",
        "type": {"coding": [{"system": system, "code": code}]}, "subject": {"reference": f"Patient/{owner}"},
        **({"securityLabel": [{"coding": [server.label(label)]} for label in labels]} if labels else {}),
        "content": [{"attachment": {"contentType": "text/plain", "data": "eA=="}}],
    }  # fmt: skip


def wire(answer: TestResponse, *named: str) -> tuple[int, dict[str, str], bytes]:
    """Return all of an answer that a client can tell apart, with what the request named left out."""
    data, shown = answer.data, {n: v for n, v in answer.headers.items() if n not in VARIABLE}
    shown.pop("Content-Length", None)
    for name in named:
        data = data.replace(name.encode(), b"{id}")
        shown = {field: value.replace(name, "{id}") for field, value in shown.items()}
    return answer.status_code, shown, data


def ids(answer: TestResponse) -> list[str]:
    return [entry["resource"]["id"] for entry in answer.get_json().get("entry", ())]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_a_row_of_the_truth_table(server: Governed, row: Row) -> None:
    owner, twin, item = f"p-{row.id}", f"t-{row.id}", f"d-{row.id}"
    enrol(server, owner, row.chosen)
    enrol(server, twin, row.chosen)
    server.plant(document(server, owner, item, row.kind, row.labels), authors=row.authors)
    one = speaker(server, row.actor, owner, row.purpose)
    read, page = one.get(f"/DocumentReference/{item}"), one.get(SEARCH.format(id=owner))
    entries = [audit_entry(document) for document in server.journal(owner)]
    out=list(server.store.catalogue.service("outbox").find({"owner": owner}))
    with open("/tmp/eng-t/obs.txt","a") as f:
        print(row.id, row.outcome, row.rule, "|", read.status_code, page.status_code, situation(page) if page.status_code!=200 else ids(page), [(e.interaction, e.status, e.rule, e.situation, e.mode) for e in entries], [(o["kind"],o["recipients"]) for o in out], file=f)
