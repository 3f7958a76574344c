"""The keys of all persons under the newest master key: what is sealed with them is not touched."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from fhir_server.store.sealing.keyring import KeyDestroyed, Keyring


def rewrap_all(keyring: Keyring, stopped: threading.Event, told: Callable[[int], None]) -> bool:
    """Wrap the keys of everybody by the last master key of the file; return whether it is done.

    `told` hears how many persons were done.  What is done is not done again, so a run that was cut off is
    simply repeated.  Once nothing needs them, the vault forgets the other master keys: they can leave the
    file. Raises FhirError `seal-broken` where a key does not open, `database-unavailable`.
    """
    keyring.reload()
    while True:
        done = 0
        for record in keyring.vault.records():
            if stopped.is_set():
                return False
            try:
                changed = keyring.rewrap(record)
            except KeyDestroyed:
                continue
            if changed:
                done += 1
                told(1)
        if not done:
            break
    for master in keyring.vault.facts("masters") - {keyring.masters.current}:
        keyring.vault.drop("masters", master)
    return True


def uses(keyring: Keyring) -> Counter[str]:
    """Return how many persons have keys under each master key, by its name.  Looks at everybody."""
    found: Counter[str] = Counter({keyring.masters.current: 0})
    for record in keyring.vault.records():
        found.update({key.master for key in record.keys})
    return found
