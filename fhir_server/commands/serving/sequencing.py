"""The sequencer of a served database, made of its settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fhir_server.settings import Settings, SettingsRefused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from fhir_server.store.open import Store
    from fhir_server.store.sequencer import Sequencer


def is_sequenced(settings: Settings) -> bool:
    """Whether the access log is put under checkpoints: where access is governed, or a setting asks for it."""
    return not settings.open or settings.audit_key_file is not None or settings.audit_export is not None


def key_path(settings: Settings) -> Path:
    """Return where the key is."""
    from fhir_server.access.checkpoint_key import FILE_NAME

    return settings.audit_key_file or settings.data_dir / FILE_NAME


def open_key(settings: Settings) -> Ed25519PrivateKey | None:
    """Return the key that signs, made if it is the data directory's.  Raises SettingsRefused."""
    if not is_sequenced(settings):
        return None
    from fhir_server.access.checkpoint_key import CheckpointKeyRefused, open_signing_key, read_signing_key

    try:
        path = key_path(settings)
        return open_signing_key(path) if settings.audit_key_file is None else read_signing_key(path)
    except CheckpointKeyRefused as reason:
        raise SettingsRefused([str(reason)]) from None


def sequencer_of(settings: Settings, store: Store) -> Sequencer | None:
    """Return the sequencer, None where the log is not put under checkpoints.  Raises SettingsRefused."""
    key = open_key(settings)
    if key is None:
        return None
    from fhir_server.store.checkpoint_files import CheckpointFiles
    from fhir_server.store.sequencer import Sequencer

    files = CheckpointFiles(settings.audit_export) if settings.audit_export is not None else None
    return Sequencer(store.ledger, key, files, _alarm)


def _alarm(text: str) -> None:
    click.echo(text, err=True)
