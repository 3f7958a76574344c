"""kill -9 of the whole server at any point of a transaction of 300 entries: all of it is there, or nothing.

The database survives its server, as an orphan that the next start takes over.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.store.embedded import Embedded
from fhir_server.store.manifests import unpack
from tests.running import Running

pytestmark = pytest.mark.faults

POINTS = 20
SIZE = 300


def bundle(point: int) -> dict[str, Any]:
    """A transaction of one Patient and the Observations about it, all with one tag."""
    meta = {"tag": [{"system": "http://example.org/point", "code": str(point)}]}
    patient = {
        "fullUrl": "urn:uuid:0f2a8c1e-0000-4000-8000-000000000000",
        "resource": {"resourceType": "Patient", "meta": meta},
        "request": {"method": "POST", "url": "Patient"},
    }
    observations = [
        {
            "resource": {
                "resourceType": "Observation",
                "meta": meta,
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
                "subject": {"reference": patient["fullUrl"]},
                "valueInteger": number,
            },
            "request": {"method": "POST", "url": "Observation"},
        }
        for number in range(SIZE - 1)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": [patient, *observations]}


def post(url: str, body: dict[str, Any]) -> int | None:
    """Return the status, or None if the server died before it answered."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/fhir+json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def traces(data_dir: Path) -> dict[str, dict[str, int]]:
    """Return, for each tagged transaction, how many documents of each kind there are of it."""
    database = Embedded.start(data_dir)
    try:
        with MongoClient(database.uri, readConcernLevel="majority") as client:
            return _traces(client["fhir"])
    finally:
        database.stop()


def _traces(database: Any) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    point_of: dict[str, str] = {}
    for name in ("Patient", "Observation"):
        for document in database[name].find({}, {"body": 1}):
            point = json.loads(document["body"])["meta"]["tag"][0]["code"]
            point_of[f"{name}/{document['_id']}/_history/1"] = point
            _add(found, point, "documents", 1)
    for name in ("audit", "outbox"):
        for document in database[name].find({}, {"entities": 1}):
            packed = document["entities"]
            entities = unpack(packed) if isinstance(packed, bytes) else packed
            points = {point_of.get(entity, "lost") for entity in entities}
            for point in points:
                _add(found, point, f"{name} entities", len(entities))
    return found


def _add(found: dict[str, dict[str, int]], point: str, kind: str, count: int) -> None:
    kinds = found.setdefault(point, {})
    kinds[kind] = kinds.get(kind, 0) + count


WHOLE = {"documents": SIZE, "audit entities": SIZE, "outbox entities": SIZE}


def test_a_killed_server_leaves_whole_transactions(tmp_path: Path) -> None:
    source = random.Random(11)
    statuses: dict[str, int | None] = {}
    duration_s = _duration(tmp_path)
    for point in range(POINTS):
        server = Running("--data-dir", str(tmp_path))
        sender = threading.Thread(
            target=lambda url, name: statuses.update({name: post(url, bundle(int(name)))}),
            args=(server.url, str(point)),
        )
        sender.start()
        time.sleep(source.uniform(0, 1.3) * duration_s)  # the point itself, not a wait for something
        os.killpg(server.pid, signal.SIGKILL)
        server.kill()
        sender.join(60)
        assert not sender.is_alive()
    found = traces(tmp_path)
    first = found.pop("-1")
    assert first == WHOLE
    assert all(kinds == WHOLE for kinds in found.values()), found
    acknowledged = {point for point, status in statuses.items() if status == 200}
    assert acknowledged <= found.keys()
    assert any(status is None for status in statuses.values()), "no server died while it was at work"


def _duration(data_dir: Path) -> float:
    """Return how long one transaction takes on a warm server, in seconds."""
    with Running("--data-dir", str(data_dir)) as server:
        began = time.monotonic()
        assert post(server.url, bundle(-1)) == 200
        return time.monotonic() - began
