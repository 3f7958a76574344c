"""Commands of a transaction, by the shorter way once it has begun.

A transaction that has begun is known to the database by its session and its number, whatever socket names
them: the driver begins, commits and aborts, and what comes between goes the shorter way where there is one.
Spec: https://github.com/mongodb/specifications/blob/master/source/transactions/transactions.md
"""

from __future__ import annotations

from typing import Any, Final

from bson.codec_options import CodecOptions
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from fhir_server.store.connection import DurableDatabase
from fhir_server.store.lines import Lines
from fhir_server.store.transactions import TryAgain

_CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions()


def run(collection: Collection[Any], command: dict[str, Any], session: ClientSession) -> dict[str, Any]:
    """Return the answer to a command of the transaction of `session`.  One round trip.

    Raises TryAgain where the shorter way broke, and the driver's errors.
    """
    lines = shorter_way(collection, session)
    if lines is None:
        answer: dict[str, Any] = collection.database.command(command, session=session)
        return answer
    number = session._server_session.transaction_id
    part = {"lsid": session.session_id, "txnNumber": number, "autocommit": False}
    reply = lines.ask({**command, **part}, _CODEC)
    if reply is None:
        # Nobody knows whether it was carried out.  The next attempt has another number: it cannot be later.
        raise TryAgain
    return reply


def shorter_way(collection: Collection[Any], session: ClientSession) -> Lines | None:
    """Return the shorter way for the next command of a transaction, None where the driver has to send it."""
    # The first command is the driver's: it says that a transaction begins, and what it reads.
    has_begun = session.in_transaction and not session._starting_transaction
    return lines_of(collection) if has_begun else None


def lines_of(collection: Collection[Any]) -> Lines | None:
    """Return the shorter way to the database of a collection, where there is one."""
    database = collection.database
    return database.lines if isinstance(database, DurableDatabase) else None
