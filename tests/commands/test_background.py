"""The background work of a server begins as soon as its database can be opened, however long that takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from fhir_server.commands.serving.background import work_until
from fhir_server.settings import Settings
from fhir_server.work import LEASE

LONG_S = 60.0
CHUNKS = "blobs.chunks"


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, or fail."""
    never = threading.Event()
    for _ in range(int(LONG_S / 0.02)):
        if condition():
            return
        never.wait(0.02)
    raise AssertionError("it never came about")


@contextmanager
def refused(uri: str, name: str) -> Iterator[Database[dict[str, Any]]]:
    """Yield a database that no store opens: its schema is another one's."""
    with MongoClient[dict[str, Any]](uri) as client:
        database = client.get_database(name)
        database["meta"].insert_one({"_id": "schema", "number": 0})
        yield database


def begun(
    database: Database[dict[str, Any]], uri: str, again_s: float
) -> tuple[threading.Thread, threading.Event]:
    """Return a thread that does the background work of a database, and what stops it."""
    stopped = threading.Event()
    settings = Settings(mongodb_uri=uri, database=database.name, open=True)
    working = threading.Thread(target=work_until, args=(stopped, settings), kwargs={"again_s": again_s})
    working.start()
    return working, stopped


def test_work_begins_once_the_database_can_be_opened(database_uri: str, database_name: str) -> None:
    with refused(database_uri, database_name) as database:
        working, stopped = begun(database, database_uri, 0.05)
        try:
            # The last collection that is made before the schema is looked at.
            wait_for(lambda: CHUNKS in database.list_collection_names())
            database.drop_collection(CHUNKS)
            wait_for(lambda: CHUNKS in database.list_collection_names())
            database["meta"].delete_one({"_id": "schema"})
            wait_for(lambda: database["locks"].find_one({"_id": f"lease/{LEASE}"}) is not None)
        finally:
            stopped.set()
            working.join()
        assert database["locks"].find_one({"_id": f"lease/{LEASE}"}) is None


def test_work_that_never_could_begin_is_stopped_at_once(database_uri: str, database_name: str) -> None:
    with refused(database_uri, database_name) as database:
        working, stopped = begun(database, database_uri, 600.0)
        wait_for(lambda: CHUNKS in database.list_collection_names())
        stopped.set()
        working.join(LONG_S)
    assert not working.is_alive()
