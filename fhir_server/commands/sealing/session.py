"""A sealed store opened for one command, and how such a command ends."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from fhir_server.commands.stopping import stopping
from fhir_server.model.outcome import FhirError
from fhir_server.settings import EVERY_TYPE, ON, SettingsRefused, read_settings
from fhir_server.starting import registry_of
from fhir_server.store.connection import StoreRefused
from fhir_server.store.data_dir import AlreadyServed, UnsafeDirectory
from fhir_server.store.embedded import Embedded
from fhir_server.store.mongod import MongodUnavailable
from fhir_server.store.open import Store, StoreOptions, open_store
from fhir_server.store.sealing.opening import SealingOptions
from fhir_server.store.sealing.seals import Sealing

EXIT_DONE: Final = 0
EXIT_NOT_POSSIBLE: Final = 2
EXIT_STOPPED: Final = 130
REFUSALS: Final = (SettingsRefused, StoreRefused, AlreadyServed, UnsafeDirectory, MongodUnavailable)


@dataclass(frozen=True, slots=True)
class Session:
    """An open store with sealing; `stopped` is set at the first Ctrl-C."""

    store: Store
    sealing: Sealing
    stopped: threading.Event


@contextmanager
def open_session(config: Path | None) -> Iterator[Session]:
    """Open the store of the settings, and turn what stands in the way into a message and exit code 2."""
    try:
        with ExitStack() as opened:
            yield _open(config, opened)
    except REFUSALS as reason:
        refuse(str(reason))
    except FhirError as error:
        refuse(error.issues[0].text)


def refuse(reason: str) -> None:
    """Say why nothing can be done and end the command."""
    click.echo(reason, err=True)
    sys.exit(EXIT_NOT_POSSIBLE)


def _open(config: Path | None, opened: ExitStack) -> Session:
    settings = read_settings(os.environ, config, defaults={"cross_person_types": EVERY_TYPE})
    options = SealingOptions.given(settings.sealing == ON, settings.key_vault, settings.key_master_file)
    if options is None:
        raise SettingsRefused(
            ["FHIR_SEALING is off: there are no keys. docs/sealing.md says how to switch it on."]
        )
    if settings.mongodb_uri is None:
        embedded = Embedded.start(settings.data_dir.absolute())
        opened.callback(embedded.stop)
        settings = replace(settings, mongodb_uri=embedded.uri)
    store = open_store(
        settings.mongodb_uri or "",
        settings.database,
        StoreOptions(
            registry=registry_of(settings),
            cross_person_types=frozenset(settings.cross_person_types),
            sealing=options,
        ),
    )
    opened.callback(store.close)
    assert store.sealing is not None
    stopped = threading.Event()
    opened.enter_context(stopping(stopped))
    return Session(store, store.sealing, stopped)
