"""Sealing opened for one database: the vault, the master keys, and whether the two belong together."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fhir_server.model.clock import Clock
from fhir_server.model.outcome import FhirError
from fhir_server.store.catalogue import META, Catalogue
from fhir_server.store.connection import SELECTION_MS, StoreRefused
from fhir_server.store.sealing.compression import Dictionaries
from fhir_server.store.sealing.keyring import Keyring
from fhir_server.store.sealing.seals import Sealing
from fhir_server.store.sealing.vault import Vault
from fhir_server.store.sealing.vault_directory import DirectoryVault
from fhir_server.store.sealing.vault_mongodb import MongoVault

MARK: Final = "sealing"
_IS_SEALED: Final = (
    "The database has sealed records: FHIR_SEALING has to be on, with the FHIR_KEY_VAULT and the "
    "FHIR_KEY_MASTER_FILE that they were sealed with. Sealing cannot be switched off again."
)


@dataclass(frozen=True, slots=True)
class SealingOptions:
    """Where the keys are.  `vault` is a directory or a mongodb:// URI, which can hold a password."""

    vault: str
    master_file: Path

    @classmethod
    def given(cls, on: bool, vault: str | None, master_file: Path | None) -> SealingOptions | None:
        """Return the options of settings that do not contradict each other; None where sealing is off."""
        return cls(vault, master_file) if on and vault is not None and master_file is not None else None

    def __repr__(self) -> str:
        return "SealingOptions(…)"


def open_sealing(options: SealingOptions | None, catalogue: Catalogue, clock: Clock) -> Sealing | None:
    """Return the sealing of a database, None where nothing is sealed.

    A database is marked with the vault of its first sealed start and opens with no other.  One in which
    nothing was stored yet is strict from then on.  Raises StoreRefused.
    """
    mark = catalogue.service(META).find_one({"_id": MARK})
    if options is None:
        if mark is not None:
            raise StoreRefused(_IS_SEALED)
        return None
    vault = _vault(options.vault, create=mark is None)
    try:
        return _join(vault, options, catalogue, clock, mark)
    except FhirError as error:
        vault.close()
        raise StoreRefused(error.issues[0].text) from None
    except BaseException:
        vault.close()
        raise


def database_in_vault(catalogue: Catalogue) -> str:
    """Return what a vault calls the database: its name and the number that it was marked with."""
    mark: dict[str, Any] = catalogue.service(META).find_one({"_id": MARK}) or {}
    return f"{catalogue.service(META).database.name}/{mark.get('number', '')}"


def _join(
    vault: Vault, options: SealingOptions, catalogue: Catalogue, clock: Clock, mark: dict[str, Any] | None
) -> Sealing:
    keyring = Keyring(vault, options.master_file, clock)
    dictionaries = Dictionaries.load()
    if mark is None:
        mark = _mark(catalogue, vault)
        if not catalogue.existing():
            vault.note("complete", database_in_vault(catalogue))
    if mark["vault"] != vault.id:
        raise StoreRefused(
            "FHIR_KEY_VAULT names a vault that this database was not sealed with: its keys open nothing here."
        )
    return Sealing(keyring, dictionaries, strict=database_in_vault(catalogue) in vault.facts("complete"))


def _mark(catalogue: Catalogue, vault: Vault) -> dict[str, Any]:
    kept: Any = catalogue.service(META).find_one_and_update(
        {"_id": MARK},
        {"$setOnInsert": {"vault": vault.id, "number": secrets.token_hex(8)}},
        upsert=True,
        return_document=True,
    )
    mark: dict[str, Any] = kept
    return mark


def _vault(named: str, *, create: bool) -> Vault:
    if named.startswith(("mongodb://", "mongodb+srv://")):
        return MongoVault(named, create=create, selection_ms=SELECTION_MS)
    return DirectoryVault(Path(named), create=create)
