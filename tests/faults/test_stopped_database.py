"""A mongod that hangs: requests are told so as soon as the driver has noticed, and served when it goes on."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import ServerSelectionTimeoutError

from fhir_server.store.connection import durable_database
from fhir_server.store.embedded import Embedded
from fhir_server.store.lines import ANSWER_S
from fhir_server.store.reads import NAIVE, find_one
from tests.store.test_lines import unheard

__all__ = ["unheard"]

pytestmark = pytest.mark.faults

NOTICED_MS = 2_000
LONG_S = 60.0


def test_a_database_that_hangs_is_not_waited_for_longer_than_the_driver_does(embedded: Embedded) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(
        embedded.uri,
        heartbeatFrequencyMS=500,
        connectTimeoutMS=NOTICED_MS,
        serverSelectionTimeoutMS=NOTICED_MS,
        socketTimeoutMS=2_000 * ANSWER_S,
    )
    database = durable_database(client, "kept", embedded.uri)
    lines, things = database.lines, database["things"]
    assert lines is not None
    things.insert_one({"_id": 1})
    assert find_one(things, {"_id": 1}, {}) == {"_id": 1}
    os.kill(embedded.pid, signal.SIGSTOP)
    try:
        # A line that waited for its answer to the end would raise NetworkTimeout.
        for _ in range(2):
            with pytest.raises(ServerSelectionTimeoutError):
                find_one(things, {"_id": 1}, {})
    finally:
        os.kill(embedded.pid, signal.SIGCONT)
    back = threading.Event()
    for _ in range(int(LONG_S / 0.02)):
        if client.topology_description.has_writable_server():
            break
        back.wait(0.02)
    assert lines.ask({"ping": 1}, NAIVE) is not None
    assert find_one(things, {"_id": 1}, {}) == {"_id": 1}
    lines.close()
    client.close()
