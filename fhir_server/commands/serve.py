"""`fhir-server serve`: a database if none is given, workers, and a clean end."""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_server.commands.serving import address, sequencing
from fhir_server.settings import EVERY_TYPE, ON, Settings, SettingsRefused, read_settings

if TYPE_CHECKING:
    from fhir_server.store.embedded import Embedded

EXIT_REFUSED = 2
READY_TIMEOUT_S = 60.0
FHIR_PATH = "/fhir"

HELP = """Serve FHIR on http://HOST:PORT/fhir until Ctrl-C.

Without FHIR_MONGODB_URI a MongoDB of its own is started in the data directory and stopped at the end.

\b
Example:
  fhir-server serve --open --port 8080 --data-dir ~/fhir-data

\b
Exit codes:
  0  stopped by Ctrl-C or SIGTERM
  1  a worker or the database ended by itself and could not be replaced
  2  refused to start; the reason is on stderr
"""

NO_POLICY = (
    "FHIR_POLICY is unset: it says who may see and do what (`fr` comes with the server). "
    "Or serve with --open, on the loopback address: anyone on this machine may then read and write all."
)

DEVELOPMENT = (
    "This version knows no tokens but development tokens, and these are accepted on a loopback address only, "
    "not on {host}. FHIR_DEVELOPMENT_TOKENS=on accepts them there too: whoever has the key may be anyone."
)

PRODUCTION = (
    "FHIR_PRODUCTION is on, and this version knows development tokens only: it serves no real record."
)

NOT_LOOPBACK = (
    "--open serves only on a loopback address (127.0.0.1, ::1 or localhost), not on {host}: everyone who can "
    "reach it could read and write everything."
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    open: bool
    host: str
    port: int
    workers: int
    threads: int
    data_dir: Path | None
    config: Path | None
    demo: bool
    quiet: bool
    json: bool


@click.command(help=HELP)
@click.option("--open", "open", is_flag=True, help="Everyone may do everything; loopback addresses only.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free port."
)
@click.option(
    "--workers",
    default=min(os.cpu_count() or 1, 4),
    type=click.IntRange(1, 64),
    help="Processes.  [default: the CPUs of this machine, at most 4]",
)
@click.option(
    "--threads",
    default=8,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Requests that one process works on at a time.",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Instead of FHIR_DATA_DIR.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="TOML file of settings; variables win over it."
)
@click.option(
    "--demo", is_flag=True, help="Load the demo record; print tokens of its roles or, with --open, requests."
)
@click.option("--quiet", is_flag=True, help="No line for each request.")
@click.option("--json", "json", is_flag=True, help="Print one JSON object per event instead of text.")
def serve(**options: Any) -> None:
    """Read the options, serve, and turn a refusal into a message and an exit code."""
    from fhir_server.store.data_dir import AlreadyServed, UnsafeDirectory
    from fhir_server.store.mongod import MongodUnavailable

    refusals = (SettingsRefused, address.AddressRefused, AlreadyServed, UnsafeDirectory, MongodUnavailable)
    try:
        _serve(Options(**options))
    except refusals as reason:
        click.echo(str(reason), err=True)
        sys.exit(EXIT_REFUSED)


def _serve(options: Options) -> None:
    if options.open:
        _refuse_exposure(options.host)
    with ExitStack() as opened:
        held, port = address.reserve(options.host, options.port)
        opened.enter_context(held)
        settings = _settings(options, port)
        _refuse_unguarded(options, settings)
        sequencing.open_key(settings)
        embedded = None
        if settings.mongodb_uri is None:
            embedded = _start_database(settings, opened)
            settings = replace(settings, mongodb_uri=embedded.uri)
        _run(options, settings, port, embedded)
    _say(options, {"event": "stopped"}, "Stopped.")


def _refuse_exposure(host: str) -> None:
    if not address.is_loopback(host):
        raise SettingsRefused([NOT_LOOPBACK.format(host=host)])


def _refuse_unguarded(options: Options, settings: Settings) -> None:
    if settings.production == ON:
        raise SettingsRefused([PRODUCTION])
    if options.open:
        return
    if settings.policy is None:
        raise SettingsRefused([NO_POLICY])
    if settings.development_tokens != ON and not address.is_loopback(options.host):
        raise SettingsRefused([DEVELOPMENT.format(host=options.host)])


def _settings(options: Options, port: int) -> Settings:
    defaults: dict[str, Any] = {"base_url": address.origin(options.host, port) + FHIR_PATH}
    if options.open:
        defaults["cross_person_types"] = EVERY_TYPE
    chosen: dict[str, Any] = {"open": options.open}
    if options.data_dir is not None:
        chosen["data_dir"] = options.data_dir.expanduser()
    return read_settings(os.environ, options.config, defaults=defaults, chosen=chosen)


def _start_database(settings: Settings, opened: ExitStack) -> Embedded:
    from fhir_server.store.embedded import Embedded

    embedded = Embedded.start(settings.data_dir.absolute())
    opened.callback(embedded.stop)
    return embedded


def _run(options: Options, settings: Settings, port: int, embedded: Embedded | None) -> None:
    from fhir_server.commands.serving import workers

    server = workers.build(host=options.host, port=port, workers=options.workers, threads=options.threads)
    stopped = threading.Event()

    def announce() -> None:
        from fhir_server.commands.serving.background import work_until
        from fhir_server.commands.serving.readiness import wait_until_ready

        origin = address.origin(options.host, port)
        if wait_until_ready(origin, stopped, READY_TIMEOUT_S):
            # From now on a worker that crashes is replaced; before, it would crash in a loop.
            server.respawn_failed_workers = True
            _announce(options, settings, origin + FHIR_PATH, embedded, stopped)
            work_until(stopped, settings)
        elif not stopped.is_set():
            click.echo(f"The server did not become ready within {READY_TIMEOUT_S:.0f} s; stopping.", err=True)
            workers.give_up(server)

    def look_after(database: Embedded) -> None:
        from fhir_server.commands.serving.database import keep_running

        failure = keep_running(database, stopped, partial(_say_event, options))
        if failure is not None:
            click.echo(failure, err=True)
            workers.give_up(server)

    threads = [threading.Thread(target=announce, name="announce")]
    if embedded is not None:
        threads.append(threading.Thread(target=look_after, args=(embedded,), name="database"))
    for thread in threads:
        server.on_startup(thread.start)
    try:
        workers.run(server, settings, request_log=not options.quiet)
    finally:
        stopped.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def _announce(
    options: Options, settings: Settings, url: str, embedded: Embedded | None, stopped: threading.Event
) -> None:
    event = {"event": "ready", "url": url, "base_url": settings.base_url, "pid": os.getpid()}
    whom = "open to every program of this machine" if options.open else "governed: it asks for tokens"
    text = f"Ready: {url}  ({whom}; Ctrl-C stops it)"
    if embedded is not None:
        event["mongodb_uri"] = embedded.uri
        text += f"\nIts MongoDB: {embedded.uri}"
    _say(options, event, text)
    if options.demo and options.open:
        from fhir_server.commands.serving.demo import show_demo

        show_demo(url, stopped, json_lines=options.json)
    elif options.demo:
        from fhir_server.commands.serving.governed_demo import show_governed_demo

        show_governed_demo(settings, url, stopped, json_lines=options.json)


def _say_event(options: Options, name: str, text: str) -> None:
    _say(options, {"event": name}, text)


def _say(options: Options, event: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(event) if options.json else text)
