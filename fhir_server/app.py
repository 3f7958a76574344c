"""Joins the parts to one server: settings in, WSGI application out."""

from __future__ import annotations

import atexit
import logging
from dataclasses import replace
from importlib.metadata import version

from flask import Flask

from fhir_server.access.labelling import Labelling
from fhir_server.access.policy import Policy, neutral_policy
from fhir_server.access.policy_file import PolicyRefused, load_policy
from fhir_server.access.token_key import FILE_NAME, TokenKeyRefused, open_key
from fhir_server.access.tokens import Verifier
from fhir_server.http import formats
from fhir_server.http.application import flask_application
from fhir_server.http.authentication import Authentication
from fhir_server.http.codecs import Codecs, codecs_of
from fhir_server.http.cors import Cors
from fhir_server.http.exchange import Exchange
from fhir_server.http.forwarded import Proxies
from fhir_server.http.log import log_to_stdout
from fhir_server.interactions import integrity
from fhir_server.interactions.binding import Binder
from fhir_server.interactions.capabilities import Facts, Statement
from fhir_server.interactions.context import Context, Limits
from fhir_server.interactions.definitions import Definitions
from fhir_server.interactions.definitions_source import StoredDefinitions
from fhir_server.interactions.demands import demands_of
from fhir_server.interactions.dispatch import Dispatcher, Interaction
from fhir_server.interactions.governed import GovernedGate
from fhir_server.interactions.subsets import Subsets
from fhir_server.interactions.table import INTERACTIONS
from fhir_server.interactions.transaction.links import Links
from fhir_server.interactions.validating import whole_validator
from fhir_server.model.clock import Clock, SystemClock
from fhir_server.model.ids import Ids, RandomIds
from fhir_server.model.outcome import FhirError
from fhir_server.model.view import View
from fhir_server.operations import definitions, operations
from fhir_server.search.cursor import Cursors
from fhir_server.search.index import Indexer
from fhir_server.search.owner import Owners
from fhir_server.settings import (
    ENFORCE,
    EVERY_TYPE,
    MULTIPLE,
    ON,
    Settings,
    SettingsRefused,
    refuse_unknown_types,
)
from fhir_server.starting import check_start, in_zone, registry_of
from fhir_server.store.open import Store, StoreOptions, open_store
from fhir_server.store.sealing.opening import SealingOptions
from fhir_server.validation.structure import StructureValidator
from fhir_server.validation.validator import Validator
from profiles.loaded import LoadedPackages
from profiles.package import PackageError
from profiles.registry import Registry

NO_POLICY = (
    "FHIR_POLICY is unset: it says who may see and do what. `fr` comes with the server; `--open`, on the "
    "loopback address, serves without."
)
NO_PRODUCTION = (
    "FHIR_PRODUCTION is on, and this version knows development tokens only: it serves no real record."
)
DISTRIBUTION = "fhir-server"
REINDEX = (
    "Resources were indexed by an older version: searches find them as that version did. "
    "Run `fhir-server reindex` once; the server can go on serving."
)
CURSOR_KEY = "cursor"
STORE = "fhir-server-store"
CONTEXT = "fhir-server-context"
"""Where the open store and the context of the interactions are found in `Flask.extensions`."""


