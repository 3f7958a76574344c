"""The worker processes: granian in WSGI mode, each with an application of its own.

`load_application` runs inside a worker; the rest runs in the process that the user started.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing.connection import wait
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.common import AbstractServer

from fhir_server.commands.serving.bodies import BODILESS, Answer, Bodies, too_slow
from fhir_server.commands.serving.signals import told_of
from fhir_server.settings import Settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""A WSGI application.  Spec: PEP 3333"""

STOP_SECONDS = 15
"""How long a worker may finish its requests after it was told to stop."""

_TO_STDERR = {"formatter": "generic", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
GRANIAN_LOG = {"handlers": {"console": _TO_STDERR, "access": _TO_STDERR}}
"""Standard output is for our events and request lines alone."""

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})

COLLECT_AFTER = (50_000, 20, 20)
"""Objects made since the last collection of the youngest, and how many of those until the next generation."""

WORKER_REFUSED = 3
"""Exit code of a worker that could not make its application; it has said why."""


def build(*, host: str, port: int, workers: int, threads: int) -> AbstractServer[Any]:
    """Return the server, not yet started; `serve` on it blocks until SIGINT or SIGTERM."""
    return Granian(
        target="fhir_server.app:create_app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        http=HTTPModes.http1,
        websockets=False,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.error,
        log_dictconfig=GRANIAN_LOG,
    )


def run(server: AbstractServer[Any], settings: Settings, *, request_log: bool) -> None:
    """Start the workers and block until SIGINT or SIGTERM.

    `request_log`: each request leaves a line of JSON on standard output.  Workers are spawned, not forked:
    they hold no lock, no socket and no thread of this process.
    Raises SystemExit(1) if a worker ended by itself, or after `give_up`.
    """
    multiprocessing.set_start_method("spawn", force=True)
    with told_of(STOP_SIGNALS, partial(_stop, server)):
        loader = partial(load_application, settings, request_log, server.blocking_threads)
        server.serve(target_loader=loader, wrap_loader=False)


def _stop(server: AbstractServer[Any]) -> None:
    """Do what granian's handler of a signal to stop does, from any thread."""
    server.interrupt_signal = True
    server.main_loop_interrupt.set()


def give_up(server: AbstractServer[Any]) -> None:
    """Stop the running workers and make `run` raise SystemExit(1)."""
    server.respawn_failed_workers = False
    server.interrupt_children.append(0)
    server.main_loop_interrupt.set()


def whole_bodies(application: Application, bodies: Bodies | None = None) -> Application:
    """Return the application answering with lists, and the bodies that it reads watched by `bodies`.

    granian sends a list at once; any other iterable it streams, piece by piece between its threads and the
    interpreter's lock, which costs more than a fifth of a page.
    """

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if bodies is not None and environ["REQUEST_METHOD"] not in BODILESS:
            bodies.watch(environ, sys._getframe(1))
        body = application(environ, start_response)
        try:
            return list(body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    return call


def load_application(settings: Settings, request_log: bool, threads: int) -> Application:
    """Return the WSGI application of a worker; ends the process if the settings or the store are refused."""
    end_once()
    from fhir_server.app import create_app  # here: the process that the user started does not need it
    from fhir_server.http.log import LOGGER
    from fhir_server.settings import SettingsRefused
    from fhir_server.store.connection import StoreRefused

    if not request_log:
        LOGGER.setLevel(logging.WARNING)
    try:
        application = whole_bodies(create_app(settings).wsgi_app, _bodies(settings, threads))
        collect_seldom()
        return application
    except (SettingsRefused, StoreRefused) as reason:
        sys.stderr.write(f"{reason}\n")
        sys.stderr.flush()
        os._exit(WORKER_REFUSED)


def _bodies(settings: Settings, threads: int) -> Bodies | None:
    """Return what watches the bodies of a worker, None where only a reverse proxy can."""
    if sys.platform != "linux":
        return None
    from fhir_server.http import errors, formats

    refused = errors.refusal(too_slow(settings.body_timeout), settings.canonical_base)
    fields = {"content-type": formats.JSON.content_type, "cache-control": "no-store", "connection": "close"}
    answer = Answer(refused.status, tuple(fields.items()), refused.body)
    return Bodies(settings.body_timeout, threads, answer)


def collect_seldom() -> None:
    """Let the garbage collector pass over the definitions, which stay, and run less often.

    A request makes tens of thousands of small objects and few cycles: at Python's own thresholds the
    collector took a third of the time of converting documents in one measurement, and nothing in another.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def end_once() -> None:
    """Stop this worker at the first signal or when its parent is gone, and only once.

    Ctrl-C in a terminal and the end of a service reach parent and workers alike, and the parent then signals
    its workers too: granian hangs at the second signal.  A worker without a parent would hold the port.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    first = threading.Lock()

    def stop() -> None:
        if first.acquire(blocking=False):
            handler = signal.getsignal(signal.SIGTERM)
            if callable(handler):
                handler(signal.SIGTERM, None)
            else:  # granian has not set its own yet: nothing is being served
                os._exit(0)

    def await_signal() -> None:
        signal.sigwait(STOP_SIGNALS)
        stop()

    def await_parent(sentinel: int) -> None:
        wait([sentinel])
        stop()

    threading.Thread(target=await_signal, daemon=True, name="signal-watch").start()
    parent = multiprocessing.parent_process()
    if parent is not None:
        arguments = (parent.sentinel,)
        threading.Thread(target=await_parent, args=arguments, daemon=True, name="parent-watch").start()
