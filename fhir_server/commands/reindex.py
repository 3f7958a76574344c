"""`fhir-server reindex`: search entries computed anew after definitions or rules have changed."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TextColumn, TimeElapsedColumn

from fhir_server.access.labelling import Labelling
from fhir_server.access.policy_file import PolicyRefused, load_policy
from fhir_server.commands.reindexing.progress import Progress, ProgressRefused
from fhir_server.commands.reindexing.reindex_run import NEUTRAL, reindex_all
from fhir_server.commands.stopping import stopping
from fhir_server.model.clock import SystemClock
from fhir_server.model.outcome import FhirError
from fhir_server.model.view import View
from fhir_server.search.index import Indexer
from fhir_server.settings import EVERY_TYPE, ON, Settings, SettingsRefused, read_settings
from fhir_server.starting import in_zone, registry_of
from fhir_server.store.access_mark import set_access_mark
from fhir_server.store.connection import StoreRefused
from fhir_server.store.data_dir import AlreadyServed, UnsafeDirectory
from fhir_server.store.embedded import Embedded
from fhir_server.store.mongod import MongodUnavailable
from fhir_server.store.open import Store, StoreOptions, open_store
from fhir_server.store.sealing.opening import SealingOptions
from profiles.registry import Registry

UNLABELLED = (
    "{count} resources say a label of the policy that they were not given when they were written: nobody "
    "knew then what it means, and they would be seen by those from whom it hides them. No governed server "
    "starts over them: load them into a new database through a governed server."
)
EXIT_DONE, EXIT_NOT_POSSIBLE, EXIT_STOPPED = 0, 2, 130
REFUSALS = (
    SettingsRefused, StoreRefused, AlreadyServed, UnsafeDirectory, MongodUnavailable, PolicyRefused,
    ProgressRefused,
)  # fmt: skip

HELP = """Compute the search entries of everything that is stored anew, as this version of the server does.

Nothing that clients see as content changes: no version, no update time. A server can go on serving; what it
writes meanwhile is left alone. Take the settings of that server, its FHIR_BASE_URL above all. With an
embedded MongoDB, either stop the server, or set FHIR_MONGODB_URI to the address that `serve` prints.

With --resume, the progress is noted in a file after each batch: the same command goes on where it stopped.

\b
Example:
  fhir-server reindex --resume reindex.progress Observation Condition

\b
Exit codes:
  0    everything that was there at the start is reindexed
  2    not possible: no database, wrong option or setting
  130  stopped by Ctrl-C; with --resume the next run goes on
"""


@click.command(help=HELP)
@click.argument("types", nargs=-1)
@click.option(
    "--batch", default=500, show_default=True, type=click.IntRange(1, 1000), help="Resources at once."
)
@click.option(
    "--resume", type=click.Path(path_type=Path, dir_okay=False), help="Note the progress in this file."
)
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def reindex(
    types: tuple[str, ...], batch: int, resume: Path | None, config: Path | None, as_json: bool
) -> None:
    """Reindex, report, and turn what stands in the way into a message and an exit code."""
    began = time.monotonic()
    counts: Counter[str] = Counter()
    try:
        settings = read_settings(os.environ, config, defaults={"cross_person_types": EVERY_TYPE})
        registry = registry_of(settings)
        unknown = sorted(set(types) - registry.resource_types)
        if unknown:
            raise SettingsRefused([f"There is no resource type {unknown[0]!r}."])
        progress = Progress.open(resume, settings.database)
        done = _run(settings, registry, types, progress, batch, counts, as_json)
    except REFUSALS as reason:
        click.echo(str(reason), err=True)
        sys.exit(EXIT_NOT_POSSIBLE)
    except FhirError as error:
        click.echo(error.issues[0].text, err=True)
        sys.exit(EXIT_NOT_POSSIBLE)
    _show(counts, time.monotonic() - began, done, as_json)
    sys.exit(EXIT_DONE if done else EXIT_STOPPED)


def _run(
    settings: Settings,
    registry: Registry,
    types: tuple[str, ...],
    progress: Progress,
    batch: int,
    counts: Counter[str],
    quiet: bool,
) -> bool:
    stopped, labelling = threading.Event(), _labelling(settings)
    with ExitStack() as opened:
        store = _open(settings, registry, opened)
        opened.enter_context(stopping(stopped))
        bar = opened.enter_context(_bar(quiet))
        task = bar.add_task("", total=None)

        def told(resource_type: str, count: int) -> None:
            counts[resource_type] += count
            bar.update(task, description=f"{resource_type}: {counts.total()} resources")

        done = reindex_all(
            store.records, _indexer(settings, registry), View.unrestricted("reindex"),
            types or store.catalogue.existing(), progress,
            batch=batch, until=SystemClock().now(), stopped=stopped, told=told,
            labelling=labelling,
        )  # fmt: skip
        if done and not types and labelling.governs:
            _mark(store, labelling, progress)
        if done and not types:
            store.entries.reached()
    if done:
        progress.remove()
    return done


def _labelling(settings: Settings) -> Labelling:
    """Return what labels mean by the policy of the server.  Raises PolicyRefused."""
    return NEUTRAL if settings.open or settings.policy is None else Labelling(load_policy(settings.policy))


def _indexer(settings: Settings, registry: Registry) -> Indexer:
    words = settings.sealing != ON
    policy = None if settings.open or settings.policy is None else load_policy(settings.policy)
    zone = in_zone(settings, policy).zone
    return Indexer(registry, base_url=settings.base_url, zone=zone, words=words)


def _mark(store: Store, labelling: Labelling, progress: Progress) -> None:
    """Let servers of this policy start over what is now classified by it.  Raises ProgressRefused."""
    if progress.unlabelled:
        progress.remove()
        raise ProgressRefused(UNLABELLED.format(count=progress.unlabelled))
    set_access_mark(store.catalogue, labelling.policy.classification)


def _open(settings: Settings, registry: Registry, opened: ExitStack) -> Store:
    if settings.mongodb_uri is None:
        embedded = Embedded.start(settings.data_dir.absolute())
        opened.callback(embedded.stop)
        settings = replace(settings, mongodb_uri=embedded.uri)
    store = open_store(
        settings.mongodb_uri or "",
        settings.database,
        StoreOptions(
            registry=registry,
            cross_person_types=frozenset(settings.cross_person_types),
            native_types=frozenset(settings.native_types),
            sealing=SealingOptions.given(
                settings.sealing == ON, settings.key_vault, settings.key_master_file
            ),
        ),
    )
    opened.callback(store.close)
    return store


def _bar(quiet: bool) -> Bar:
    console = Console(stderr=True, quiet=quiet)
    hidden = quiet or not console.is_terminal
    return Bar(TextColumn("{task.description}"), TimeElapsedColumn(), console=console, disable=hidden)


def _show(counts: Counter[str], seconds: float, done: bool, as_json: bool) -> None:
    total = counts.total()
    if as_json:
        report = {"done": done, "seconds": round(seconds, 3), "resources": dict(sorted(counts.items()))}
        click.echo(json.dumps(report))
        return
    for resource_type, count in sorted(counts.items()):
        click.echo(f"{resource_type}: {count}")
    click.echo(f"{total} resources in {seconds:.1f} s ({total / max(seconds, 0.001):.0f}/s)")
    if not done:
        click.echo("Stopped. With --resume, the same command goes on.", err=True)
