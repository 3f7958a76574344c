"""Open a store: the one place where its parts are joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import OperationFailure, PyMongoError
from pymongo.monitoring import CommandListener

from fhir_server.model.clock import Clock, SystemClock
from fhir_server.model.ids import Ids, RandomIds
from fhir_server.store.audit import MongoAuditSink
from fhir_server.store.blobs import MongoBlobs
from fhir_server.store.bodies import Bodies
from fhir_server.store.catalogue import META, Catalogue
from fhir_server.store.choices import MongoChoices
from fhir_server.store.commit import Commits
from fhir_server.store.connection import (
    SELECTION_MS,
    Client,
    DurableDatabase,
    StoreRefused,
    connect,
    durable_database,
    not_permitted,
)
from fhir_server.store.documents import SCHEMA
from fhir_server.store.entries import Numbers
from fhir_server.store.entry_version import EntryVersion
from fhir_server.store.indexes import IndexPlan
from fhir_server.store.journal import MongoJournal
from fhir_server.store.leases import MongoLeases
from fhir_server.store.ledger import MongoLedger
from fhir_server.store.owners import OwnerCache
from fhir_server.store.records import MongoRecords
from fhir_server.store.refusals import database_errors
from fhir_server.store.replay import MongoReplay
from fhir_server.store.sealing.opening import SealingOptions, open_sealing
from fhir_server.store.sealing.seals import Sealing
from fhir_server.store.secret_values import secret
from fhir_server.store.statistics import CollectionStatistics, collection_statistics
from fhir_server.store.systems import MongoSystems
from fhir_server.store.tokens import MongoTokens
from fhir_server.store.transactions import Transactions
from profiles.registry import Registry


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """`registry` None: R4 core.  `*` in the sets of types stands for every type."""

    registry: Registry | None = None
    cross_person_types: frozenset[str] = frozenset()
    """Types that are searched across persons: they have the `token` index."""
    native_types: frozenset[str] = frozenset()
    """Types whose documents also hold the resource as native BSON."""
    unique_identifiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Resource type → identifier systems of which each value may be given only once."""
    sealing: SealingOptions | None = None
    """None: bodies are kept as they are."""
    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    selection_ms: int = SELECTION_MS
    listeners: tuple[CommandListener, ...] = ()
    """Told of every command on the wire: for measurements and tests."""


@dataclass(frozen=True, slots=True)
class Store:
    """The ports of the store, open.  One for each process: a client does not survive a fork."""

    records: MongoRecords
    blobs: MongoBlobs
    audit: MongoAuditSink
    journal: MongoJournal
    ledger: MongoLedger
    systems: MongoSystems
    replay: MongoReplay
    leases: MongoLeases
    entries: EntryVersion
    tokens: MongoTokens
    choices: MongoChoices
    client: Client
    database: str
    catalogue: Catalogue
    sealing: Sealing | None = None

    def secret(self, name: str) -> bytes:
        """Return 64 random bytes, the same to every process that asks for `name`."""
        return secret(self.catalogue, name)

    def ping(self) -> None:
        """Ask the primary for a sign of life.  Raises FhirError `database-unavailable` or `timeout`."""
        with database_errors():
            self.client.admin.command("ping")

    def statistics(self) -> list[CollectionStatistics]:
        """Return the sizes of every collection, for reports."""
        with database_errors():
            return collection_statistics(durable_database(self.client, self.database))

    def close(self) -> None:
        """Write what waits in the access log and let go of the database."""
        self.audit.close()
        self.catalogue.close()
        self.client.close()
        if self.sealing is not None:
            self.sealing.keyring.vault.close()


def open_store(uri: str, database: str, options: StoreOptions | None = None) -> Store:
    """Return the open store of one database.  Raises StoreRefused."""
    options = options or StoreOptions()
    client = connect(uri, selection_ms=options.selection_ms, listeners=options.listeners)
    try:
        return _join(client, durable_database(client, database, uri), options)
    except OperationFailure as failure:
        client.close()
        raise StoreRefused(not_permitted(failure)) from None
    except PyMongoError as error:
        client.close()
        raise StoreRefused(f"The database could not be opened ({type(error).__name__}).") from None
    except BaseException:
        client.close()
        raise


def _join(client: Client, database: DurableDatabase, options: StoreOptions) -> Store:
    registry = options.registry or _r4()
    plan = IndexPlan(registry, options.cross_person_types, options.unique_identifiers)
    catalogue = Catalogue(database, plan)
    catalogue.open()
    entries = EntryVersion(catalogue)
    entries.open()
    _mark(catalogue)
    sealing = open_sealing(options.sealing, catalogue, options.clock)
    blobs = MongoBlobs(database, options.clock, options.ids, sealing)
    bodies = Bodies(blobs, plan, options.native_types, sealing)
    numbers = Numbers()
    systems = MongoSystems(catalogue, registry)
    replay = MongoReplay(catalogue)
    transactions = Transactions(client, database=database.name)
    commits = Commits(catalogue, bodies, systems, replay, transactions, numbers, options.clock)
    owners = OwnerCache()
    return Store(
        records=MongoRecords(catalogue, bodies, commits, owners),
        blobs=blobs,
        audit=MongoAuditSink(catalogue, numbers, transactions),
        journal=MongoJournal(catalogue),
        ledger=MongoLedger(catalogue, transactions),
        systems=systems,
        replay=replay,
        leases=MongoLeases(catalogue),
        entries=entries,
        tokens=MongoTokens(catalogue),
        choices=MongoChoices(catalogue, owners),
        client=client,
        database=database.name,
        catalogue=catalogue,
        sealing=sealing,
    )


def _mark(catalogue: Catalogue) -> None:
    """Write the number of the schema: a user that may not write is found out here, not in a request."""
    kept: dict[str, Any] | None = catalogue.service(META).find_one_and_update(
        {"_id": "schema"}, {"$setOnInsert": {"number": SCHEMA}}, upsert=True, return_document=True
    )
    if kept is not None and kept["number"] != SCHEMA:
        raise StoreRefused(
            f"The database has documents of schema {kept['number']}, this server writes {SCHEMA}: "
            "use the server that wrote them, or an empty database."
        )


def _r4() -> Registry:
    from profiles.load import load_registry

    return load_registry()
