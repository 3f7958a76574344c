"""Joins the parts to one server: settings in, WSGI application out."""

from __future__ import annotations

import atexit
from importlib.metadata import version

from flask import Flask

from fhir_server.http import formats
from fhir_server.http.application import flask_application
from fhir_server.http.codecs import Codecs, codecs_of
from fhir_server.http.cors import Cors
from fhir_server.http.exchange import Exchange
from fhir_server.http.forwarded import Proxies
from fhir_server.http.log import log_to_stdout
from fhir_server.interactions import integrity
from fhir_server.interactions.capabilities import Facts, Statement
from fhir_server.interactions.context import Context, Limits
from fhir_server.interactions.dispatch import Dispatcher, Interaction
from fhir_server.interactions.subsets import Subsets
from fhir_server.interactions.table import INTERACTIONS
from fhir_server.interactions.transaction.links import Links
from fhir_server.model.clock import Clock, SystemClock
from fhir_server.model.ids import Ids, RandomIds
from fhir_server.model.outcome import FhirError
from fhir_server.model.view import View
from fhir_server.operations import operations
from fhir_server.search.cursor import Cursors
from fhir_server.search.index import Indexer
from fhir_server.search.owner import Owners
from fhir_server.settings import (
    ENFORCE,
    EVERY_TYPE,
    MULTIPLE,
    Settings,
    SettingsRefused,
    refuse_unknown_types,
)
from fhir_server.store.open import Store, StoreOptions, open_store
from fhir_server.validation.structure import StructureValidator
from profiles.load import load_registry
from profiles.registry import Registry

DISTRIBUTION = "fhir-server"
CURSOR_KEY = "cursor"
STORE = "fhir-server-store"
CONTEXT = "fhir-server-context"
"""Where the open store and the context of the interactions are found in `Flask.extensions`."""


def create_app(settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> Flask:
    """Return the application over the database that the settings name.

    Raises SettingsRefused, and StoreRefused when the database cannot be used.
    """
    _refuse_closed(settings)
    registry = load_registry(settings.packages)
    refuse_unknown_types(settings, registry.resource_types)
    clock, ids = clock or SystemClock(), ids or RandomIds()
    store = _open(settings, registry, clock, ids)
    try:
        app = _join(settings, registry, store, clock, ids)
    except BaseException:
        store.close()
        raise
    atexit.register(store.close)
    log_to_stdout()
    return app


def close_app(app: Flask) -> None:
    """Write what waits in the access log and let go of the database."""
    store: Store = app.extensions[STORE]
    atexit.unregister(store.close)
    store.close()


def _join(settings: Settings, registry: Registry, store: Store, clock: Clock, ids: Ids) -> Flask:
    interactions = (*INTERACTIONS, *operations())
    validator = StructureValidator(registry)
    codecs = codecs_of(registry, validator)
    context = _context(settings, registry, validator, codecs, store, interactions, clock, ids)
    proxies = Proxies(settings.trusted_proxies)
    exchange = Exchange(context, codecs, View.unrestricted("open"), settings.max_body_bytes, proxies)
    app = flask_application(
        exchange,
        interactions,
        ping=lambda: _answers(store),
        version=version(DISTRIBUTION),
        cors=Cors(frozenset(settings.cors_origins)),
        operations=registry.operations,
        statement=context.statement.text,
    )
    app.extensions[STORE] = store
    app.extensions[CONTEXT] = context
    return app


def _refuse_closed(settings: Settings) -> None:
    if not settings.open:
        raise SettingsRefused(
            ["This version has no access control: it starts only with `--open`, on the loopback address."]
        )
    if settings.mongodb_uri is None:
        raise SettingsRefused(
            ["FHIR_MONGODB_URI is unset: `fhir-server serve` starts the embedded database."]
        )


def _open(settings: Settings, registry: Registry, clock: Clock, ids: Ids) -> Store:
    options = StoreOptions(
        registry=registry,
        cross_person_types=_types(settings.cross_person_types, registry),
        native_types=_types(settings.native_types, registry),
        clock=clock,
        ids=ids,
    )
    return open_store(settings.mongodb_uri or "", settings.database, options)


def _types(names: tuple[str, ...], registry: Registry) -> frozenset[str]:
    return registry.resource_types if names == EVERY_TYPE else frozenset(names)


def _context(
    settings: Settings,
    registry: Registry,
    validator: StructureValidator,
    codecs: Codecs,
    store: Store,
    interactions: tuple[Interaction, ...],
    clock: Clock,
    ids: Ids,
) -> Context:
    indexer = Indexer(registry, base_url=settings.base_url, zone=settings.timezone)
    facts = _facts(settings, codecs, clock)
    return Context(
        records=store.records,
        blobs=store.blobs,
        audit=store.audit,
        systems=store.systems,
        replay=store.replay,
        registry=registry,
        validator=validator,
        indexer=indexer,
        owners=Owners(registry, settings.base_url),
        cursors=Cursors(store.secret(CURSOR_KEY)),
        clock=clock,
        ids=ids,
        dispatcher=Dispatcher(interactions, registry.resource_types, settings.base_url),
        links=Links(registry),
        patches=codecs.patches,
        statement=Statement(facts, interactions, indexer.catalogue),
        subsets=Subsets(registry),
        base_url=settings.base_url,
        canonical_base=settings.canonical_base,
        limits=_limits(settings),
        zone=settings.timezone,
        cross_person_types=_types(settings.cross_person_types, registry),
        update_create=settings.open,
        integrity=integrity.check if settings.referential_integrity == ENFORCE else None,
        # In --open nobody's rights depend on the log: an answer does not wait for it.
        audit_waits=not settings.open,
    )


def _facts(settings: Settings, codecs: Codecs, clock: Clock) -> Facts:
    return Facts(
        name=DISTRIBUTION,
        version=version(DISTRIBUTION),
        base_url=settings.base_url,
        canonical_base=settings.canonical_base,
        started=clock.now(),
        formats=tuple(name for known in formats.FORMATS for name in known.declared),
        patch_formats=tuple(codecs.patches.readers),
        update_create=settings.open,
        conditional_delete=settings.conditional_delete,
    )


def _limits(settings: Settings) -> Limits:
    several = settings.conditional_delete == MULTIPLE
    return Limits(
        settings.max_entries,
        settings.page_size,
        settings.page_size_max,
        conditional_deletes=settings.max_entries if several else 1,
    )


def _answers(store: Store) -> bool:
    try:
        store.ping()
    except FhirError:
        return False
    return True
