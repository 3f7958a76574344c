"""A vault of files, for one machine: a file for each person, each change written whole and synced.

```
vault.json                        {"schema": 1, "id": …, "masters": […], "complete": […]}
epoch                             changed with every replacement
lock                              held by whoever changes something
keys/ab/ab12….json                the keys of one person, by the SHA-256 of their id
```
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fhir_server.model.outcome import FhirError, refuse
from fhir_server.store.connection import StoreRefused
from fhir_server.store.sealing.vault import Fact, KeyRecord, WrappedKey

SCHEMA: Final = 1
SETTLES_S: Final = 0.02
"""Asking for the epoch is looking at one file: it costs microseconds."""

VAULT_UNAVAILABLE: Final = "The key vault does not answer at present; the request can be repeated."


class DirectoryVault:
    """Implements `sealing.vault.Vault`."""

    settles_s = SETTLES_S

    def __init__(self, root: Path, *, create: bool) -> None:
        """Open the vault; with `create`, make it unless it is there.  Raises StoreRefused."""
        self._root = root
        self._kept = root / "vault.json"
        try:
            if not self._kept.exists() and create:
                self._make()
            known = json.loads(self._kept.read_text("utf-8"))
            self.id: str = known["id"]
            if known["schema"] != SCHEMA:
                raise StoreRefused(f"The key vault {root} has schema {known['schema']}, not {SCHEMA}.")
            if stat.S_IMODE(root.stat().st_mode) & 0o077:
                raise StoreRefused(f"The key vault {root} is open to other users: `chmod 700` it.")
        except (OSError, ValueError, KeyError, TypeError):
            raise StoreRefused(
                f"There is no key vault in the directory {root}: FHIR_KEY_VAULT has to name the one that the "
                "database was sealed with. Without it what is sealed cannot be read."
            ) from None

    def epoch(self) -> str:
        """Return a text that is another one after every `replace` and `touch`."""
        with _available():
            status = (self._root / "epoch").stat()
        return f"{status.st_ino}/{status.st_mtime_ns}"

    def touch(self) -> None:
        """Make every process read again what it has read, `settles_s` from now at the latest."""
        with _available(), self._changing():
            self._bump()

    def read(self, owner: str) -> KeyRecord | None:
        """Return the keys of a person, None if there never were any."""
        with _available():
            try:
                return _record(json.loads(self._path(owner).read_bytes()))
            except FileNotFoundError:
                return None

    def create(self, record: KeyRecord) -> KeyRecord:
        """Keep the first keys of a person, unless there are some; return those that are kept."""
        with _available(), self._changing():
            known = self.read(record.owner)
            if known is not None:
                return known
            self._write(self._path(record.owner), _document(record))
        return record

    def replace(self, record: KeyRecord) -> bool:
        """Keep `record` in the place of the version before it; False if that is not the current one."""
        with _available(), self._changing():
            known = self.read(record.owner)
            if known is None or known.version != record.version - 1:
                return False
            self._write(self._path(record.owner), _document(record))
            self._bump()
        return True

    def records(self) -> Iterator[KeyRecord]:
        """Yield the keys of every person, in no order."""
        with _available():
            for path in (self._root / "keys").glob("*/*.json"):
                yield _record(json.loads(path.read_bytes()))

    def destroyed(self) -> Iterator[KeyRecord]:
        """Yield what is left of those whose keys were destroyed, in no order.  Looks at every file."""
        return (record for record in self.records() if record.destroyed is not None)

    def facts(self, fact: Fact) -> frozenset[str]:
        """Return a set of words."""
        with _available():
            return frozenset(json.loads(self._kept.read_bytes())[fact])

    def note(self, fact: Fact, word: str) -> None:
        """Add a word to a set."""
        self._change(fact, lambda words: words | {word})

    def drop(self, fact: Fact, word: str) -> None:
        """Remove a word from a set."""
        self._change(fact, lambda words: words - {word})

    def close(self) -> None:
        """Let go of it: no file is held open."""

    def _change(self, fact: Fact, changed: Any) -> None:
        with _available(), self._changing():
            known = json.loads(self._kept.read_bytes())
            self._write(self._kept, {**known, fact: sorted(changed(set(known[fact])))})

    def _make(self) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._changing():
            if self._kept.exists():
                return
            (self._root / "keys").mkdir(mode=0o700, exist_ok=True)
            self._bump()
            empty = {"schema": SCHEMA, "id": secrets.token_hex(8), "masters": [], "complete": []}
            self._write(self._kept, empty)

    def _path(self, owner: str) -> Path:
        name = hashlib.sha256(owner.encode("utf-8")).hexdigest()
        return self._root / "keys" / name[:2] / f"{name}.json"

    def _bump(self) -> None:
        self._write(self._root / "epoch", {"epoch": secrets.token_hex(8)})

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with (self._root / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700)
            _sync_directory(path.parent.parent)
        fresh = path.with_name(path.name + ".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(json.dumps(content).encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_directory(path.parent)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except FhirError:
        raise
    except (OSError, ValueError, KeyError, TypeError):
        # A file that cannot be read and one that is no record are the same to a request.
        raise refuse("database-unavailable", VAULT_UNAVAILABLE) from None


def _sync_directory(path: Path) -> None:
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _document(record: KeyRecord) -> dict[str, Any]:
    keys = [
        {"number": key.number, "master": key.master, "wrapped": base64.b64encode(key.wrapped).decode("ascii")}
        for key in record.keys
    ]
    return {
        "owner": record.owner,
        "version": record.version,
        "keys": keys,
        "destroyed": None if record.destroyed is None else record.destroyed.isoformat(),
        "erased": None if record.erased is None else record.erased.isoformat(),
    }


def _record(kept: dict[str, Any]) -> KeyRecord:
    keys = tuple(
        WrappedKey(key["number"], key["master"], base64.b64decode(key["wrapped"], validate=True))
        for key in kept["keys"]
    )
    return KeyRecord(
        kept["owner"], kept["version"], keys, _instant(kept["destroyed"]), _instant(kept["erased"])
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
