"""The database of the floor: a copy of a server's documents and indexes, beside it on the same mongod."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from conformance.load.floor.documents import Document
from conformance.load.target import LoadRefused

RESOURCE_COLLECTION = re.compile(r"[A-Z][A-Za-z]+\Z")
"""Current versions only: a create and a transaction of creates write no history."""
SELECTION_MS = 5_000


@dataclass(frozen=True, slots=True)
class Mongod:
    """The database server: `pid` is a process of this machine."""

    version: str
    pid: int


@dataclass(frozen=True, slots=True)
class Storage:
    """What a collection takes on disk after a checkpoint."""

    collection: str
    documents: int
    data_bytes: int
    """Uncompressed BSON."""
    storage_bytes: int
    index_bytes: int
    indexes: dict[str, int]


@contextmanager
def connected(uri: str, selection_ms: int = SELECTION_MS) -> Iterator[MongoClient[Document]]:
    """Give a client.  Raises LoadRefused, without the URI, when MongoDB says no within `selection_ms`."""
    try:
        with MongoClient[Document](uri, serverSelectionTimeoutMS=selection_ms) as client:
            yield client
    except PyMongoError as error:
        raise LoadRefused(f"MongoDB refused what the floor needs: {type(error).__name__}.") from error


def mongod_of(uri: str) -> Mongod:
    """Return the server behind a URI.  Raises LoadRefused."""
    with connected(uri) as client:
        status = client.admin.command("serverStatus", metrics=0, wiredTiger=0)
        return Mongod(str(status["version"]), int(status["pid"]))


def copy(uri: str, source: str, destination: str) -> None:
    """Copy every resource collection with its options, indexes and documents.  Raises LoadRefused."""
    with connected(uri) as client:
        names = _resource_collections(client[source])
        if not names:
            raise LoadRefused(f"The database {source!r} holds no resources: is it that of the server?")
        for name, options in names.items():
            client[destination].create_collection(name, **options)
            for index in client[source][name].list_indexes():
                specification = {key: value for key, value in index.items() if key not in {"v", "key", "ns"}}
                if specification["name"] != "_id_":
                    client[destination][name].create_index(list(index["key"].items()), **specification)
            into = {"into": {"db": destination, "coll": name}, "whenMatched": "fail"}
            client[source][name].aggregate([{"$merge": into}])


def drop(uri: str, database: str) -> None:
    """Drop the database of a floor.  Raises LoadRefused."""
    with connected(uri) as client:
        client.drop_database(database)


def storage(uri: str, database: str) -> list[Storage]:
    """Return what the resource collections take, written down to disk first.  Raises LoadRefused."""
    with connected(uri) as client:
        client.admin.command("fsync")
        found = client[database]
        return [_storage(found, name) for name in sorted(_resource_collections(found))]


def _resource_collections(database: Database[Document]) -> dict[str, dict[str, Any]]:
    return {
        entry["name"]: entry.get("options", {})
        for entry in database.list_collections()
        if RESOURCE_COLLECTION.match(entry["name"]) and entry["type"] == "collection"
    }


def _storage(database: Database[Document], name: str) -> Storage:
    facts = database.command("collStats", name)
    return Storage(
        collection=name,
        documents=int(facts["count"]),
        data_bytes=int(facts["size"]),
        storage_bytes=int(facts["storageSize"]),
        index_bytes=int(facts["totalIndexSize"]),
        indexes={key: int(value) for key, value in facts["indexSizes"].items()},
    )
