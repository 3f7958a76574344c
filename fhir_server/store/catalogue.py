"""The collections: made with their indexes on first use, outside transactions, by any process."""

from __future__ import annotations

from typing import Any, Final

from bson.codec_options import CodecOptions
from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Index
from fhir_server.store.connection import DurableDatabase
from fhir_server.store.documents import RAW
from fhir_server.store.indexes import HISTORY, IndexPlan, index_models
from fhir_server.store.lines import Lines
from fhir_server.store.refusals import database_errors
from fhir_server.store.within import apart

AUDIT: Final = "audit"
AUDIT_BATCHES: Final = "audit_batches"
AUDIT_WORKERS: Final = "audit_workers"
OUTBOX: Final = "outbox"
REPLAY: Final = "replay"
LOCKS: Final = "locks"
TOKENS: Final = "tokens"
CHOICES: Final = "choices"
SYSTEMS: Final = "registry"
META: Final = "meta"

REPLAY_S: Final = 24 * 3600
"""How long an idempotency key is remembered."""
LOCKS_S: Final = 3600

SERVICE_INDEXES: Final[dict[str, list[IndexModel]]] = {
    AUDIT: [
        IndexModel([("owner", ASCENDING), ("at", ASCENDING), ("_id", ASCENDING)], name="owner_at"),
        IndexModel([("at", ASCENDING), ("_id", ASCENDING)], name="at"),
        IndexModel([("worker", ASCENDING), ("n", ASCENDING)], name="worker_n"),
    ],
    AUDIT_BATCHES: [IndexModel([("time", ASCENDING)], name="time")],
    AUDIT_WORKERS: [],
    OUTBOX: [],
    REPLAY: [IndexModel([("at", ASCENDING)], name="expiry", expireAfterSeconds=REPLAY_S)],
    LOCKS: [IndexModel([("at", ASCENDING)], name="expiry", expireAfterSeconds=LOCKS_S)],
    TOKENS: [IndexModel([("until", ASCENDING)], name="expiry", expireAfterSeconds=0)],
    CHOICES: [],
    SYSTEMS: [],
    META: [],
    "blobs.files": [
        IndexModel([("state", ASCENDING), ("created", ASCENDING)], name="state_created"),
        IndexModel([("owner", ASCENDING)], name="owner"),
    ],
    "blobs.chunks": [],
}
"""Collections that are no resource type → their indexes."""

ZSTD: Final = {"wiredTiger": {"configString": "block_compressor=zstd"}}
NAMESPACE_EXISTS: Final = 48

Records = Collection[dict[str, Any]]


class Catalogue:
    """Knows which collections exist; every collection is asked for here."""

    def __init__(self, database: DurableDatabase, plan: IndexPlan) -> None:
        self._database = database
        self.plan = plan
        self._ready: frozenset[str] = frozenset()
        self._indexes: dict[str, frozenset[Index]] = {}
        self._collections: dict[str, Records] = {}

    def open(self) -> None:
        """Make the collections that are no resource type."""
        existing = set(self._database.list_collection_names())
        for name, models in SERVICE_INDEXES.items():
            self._create(name, models, exists=name in existing)

    @property
    def lines(self) -> Lines | None:
        """The shorter way to the database, where there is one."""
        return self._database.lines

    def close(self) -> None:
        """Let go of the shorter way."""
        if self._database.lines is not None:
            self._database.lines.close()

    def current(self, resource_type: str) -> Records:
        """Return the collection of the current versions of a type."""
        return self._named(resource_type)

    def history(self, resource_type: str) -> Records:
        """Return the collection of the superseded versions of a type."""
        return self._named(f"{resource_type}_history")

    def service(self, name: str) -> Records:
        """Return a collection of `SERVICE_INDEXES`."""
        return self._named(name)

    def ensure(self, resource_type: str) -> None:
        """Make the collections and indexes of a type unless they are there.  Not within a transaction."""
        if resource_type in self._ready:
            return
        if resource_type not in self.plan.registry.resource_types:
            raise refuse("unknown-type", "There is no resource type of that name.")
        with database_errors(), apart(self._database.client):
            self._create(resource_type, self.plan.models(resource_type))
            self._create(f"{resource_type}_history", index_models(HISTORY))
        self._ready = self._ready | {resource_type}

    def exists(self, resource_type: str) -> bool:
        """Return whether anything of a type was ever written; its indexes are then complete."""
        if resource_type in self._ready:
            return True
        with database_errors(), apart(self._database.client):
            known = self._database.list_collection_names(filter={"name": {"$eq": resource_type}})
        if not known:
            return False
        self.ensure(resource_type)
        return True

    def existing(self) -> list[str]:
        """Return the types of which anything was ever written, in the order of their names."""
        with database_errors(), apart(self._database.client):
            names = self._database.list_collection_names()
        return sorted(self.plan.registry.resource_types.intersection(names))

    def hint(self, resource_type: str, wanted: Index | None) -> str | None:
        """Return the name of the wanted index where the type has it, else None: the database chooses."""
        if wanted is None or wanted is Index.ID:
            return None if wanted is None else wanted.value
        indexes = self._indexes.get(resource_type)
        if indexes is None:
            indexes = self._indexes[resource_type] = frozenset(self.plan.of(resource_type))
        return wanted.value if wanted in indexes else None

    def _named(self, name: str) -> Records:
        """Return a collection of the database; the driver takes its time to make one."""
        known = self._collections.get(name)
        if known is None:
            known = self._collections[name] = self._database[name]
        return known

    def _create(self, name: str, models: list[IndexModel], *, exists: bool = False) -> None:
        try:
            if not exists:
                self._database.create_collection(name, check_exists=False, storageEngine=ZSTD)
        except OperationFailure as failure:
            if failure.code != NAMESPACE_EXISTS:
                raise
        # Whoever made the collection may have been killed before its indexes: asking again costs little.
        if models:
            self._database[name].create_indexes(models)


def raw(collection: Records) -> Collection[Any]:
    """Return the same collection reading documents as the bytes that they are stored as."""
    codec: CodecOptions[Any] = RAW
    return collection.with_options(codec_options=codec)
