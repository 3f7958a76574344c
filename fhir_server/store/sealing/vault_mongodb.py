"""A vault in a MongoDB of its own: the one for several machines.

```
keys   {_id: person, version, keys: [{number, master, wrapped}], destroyed, erased}
vault  {_id: "vault", schema, id, masters: [], complete: []}   {_id: "epoch", n}
```
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bson.int64 import Int64
from pymongo.errors import ConfigurationError, DuplicateKeyError, PyMongoError
from pymongo.monitoring import CommandListener

from fhir_server.model.outcome import refuse
from fhir_server.store.connection import StoreRefused, connect, durable_database
from fhir_server.store.refusals import database_errors
from fhir_server.store.sealing.vault import Fact, KeyRecord, WrappedKey
from fhir_server.store.within import apart

SCHEMA: Final = 1
SETTLES_S: Final = 1.0
_VAULT: Final = {"_id": "vault"}
_EPOCH: Final = {"_id": "epoch"}


class MongoVault:
    """Implements `sealing.vault.Vault`."""

    settles_s = SETTLES_S

    def __init__(
        self, uri: str, *, create: bool, selection_ms: int, listeners: tuple[CommandListener, ...] = ()
    ) -> None:
        """Open the vault; with `create`, make it unless it is there.  Raises StoreRefused."""
        try:
            self._client = connect(uri, selection_ms=selection_ms, listeners=listeners)
        except StoreRefused as reason:
            raise StoreRefused(str(reason).replace("FHIR_MONGODB_URI", "FHIR_KEY_VAULT")) from None
        try:
            database = durable_database(self._client, _database_of(self._client.get_default_database))
            self._keys, self._vault = database["keys"], database["vault"]
            if "meta" in database.list_collection_names():
                raise StoreRefused("FHIR_KEY_VAULT names the database of the records: give it another one.")
            self.id = self._identity(create=create)
        except PyMongoError as error:
            self._client.close()
            raise StoreRefused(f"The key vault could not be opened ({type(error).__name__}).") from None
        except BaseException:
            self._client.close()
            raise

    def epoch(self) -> str:
        """Return a text that is another one after every `replace` and `touch`."""
        with database_errors(), apart(self._client):
            found = self._vault.find_one(_EPOCH)
        return str(found["n"]) if found is not None else "0"

    def touch(self) -> None:
        """Make every process read again what it has read, `settles_s` from now at the latest."""
        with database_errors():
            self._vault.update_one(_EPOCH, {"$inc": {"n": Int64(1)}}, upsert=True)

    def read(self, owner: str) -> KeyRecord | None:
        """Return the keys of a person, None if there never were any."""
        with database_errors(), apart(self._client):
            found = self._keys.find_one({"_id": {"$eq": owner}})
        return None if found is None else _record(found)

    def create(self, record: KeyRecord) -> KeyRecord:
        """Keep the first keys of a person, unless there are some; return those that are kept."""
        with database_errors():
            try:
                self._keys.insert_one(_document(record))
            except DuplicateKeyError:
                known = self.read(record.owner)
                if known is None:
                    # The unique index sees what a majority does not have yet.
                    raise refuse(
                        "overloaded", "Two requests began the same record; repeat this one."
                    ) from None
                return known
        return record

    def replace(self, record: KeyRecord) -> bool:
        """Keep `record` in the place of the version before it; False if that is not the current one."""
        same = {"_id": {"$eq": record.owner}, "version": {"$eq": record.version - 1}}
        with database_errors():
            done = self._keys.replace_one(same, _document(record))
        # Also where the answer to an earlier attempt was lost: an epoch too many costs a look.
        self.touch()
        return done.matched_count == 1

    def records(self) -> Iterator[KeyRecord]:
        """Yield the keys of every person, in no order."""
        with database_errors():
            for found in self._keys.find():
                yield _record(found)

    def destroyed(self) -> Iterator[KeyRecord]:
        """Yield what is left of those whose keys were destroyed, in no order."""
        with database_errors():
            for found in self._keys.find({"destroyed": {"$ne": None}}):
                yield _record(found)

    def facts(self, fact: Fact) -> frozenset[str]:
        """Return a set of words."""
        with database_errors(), apart(self._client):
            found = self._vault.find_one(_VAULT, {fact: 1})
        return frozenset(found[fact]) if found is not None else frozenset()

    def note(self, fact: Fact, word: str) -> None:
        """Add a word to a set."""
        with database_errors():
            self._vault.update_one(_VAULT, {"$addToSet": {fact: word}})

    def drop(self, fact: Fact, word: str) -> None:
        """Remove a word from a set."""
        with database_errors():
            self._vault.update_one(_VAULT, {"$pull": {fact: word}})

    def close(self) -> None:
        """Let go of it."""
        self._client.close()

    def _identity(self, *, create: bool) -> str:
        if create:
            empty = {"schema": SCHEMA, "id": secrets.token_hex(8), "masters": [], "complete": []}
            self._vault.update_one(_VAULT, {"$setOnInsert": empty}, upsert=True)
        found = self._vault.find_one(_VAULT)
        if found is None:
            raise StoreRefused(
                "There is no key vault in the database of FHIR_KEY_VAULT: it has to be the one that the "
                "records were sealed with. Without it what is sealed cannot be read."
            )
        if found["schema"] != SCHEMA:
            raise StoreRefused(f"The key vault has schema {found['schema']}, this server has {SCHEMA}.")
        return str(found["id"])


def _database_of(default: Any) -> str:
    try:
        return str(default().name)
    except ConfigurationError:
        raise StoreRefused(
            "FHIR_KEY_VAULT has to name a database too: mongodb://HOST:27017/fhir_keys?replicaSet=NAME."
        ) from None


def _document(record: KeyRecord) -> dict[str, Any]:
    keys = [{"number": key.number, "master": key.master, "wrapped": key.wrapped} for key in record.keys]
    return {
        "_id": record.owner,
        "version": record.version,
        "keys": keys,
        "destroyed": record.destroyed,
        "erased": record.erased,
    }


def _record(found: Mapping[str, Any]) -> KeyRecord:
    keys = tuple(WrappedKey(key["number"], key["master"], key["wrapped"]) for key in found["keys"])
    return KeyRecord(found["_id"], found["version"], keys, found["destroyed"], found["erased"])
