"""kill -9 of a governed server among many requests: whatever was answered is in the access log, once.

The database outlives the server, so that only what the server did before it answered can be found.  The number of
kills is FHIR_KILLS, three where it is not set.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.access.policy_file import load_policy
from fhir_server.access.token_key import FILE_NAME, read_key
from fhir_server.access.tokens import mint
from fhir_server.model.actor import Actor
from fhir_server.model.document import Document, Facts
from fhir_server.model.ids import RandomIds, seq_of
from fhir_server.model.temporal import format_instant
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from fhir_server.store.access_mark import set_access_mark
from fhir_server.store.embedded import Embedded
from fhir_server.store.entries import audit_entry
from fhir_server.store.open import open_store
from tests.http.calls import new_id, observation
from tests.running import SERVE, Running

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("FHIR_KILLS", "3"))
GOVERNED = tuple(part for part in SERVE if part != "--open")
DATABASE = "killed"
PERSONS = tuple(f"person-{number}" for number in range(4))
ABSENT = "/Observation/never-was"
ASKING = 8
BEFORE_A_KILL = (50, 350)
"""Answers that are waited for before the kill: it falls in the midst of the ones after them."""


@dataclass
class Answers:
    """What was answered: the person and the status by request id."""

    known: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    enough: threading.Event = field(default_factory=threading.Event)
    wanted: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, request_id: str, person: str | None, status: int) -> None:
        with self._lock:
            self.known[request_id] = (person, status)
            if len(self.known) >= self.wanted:
                self.enough.set()


def enrol(uri: str) -> None:
    """Store the Patients, as an earlier state of affairs."""
    store, now = open_store(uri, DATABASE), datetime.now(UTC)
    try:
        for id in PERSONS:
            meta = {"versionId": "1", "lastUpdated": format_instant(now)}
            resource = {"resourceType": "Patient", "id": id, "meta": meta}
            document = Document(Facts("Patient", id, id), 1, now, seq_of(now, id), resource)
            store.records.commit(UnitOfWork(View.unrestricted("test"), creates=(document,)))
        set_access_mark(store.catalogue, load_policy("fr").classification)
    finally:
        store.close()


def tokens(server: Running, data_dir: Path) -> dict[str, str]:
    """A token for each person."""
    key, ids, now = read_key(data_dir / FILE_NAME), RandomIds(), datetime.now(UTC)
    return {
        id: mint(key, Actor("person", id, record=id), "PATRQT", audience=server.url, now=now, ids=ids)
        for id in PERSONS
    }


def requests_of(person: str, source: random.Random) -> tuple[str, str, Any]:
    """One of the requests that are mixed: method, path, body.  What is not there is of nobody."""
    return source.choice([
        ("GET", f"/Patient/{person}", None),
        ("GET", f"/Observation?patient={person}", None),
        ("GET", ABSENT, None),
        ("GET", f"/AuditEvent?patient={person}&_count=2", None),
        ("POST", "/Observation", observation(f"Patient/{person}")),
        ("POST", "/Observation", {**observation(f"Patient/{person}"), "status": "nonsense"}),
    ])  # fmt: skip


def ask_until_it_dies(url: str, token_of: dict[str, str], seed: int, answers: Answers) -> None:
    source = random.Random(seed)
    while True:
        person = source.choice(PERSONS)
        method, path, body = requests_of(person, source)
        concerned = None if path == ABSENT else person
        request_id = new_id()
        fields = {
            "Authorization": f"Bearer {token_of[person]}", "X-Request-Id": request_id,
            "Content-Type": "application/fhir+json",
        }  # fmt: skip
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url + path, data, fields, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                response.read()
                answers.add(request_id, concerned, response.status)
        except urllib.error.HTTPError as error:
            with error:
                answers.add(request_id, concerned, error.code)
        except OSError:
            return


def kill_in_the_midst(uri: str, data_dir: Path, seed: int) -> Answers:
    """Serve, ask, kill; return what had been answered by then."""
    source = random.Random(seed)
    environment = {
        "FHIR_MONGODB_URI": uri, "FHIR_DATABASE": DATABASE, "FHIR_DATA_DIR": str(data_dir), "FHIR_POLICY": "fr",
    }  # fmt: skip
    server = Running(command=GOVERNED, environment=environment)
    answers = Answers(wanted=source.randint(*BEFORE_A_KILL))
    token_of = tokens(server, data_dir)
    askers = [
        threading.Thread(target=ask_until_it_dies, args=(server.url, token_of, seed * 100 + number, answers))
        for number in range(ASKING)
    ]
    for asker in askers:
        asker.start()
    assert answers.enough.wait(120)
    os.killpg(server.pid, signal.SIGKILL)
    server.kill()
    for asker in askers:
        asker.join(60)
        assert not asker.is_alive()
    return answers


def test_every_answer_before_a_kill_has_its_entry(embedded: Embedded, tmp_path: Path) -> None:
    data_dir = tmp_path / "server"
    data_dir.mkdir()
    enrol(embedded.uri)
    answered: dict[str, tuple[str | None, int]] = {}
    for seed in range(KILLS):
        answered |= kill_in_the_midst(embedded.uri, data_dir, seed).known
    with MongoClient[dict[str, Any]](embedded.uri, readConcernLevel="majority") as client:
        database = client[DATABASE]
        entries = [audit_entry(one) for one in database.audit.find({"request": {"$in": list(answered)}})]
        stored = {one["_id"] for one in database.Observation.find({}, {"_id": 1})}
        written = [audit_entry(one) for one in database.audit.find({"interaction": "create", "status": 201})]
    assert Counter(one.request_id for one in entries) == Counter(list(answered))
    assert {one.request_id: (one.owner, one.status) for one in entries} == answered
    assert {status for _, status in answered.values()} == {200, 201, 404, 422}
    created = [entity.split("/")[1] for one in written for entity in one.entities]
    assert sorted(created) == sorted(stored), "a write and its entry are one commit"
