"""Persons, tokens and documents of the truth table on a governed server, and what two answers tell apart."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from werkzeug.test import TestResponse

from fhir_server.access.choices import changed, no_choices
from fhir_server.model.actor import Actor
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from tests.access.cases import Chooser
from tests.governed import Governed, Speaker
from tests.http.calls import new_id
from tests.truth_table import CODES, Chosen, Row

VARIABLE = frozenset({"X-Request-Id", "Date"})
FIELDS = tuple(
    field.name for field in fields(Actor) if field.name not in ("kind", "identity", "session", "record")
)
SEARCH = "/DocumentReference?patient={id}"


@dataclass(frozen=True)
class Case:
    """A row with its persons and its document in the store."""

    server: Governed
    actor: Speaker
    actor_of_twin: Speaker
    owner: str
    twin: str
    item: str


def planted(server: Governed, row: Row) -> Case:
    """Return a row over new persons."""
    number = new_id()[:8]
    owner, twin, item = (f"{letter}-{number}-{row.number}" for letter in "ptd")
    enrol(server, owner, row.chosen)
    enrol(server, twin, row.chosen)
    server.plant(document(server, owner, item, row.kind, row.labels), authors=row.authors)
    mine, theirs = (speaker(server, row.actor, one, row.purpose) for one in (owner, twin))
    return Case(server, mine, theirs, owner, twin, item)


def speaker(server: Governed, actor: Actor, owner: str, purpose: str = "TREAT") -> Speaker:
    """Return a client that speaks for an actor; a person is that of the record `owner`."""
    known = {name: getattr(actor, name) for name in FIELDS}
    if actor.kind == "person":
        return server.person(owner, **known)
    return server.as_(actor.kind, actor.identity, purpose=purpose, **known)


def enrol(server: Governed, owner: str, chosen: Chosen) -> None:
    """Store a person and what it chose before."""
    server.enrol(owner)
    choices = replace(chosen(Chooser(server.policy)).choices, owner=owner)
    work = UnitOfWork(View.unrestricted("test"), choices=changed(no_choices(owner), choices))
    server.store.records.commit(work)


def document(
    server: Governed, owner: str, id: str = "", kind: str = "report", labels: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return a DocumentReference of a type class, with neutral labels."""
    system, _, code = CODES[kind].rpartition("|")
    return {
        "resourceType": "DocumentReference", **({"id": id} if id else {}), "status": "current",
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


def outbox(server: Governed, owner: str) -> list[dict[str, Any]]:
    """Return the notices about a person that wait to be sent."""
    return list(server.store.catalogue.service("outbox").find({"owner": owner}))


def ids(answer: TestResponse) -> list[str]:
    """Return the ids of what a page shows."""
    return [entry["resource"]["id"] for entry in answer.get_json().get("entry", ())]