def create_app(settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> Flask:
    """Return the application over the database that the settings name.

    Raises SettingsRefused, and StoreRefused when the database cannot be used.
    """
    _refuse_closed(settings)
    registry = registry_of(settings)
    ours = definitions(settings.canonical_base)
    registry = replace(registry, operations={**registry.operations, **ours})
    refuse_unknown_types(settings, registry.resource_types)
    clock, ids = clock or SystemClock(), ids or RandomIds()
    policy = _policy(settings)
    settings = in_zone(settings, policy)
    store = _open(settings, registry, clock, ids)
    try:
        check_start(settings, policy, store.catalogue)
        app = _join(settings, registry, store, policy, clock, ids)
    except BaseException:
        store.close()
        raise
    atexit.register(store.close)
    log_to_stdout()
    if store.entries.behind():
        logging.getLogger("fhir_server.store").warning(REINDEX)
    return app


def close_app(app: Flask) -> None:
    """Write what waits in the access log and let go of the database."""
    store: Store = app.extensions[STORE]
    atexit.unregister(store.close)
    store.close()


def _join(
    settings: Settings, registry: Registry, store: Store, policy: Policy | None, clock: Clock, ids: Ids
) -> Flask:
    interactions = (*INTERACTIONS, *operations(settings.canonical_base, governed=not settings.open))
    validator = StructureValidator(registry)
    codecs = codecs_of(registry, validator)
    bare = _context(settings, registry, validator, codecs, store, interactions, clock, ids)
    context = _governed(_demanding(bare, settings), settings, store, policy)
    proxies = Proxies(settings.trusted_proxies)
    exchange = Exchange(context, codecs, _authentication(settings, store), settings.max_body_bytes, proxies)
    app = flask_application(
        exchange,
        interactions,
        ping=lambda: _answers(store),
        behind=store.entries.behind,
        version=version(DISTRIBUTION),
        cors=Cors(frozenset(settings.cors_origins)),
        operations=registry.operations,
        statement=context.statement.text,
    )
    app.extensions[STORE] = store
    app.extensions[CONTEXT] = context
    return app


def _refuse_closed(settings: Settings) -> None:
    if not settings.open and settings.policy is None:
        raise SettingsRefused([NO_POLICY])
    if not settings.open and settings.production == ON:
        raise SettingsRefused([NO_PRODUCTION])
    if settings.mongodb_uri is None:
        raise SettingsRefused(
            ["FHIR_MONGODB_URI is unset: `fhir-server serve` starts the embedded database."]
        )


def _open(settings: Settings, registry: Registry, clock: Clock, ids: Ids) -> Store:
    options = StoreOptions(
        registry=registry,
        cross_person_types=_types(settings.cross_person_types, registry),
        native_types=_types(settings.native_types, registry),
        sealing=SealingOptions.given(settings.sealing == ON, settings.key_vault, settings.key_master_file),
        clock=clock,
        ids=ids,
    )
    return open_store(settings.mongodb_uri or "", settings.database, options)


def _policy(settings: Settings) -> Policy | None:
    """Return the policy that governs, None in --open.  Raises SettingsRefused with all of its faults."""
    if settings.open or settings.policy is None:
        return None
    try:
        return load_policy(settings.policy)
    except PolicyRefused as refused:
        raise SettingsRefused(refused.texts) from None


def _authentication(settings: Settings, store: Store) -> Authentication:
    if settings.open:
        return Authentication(None, View.unrestricted("open"))
    try:
        key = open_key(settings.token_key_file or settings.data_dir / FILE_NAME)
    except TokenKeyRefused as refused:
        raise SettingsRefused([str(refused)]) from None
    return Authentication(Verifier(key, settings.base_url, store.tokens))


def _types(names: tuple[str, ...], registry: Registry) -> frozenset[str]:
    return registry.resource_types if names == EVERY_TYPE else frozenset(names)


def _indexer(settings: Settings, registry: Registry) -> Indexer:
    # A sealed record has no words of its text beside it in the clear.
    words = settings.sealing != ON
    return Indexer(registry, base_url=settings.base_url, zone=settings.zone, words=words)


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
    indexer = _indexer(settings, registry)
    return Context(
        records=store.records,
        blobs=store.blobs,
        audit=store.audit,
        journal=store.journal,
        proofs=store.ledger,
        systems=store.systems,
        replay=store.replay,
        registry=registry,
        validator=validator,
        definitions=_definitions(settings, registry, validator, store, clock),
        indexer=indexer,
        owners=Owners(registry, settings.base_url),
        cursors=Cursors(store.secret(CURSOR_KEY)),
        clock=clock,
        ids=ids,
        dispatcher=Dispatcher(interactions, registry.resource_types, settings.base_url),
        links=Links(registry),
        patches=codecs.patches,
        statement=Statement(_facts(settings, codecs, clock), interactions, indexer.catalogue),
        subsets=Subsets(registry),
        base_url=settings.base_url,
        canonical_base=settings.canonical_base,
        limits=_limits(settings),
        zone=settings.zone,
        cross_person_types=_types(settings.cross_person_types, registry),
        # In a governed server the View of each request says whether it may.
        update_create=True,
    )


def _definitions(
    settings: Settings, registry: Registry, structure: StructureValidator, store: Store, clock: Clock
) -> Definitions:
    def refused(fault: PackageError) -> None:
        logging.getLogger("fhir_server.definitions").warning("Loaded packages are not used: %s", fault)

    def compiled(generation: Registry) -> Validator:
        return whole_validator(generation, structure, clock.now, best_practice=False)

    loaded = LoadedPackages(registry, settings.packages, settings.package_folders, refused)
    return Definitions(registry, StoredDefinitions(store.records), clock, compiled, loaded.current)


def _demanding(context: Context, settings: Settings) -> Context:
    """Return the context with what writes are held to beyond their structure."""
    return replace(
        context,
        demands=demands_of(settings.validation, settings.required_profiles),
        integrity=integrity.check if settings.referential_integrity == ENFORCE else None,
    )


def _governed(context: Context, settings: Settings, store: Store, policy: Policy | None) -> Context:
    """Return the context with what governs access to it, nothing in --open."""
    labelling = Labelling(
        policy or neutral_policy(), base_url=settings.base_url, canonical_base=settings.canonical_base
    )
    if policy is None:
        # Nobody's rights depend on the log: an answer does not wait for it.
        return replace(context, labelling=labelling, audit_waits=False)
    binder = Binder(context.registry, context.owners, policy.directory.types, settings.base_url)
    gate = GovernedGate(policy, store.choices, binder, context.validator, store.records)
    return replace(context, labelling=labelling, gate=gate, policy=policy, choices=store.choices)


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
        governed=not settings.open,
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
