"""The background work of a served database, in the process that the user started."""

from __future__ import annotations

import os
import socket
import threading

from fhir_server.settings import ON, Settings


def work_until(stopped: threading.Event, settings: Settings) -> None:
    """Do the background work until `stopped` is set.  Raises StoreRefused."""
    if stopped.is_set() or settings.mongodb_uri is None:
        return
    from fhir_server.commands.serving.sequencing import sequencer_of
    from fhir_server.model.clock import SystemClock
    from fhir_server.store.open import StoreOptions, open_store
    from fhir_server.store.sealing.opening import SealingOptions
    from fhir_server.work import Work, tasks_of

    sealing = SealingOptions.given(settings.sealing == ON, settings.key_vault, settings.key_master_file)
    store = open_store(settings.mongodb_uri, settings.database, StoreOptions(sealing=sealing))
    try:
        holder = f"{socket.gethostname()}/{os.getpid()}"
        Work(tasks_of(store, sequencer_of(settings, store)), store.leases, SystemClock(), holder).run(stopped)
    finally:
        store.close()
