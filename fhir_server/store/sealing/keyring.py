"""The keys of persons, unwrapped, as long as it is known that they are still the ones of the vault.

What was read from the vault is used for `Vault.settles_s` at most; then the vault is asked whether anything
changed since.  So a key that was destroyed anywhere opens nothing after that time, in any process, and where
the vault does not answer nothing is sealed or opened.  Python cannot overwrite a key in memory: what was
forgotten is left to its collector.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhir_server.model.clock import Clock
from fhir_server.model.outcome import refuse
from fhir_server.store.connection import StoreRefused
from fhir_server.store.sealing.master import KeyDamaged, MasterKeys, MasterUnknown
from fhir_server.store.sealing.vault import KeyRecord, Vault, WrappedKey

CAPACITY: Final = 10_000
"""Persons whose keys are kept unwrapped in one process."""
_NUMBERS: Final = (1 << 31) - 1
_NO_MASTER: Final = (
    "A key of the vault was wrapped by a master key that this server does not have: FHIR_KEY_MASTER_FILE has "
    "to keep a master key until `fhir-server keys status` shows that nothing needs it."
)
_DAMAGED: Final = (
    "The key of this record in the vault is damaged: it does not open under its master key. Restore the "
    "vault from its backup."
)
_BUSY: Final = "The keys of this record are being changed by others; the request can be repeated."


class KeyDestroyed(KeyError):
    """The keys of a person were destroyed: what they sealed is lost, as was intended."""


@dataclass(frozen=True, slots=True)
class PersonKeys:
    """The keys of one person; `current` is the number of the one in use, None once they are destroyed."""

    epoch: str
    """The state of the vault before they were read."""
    current: int | None
    ciphers: Mapping[int, AESGCM]


class Keyring:
    """Implements `access.ports.Keys`.  Its methods raise FhirError `database-unavailable`, `seal-broken`.

    `now` counts seconds, `pause` waits for some.
    """

    def __init__(
        self,
        vault: Vault,
        master_file: Path,
        clock: Clock,
        *,
        capacity: int = CAPACITY,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Read the master keys.  Raises StoreRefused, also where one that wrapped something is missing."""
        self.vault = vault
        self._file = master_file
        self._masters = MasterKeys.read(master_file)
        self._clock = clock
        self._capacity = capacity
        self._now = now
        self._pause = pause
        self._lock = Lock()
        self._known: OrderedDict[str, PersonKeys] = OrderedDict()
        self._checked = now()
        self._epoch = vault.epoch()
        used = vault.facts("masters")
        missing = sorted(master for master in used if not self._masters.has(master))
        if missing:
            raise StoreRefused(
                f"The master key file {master_file} lacks the key {missing[0]}, which wrapped keys: "
                "put it back, before the last line, and `fhir-server keys rotate` makes it unnecessary."
            )
        if self._masters.current not in used:
            vault.note("masters", self._masters.current)

    @property
    def master_file(self) -> Path:
        """The file of the master keys."""
        return self._file

    @property
    def masters(self) -> MasterKeys:
        """The master keys, as they were last read from their file."""
        return self._masters

    def current(self, owner: str) -> tuple[int, AESGCM]:
        """Return number and cipher of the key that seals for a person, made at first use.

        Raises KeyDestroyed.
        """
        keys = self._keys(owner) or self._begin(owner)
        if keys.current is None:
            raise KeyDestroyed(owner)
        return keys.current, keys.ciphers[keys.current]

    def of(self, owner: str, number: int) -> AESGCM | None:
        """Return the cipher of a person's key, None where the vault never had it.  Raises KeyDestroyed."""
        keys = self._keys(owner)
        if keys is None:
            return None
        if keys.current is None:
            raise KeyDestroyed(owner)
        return keys.ciphers.get(number)

    def data_key(self, owner: str) -> bytes:
        """Return the 32-byte key of a person, made at first use.  Raises KeyError once destroyed."""
        number, _ = self.current(owner)
        record = self.vault.read(owner)
        found = [key for key in record.keys if key.number == number] if record is not None else []
        if not found:
            raise KeyDestroyed(owner)
        return self._unwrap(found[0], owner)

    def renew(self, owner: str) -> int:
        """Give a person a further key, in force in every process when this returns; return its number.

        What was sealed with the older ones stays readable.  Raises KeyError: destroyed, or never any keys.
        """
        fresh = self._masters.wrap(AESGCM.generate_key(256), _number(), owner)
        self._change(owner, lambda record: replace(record, keys=(*record.keys, fresh)))
        self._settle()
        return fresh.number

    def forget_older(self, owner: str) -> None:
        """Remove all keys of a person but the one in use: nothing is sealed with them any more."""
        self._change(owner, lambda record: replace(record, keys=record.keys[-1:]))
        self._settle()

    def destroy(self, owner: str) -> None:
        """Make everything that was sealed for the person unreadable, for good.

        In force in every process when this returns.  Destroying twice is no error, nor is destroying what
        never was: no key can be made for the person any more.
        """
        now = self._clock.now()
        empty = KeyRecord(owner, 1, (), destroyed=now)
        if self.vault.create(empty).destroyed is None:
            self._change(owner, lambda record: replace(record, keys=(), destroyed=now, erased=None))
        self.vault.touch()
        self._settle()

    def refuse_living(self, owner: str) -> None:
        """Raise KeyError unless the keys of the person were destroyed."""
        record = self.vault.read(owner)
        if record is None or record.destroyed is None:
            raise KeyError(owner)

    def mark_erased(self, owner: str) -> None:
        """Note that what the destroyed keys had sealed was deleted."""
        now = self._clock.now()
        self._change(owner, lambda record: replace(record, erased=now), destroyed=True)

    def rewrap(self, record: KeyRecord) -> bool:
        """Wrap the keys of a person by the current master key; False if there was nothing to do."""
        if all(key.master == self._masters.current for key in record.keys):
            return False
        self._change(record.owner, self._rewrapped)
        return True

    def reload(self) -> None:
        """Read the master keys from their file again and make every process do so.  Raises StoreRefused."""
        self._masters = MasterKeys.read(self._file)
        self.vault.note("masters", self._masters.current)
        self.vault.touch()
        self._settle()

    def _rewrapped(self, record: KeyRecord) -> KeyRecord:
        try:
            return replace(record, keys=self._masters.rewrap(record))
        except MasterUnknown:
            raise refuse("seal-broken", _NO_MASTER) from None
        except KeyDamaged:
            raise refuse("seal-broken", _DAMAGED) from None

    def _change(
        self, owner: str, changed: Callable[[KeyRecord], KeyRecord], *, destroyed: bool = False
    ) -> None:
        for _ in range(10):
            record = self.vault.read(owner)
            if record is None or (record.destroyed is not None) != destroyed:
                raise KeyDestroyed(owner)
            if self.vault.replace(replace(changed(record), version=record.version + 1)):
                return
        raise refuse("conflict", _BUSY)

    def _begin(self, owner: str) -> PersonKeys:
        first = self._masters.wrap(AESGCM.generate_key(256), _number(), owner)
        epoch = self._epoch
        return self._opened(self.vault.create(KeyRecord(owner, 1, (first,))), epoch)

    def _keys(self, owner: str) -> PersonKeys | None:
        epoch = self._fresh()
        with self._lock:
            known = self._known.get(owner)
            if known is not None and known.epoch == epoch:
                self._known.move_to_end(owner)
                return known
        record = self.vault.read(owner)
        return None if record is None else self._opened(record, epoch)

    def _opened(self, record: KeyRecord, epoch: str) -> PersonKeys:
        ciphers = {key.number: AESGCM(self._unwrap(key, record.owner)) for key in record.keys}
        current = record.keys[-1].number if record.keys and record.destroyed is None else None
        keys = PersonKeys(epoch, current, MappingProxyType(ciphers))
        with self._lock:
            self._known[record.owner] = keys
            self._known.move_to_end(record.owner)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return keys

    def _unwrap(self, key: WrappedKey, owner: str) -> bytes:
        try:
            return self._masters.unwrap(key, owner)
        except MasterUnknown:
            raise refuse("seal-broken", _NO_MASTER) from None
        except KeyDamaged:
            raise refuse("seal-broken", _DAMAGED) from None

    def _fresh(self) -> str:
        """Return the state of the vault, as of `settles_s` ago at most."""
        now = self._now()
        if now - self._checked < self.vault.settles_s:
            return self._epoch
        epoch = self.vault.epoch()
        if epoch != self._epoch:
            # Others may have begun to wrap with a master key that was added to the file.
            with suppress(StoreRefused):
                self._masters = MasterKeys.read(self._file)
            self._epoch = epoch
        self._checked = now
        return self._epoch

    def _settle(self) -> None:
        """Wait until no process uses any more what it had read before."""
        self._checked = self._now() - self.vault.settles_s
        self._pause(self.vault.settles_s)


def _number() -> int:
    return secrets.randbelow(_NUMBERS) + 1
