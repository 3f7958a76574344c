"""The background work of a served database, in the process that the user started."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING, Final

from fhir_server.settings import ON, Settings

if TYPE_CHECKING:
    from fhir_server.store.open import Store

AGAIN_S: Final = 5.0


def work_until(stopped: threading.Event, settings: Settings, *, again_s: float = AGAIN_S) -> None:
    """Do the background work until `stopped` is set.

    A database that cannot be opened is tried again after `again_s` seconds: it was there when the server
    became ready, and work that gave up would be missed until the next start.
    """
    if settings.mongodb_uri is None:
        return
    from fhir_server.commands.serving.sequencing import sequencer_of
    from fhir_server.model.clock import SystemClock
    from fhir_server.work import Work, tasks_of

    store = _opened(stopped, settings, settings.mongodb_uri, again_s)
    if store is None:
        return
    try:
        holder = f"{socket.gethostname()}/{os.getpid()}"
        Work(tasks_of(store, sequencer_of(settings, store)), store.leases, SystemClock(), holder).run(stopped)
    finally:
        store.close()


def _opened(stopped: threading.Event, settings: Settings, uri: str, again_s: float) -> Store | None:
    """Return the store, None once stopped."""
    from fhir_server.model.outcome import FhirError
    from fhir_server.store.connection import StoreRefused
    from fhir_server.store.open import StoreOptions, open_store
    from fhir_server.store.sealing.opening import SealingOptions

    sealing = SealingOptions.given(settings.sealing == ON, settings.key_vault, settings.key_master_file)
    while not stopped.is_set():
        try:
            return open_store(uri, settings.database, StoreOptions(sealing=sealing))
        except (StoreRefused, FhirError):  # the database is away: requests say so
            stopped.wait(again_s)
    return None
