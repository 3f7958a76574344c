"""A sealed store for tests: its vault, its master key file, and as many stores on it as a test wants."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from fhir_server.store.open import Store, StoreOptions, open_store
from fhir_server.store.sealing.opening import SealingOptions

LARGE = "QUJD" * 20_000
"""Base64 that leaves the body for a blob."""


@dataclass
class SealedDatabase:
    """Opens stores over one database and one vault."""

    uri: str
    name: str
    vault: str
    master_file: Path

    @contextmanager
    def open(self, *, sealed: bool = True, **more: Any) -> Iterator[Store]:
        given = SealingOptions(self.vault, self.master_file) if sealed else None
        options = StoreOptions(cross_person_types=frozenset({"*"}), sealing=given)
        store = open_store(self.uri, self.name, replace(options, **more))
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def raw(self) -> Iterator[Any]:
        """The database, past the server."""
        with MongoClient[dict[str, Any]](self.uri) as client:
            yield client[self.name]


def write_master(path: Path, *keys: str) -> Path:
    """Write a master key file of these keys, or of one new one."""
    path.write_text("".join(f"{key}\n" for key in keys or (secrets.token_hex(32),)), "ascii")
    path.chmod(0o600)
    return path


def flipped(data: bytes, at: int) -> bytes:
    """Return the bytes with one bit of the byte at `at` changed."""
    changed = bytearray(data)
    changed[at] ^= 0x10
    return bytes(changed)


@contextmanager
def sealed_database(uri: str, name: str, kind: str, folder: Path) -> Iterator[SealedDatabase]:
    """Give a sealed database whose vault is of a kind, `directory` or `mongodb`; its vault is dropped."""
    vault = str(folder / "vault")
    if kind == "mongodb":
        head, _, query = uri.partition("?")
        vault = f"{head.rstrip('/')}/{name}_keys?{query}"
    made = SealedDatabase(uri, name, vault, write_master(folder / "master.key"))
    yield made
    with made.raw() as database:
        database.client.drop_database(f"{name}_keys")
