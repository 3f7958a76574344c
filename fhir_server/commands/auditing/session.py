"""The access log of the settings, open for a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fhir_server.access.checkpoint_key import CheckpointKeyRefused, read_public_key, read_signing_key
from fhir_server.commands.serving.sequencing import key_path
from fhir_server.model.outcome import FhirError
from fhir_server.settings import Settings, SettingsRefused, read_settings
from fhir_server.store.checkpoint_files import CheckpointFiles
from fhir_server.store.connection import StoreRefused
from fhir_server.store.data_dir import AlreadyServed, UnsafeDirectory
from fhir_server.store.embedded import Embedded
from fhir_server.store.ledger import MongoLedger
from fhir_server.store.mongod import MongodUnavailable
from fhir_server.store.open import StoreOptions, open_store

EXIT_NOT_POSSIBLE: Final = 2
REFUSALS: Final = (
    SettingsRefused, StoreRefused, AlreadyServed, UnsafeDirectory, MongodUnavailable, CheckpointKeyRefused,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Session:
    """The log, and where its checkpoints are kept a second time."""

    settings: Settings
    ledger: MongoLedger

    def copies(self, directory: Path | None) -> Mapping[int, str] | None:
        """Return the notes of the second place by number, the first of each; None: there is no such place.

        Raises SettingsRefused.
        """
        place = directory or self.settings.audit_export
        if place is None:
            return None
        if not place.is_dir():
            raise SettingsRefused([f"{place} is no directory: there are no copies of checkpoints."])
        notes: dict[int, str] = {}
        for copy in CheckpointFiles(place).read():
            notes.setdefault(copy.number, copy.note)
        return notes

    def keys(self, files: tuple[Path, ...]) -> list[Ed25519PublicKey]:
        """Return the public keys of some files, else the server's own.  Raises CheckpointKeyRefused."""
        if files:
            return [read_public_key(file) for file in files]
        return [read_signing_key(key_path(self.settings)).public_key()]


@contextmanager
def settings_of(config: Path | None) -> Iterator[Settings]:
    """Give the settings; what stands in the way ends the program with its reason."""
    try:
        yield read_settings(os.environ, config)
    except REFUSALS as reason:
        refuse(str(reason))
    except OSError as reason:
        refuse(f"{reason.filename}: {reason.strerror}.")
    except FhirError as error:
        refuse(error.issues[0].text)


@contextmanager
def open_session(config: Path | None) -> Iterator[Session]:
    """Open the database of the settings; what stands in the way ends the program with its reason."""
    with settings_of(config) as settings, ExitStack() as opened:
        uri = settings.mongodb_uri
        if uri is None:
            embedded = Embedded.start(settings.data_dir.absolute())
            opened.callback(embedded.stop)
            uri = embedded.uri
        store = open_store(uri, settings.database, StoreOptions())
        opened.callback(store.close)
        yield Session(settings, store.ledger)


def refuse(text: str) -> NoReturn:
    """End the program: what was asked is not possible."""
    click.echo(text, err=True)
    sys.exit(EXIT_NOT_POSSIBLE)
