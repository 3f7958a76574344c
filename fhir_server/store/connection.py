"""The checked way to a MongoDB: a replica set, recent enough, reachable and permitted, or a precise refusal.

No message repeats the connection string: it can hold a password.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC
from types import MappingProxyType
from typing import Any, Final

from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import (
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhir_server.store.lines import Lines, Patience, local_socket

Client = MongoClient[dict[str, Any]]

DURABLE: Final = WriteConcern(w="majority", j=True)
MAJORITY: Final = ReadConcern("majority")
CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(tz_aware=True, tzinfo=UTC)

MINIMUM_VERSION: Final = (6, 0)
SELECTION_MS: Final = 5_000
SOCKET_MS: Final = 70_000
"""Longer than a transaction may live (60 s): the server gives up first, with a reason."""

_NOT_PERMITTED: Mapping[int, str] = MappingProxyType({
    13: "MongoDB does not permit this user what the server needs: grant it the role readWrite on the "
        "database of FHIR_DATABASE.",
    18: "MongoDB refused the user name or the password in FHIR_MONGODB_URI.",
})  # fmt: skip

_STANDALONE = (
    "FHIR_MONGODB_URI names a standalone MongoDB, which has no transactions: start it with "
    "`--replSet NAME` and run `rs.initiate()` once; one member is enough."
)


class DurableDatabase(Database[dict[str, Any]]):
    """A database whose writes are majority-acknowledged and journaled, whatever the URI says."""

    def __init__(self, client: Client, name: str, lines: Lines | None = None) -> None:
        super().__init__(client, name, CODEC, write_concern=DURABLE, read_concern=MAJORITY)
        self.lines: Final = lines
        """The shorter way of look-ups, where there is one."""


class StoreRefused(Exception):
    """The database cannot serve as a store; the message says why and what to do."""


def connect(
    uri: str, *, selection_ms: int = SELECTION_MS, listeners: Sequence[CommandListener] = ()
) -> Client:
    """Return a client of a replica set that passed every check.

    `selection_ms` is how long to look for a member that takes writes; `listeners` are told of every command.
    Raises StoreRefused.
    """
    client = _client(uri, selection_ms, event_listeners=list(listeners))
    try:
        _check(client)
    except ServerSelectionTimeoutError:
        client.close()
        raise StoreRefused(_why_unreachable(uri)) from None
    except OperationFailure as failure:
        client.close()
        raise StoreRefused(not_permitted(failure)) from None
    except PyMongoError as error:
        client.close()
        raise StoreRefused(f"MongoDB could not be asked what it is ({type(error).__name__}).") from None
    except StoreRefused:
        client.close()
        raise
    return client


def durable_database(client: Client, name: str, uri: str | None = None) -> DurableDatabase:
    """Return a database; look-ups go the shorter way where `uri`, by which the client came, allows it.

    Whoever listens to the driver hears everything: then it carries the look-ups too.
    """
    path = local_socket(uri) if uri is not None and not client.options.event_listeners else None
    if path is None:
        return DurableDatabase(client, name)
    # The driver asks for a sign of life all the time.
    patience = Patience(believed=lambda: client.topology_description.has_writable_server())
    return DurableDatabase(client, name, Lines(path, name, patience))


def not_permitted(failure: OperationFailure) -> str:
    """Return the sentence for a command that MongoDB refused while the store was opened."""
    known = _NOT_PERMITTED.get(failure.code or 0)
    return known or f"MongoDB refused a command of the server (error code {failure.code})."


def _client(uri: str, selection_ms: int, **more: Any) -> Client:
    try:
        with warnings.catch_warnings():
            # The driver drops an option that it does not understand, and only warns.
            warnings.simplefilter("error", UserWarning)
            return MongoClient(
                uri,
                appname="fhir-server",
                retryWrites=True,
                serverSelectionTimeoutMS=selection_ms,
                connectTimeoutMS=selection_ms,
                socketTimeoutMS=SOCKET_MS,
                **more,
            )
    except (InvalidURI, ConfigurationError, ValueError, TypeError, UserWarning):
        raise StoreRefused(
            "FHIR_MONGODB_URI is not a MongoDB connection string: it looks like "
            "mongodb://HOST:27017/?replicaSet=NAME, with special characters percent-encoded."
        ) from None


def unsuitable(hello: Mapping[str, Any], version: Sequence[int]) -> str | None:
    """Return why a server that says `hello` and has this version cannot be the store, None if it can."""
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        return _STANDALONE
    if tuple(version[:2]) < MINIMUM_VERSION:
        wanted = ".".join(map(str, MINIMUM_VERSION))
        return f"MongoDB {version[0]}.{version[1]} is too old: the server needs {wanted} or later."
    return None


def _check(client: Client) -> None:
    reason = unsuitable(client.admin.command("hello"), client.server_info()["versionArray"])
    if reason is not None:
        raise StoreRefused(reason)


def _why_unreachable(uri: str) -> str:
    """Ask the first member of the URI directly what keeps it from being a primary of the named set."""
    unreachable = "No MongoDB answers at FHIR_MONGODB_URI: check the host, the port and that it runs."
    try:
        # replicaSet=None takes the name of the set out of the URI, which directConnection would insist on.
        with _client(uri, 2_000, directConnection=True, replicaSet=None) as client:
            hello = client.admin.command("hello")
    except (StoreRefused, PyMongoError):
        return unreachable
    if hello.get("setName"):
        return (
            f"MongoDB answers as a member of the replica set {hello['setName']!r}, but no primary of the set "
            "that FHIR_MONGODB_URI names can be reached: check replicaSet= and the members' host names."
        )
    if hello.get("isreplicaset"):
        return "The replica set at FHIR_MONGODB_URI was never initiated: run `rs.initiate()` on it once."
    return _STANDALONE
