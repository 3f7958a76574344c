"""`fhir-server load`: files and folders into a running server, through HTTP."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from fhir_server.commands.loading import load_run
from fhir_server.commands.loading.inputs import Unreadable, find_files
from fhir_server.commands.loading.journal import Journal, JournalRefused
from fhir_server.commands.loading.report import FAILED, OUTCOMES, Report
from fhir_server.commands.loading.sender import Sender, Unreachable
from fhir_server.commands.stopping import stopping
from fhir_server.settings_values import IllegalValue, base_url

EXIT_STORED, EXIT_SOME_REFUSED, EXIT_NOT_POSSIBLE, EXIT_STOPPED = 0, 1, 2, 130
SHOWN_FAILURES = 20
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")

HELP = """Load FHIR resources from files and folders into a running server.

Takes .json, .ndjson, .jsonl and .xml, each also as .gz, and FHIR packages (.tgz: the resources right below
their folder "package"). XML is sent as it is. Bundles of type transaction and batch are posted as they are;
those of type collection and searchset are taken apart, and every resource is put under its own id (or posted
if it has none). Files are begun in the order of their names; resources that belong to the record of what they
refer to (Provenance, List, Task, Binary, AuditEvent) follow at the end.

With --resume, what is answered is noted in a file: the same command goes on where it stopped, and nothing
is stored twice.

\b
Example:
  fhir-server load --base http://127.0.0.1:8080/fhir --resume load.journal patients/ labs.ndjson.gz

\b
Exit codes:
  0    everything is stored
  1    some resources were refused; the report says which and why
  2    not possible: no server, no such file, wrong option
  130  stopped by Ctrl-C; with --resume the next run goes on
"""


def legal_token(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    """Return the token.  Raises BadParameter where it cannot stand in a header; it is not repeated."""
    text = None if given is None else given.strip()
    if text is not None and not TOKEN.fullmatch(text):
        raise click.BadParameter("this is no token: letters, digits and -._~+/= are all that one has.")
    return text or None


@click.command(help=HELP)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--base", default="http://127.0.0.1:8080/fhir", show_default=True, help="The server's base URL."
)
@click.option(
    "--connections",
    default=4,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Requests under way at a time.",
)
@click.option(
    "--resume", type=click.Path(path_type=Path, dir_okay=False), help="Note the progress in this file."
)
@click.option(
    "--token",
    envvar="FHIR_TOKEN",
    callback=legal_token,
    help="Bearer token of a governed server.  [better: FHIR_TOKEN, which no list of processes shows]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def load(
    paths: tuple[Path, ...],
    base: str,
    connections: int,
    resume: Path | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Load, report, and turn what stands in the way into a message and an exit code."""
    stopped = threading.Event()
    try:
        files = find_files(paths)
        base = base_url(base)
        began = time.monotonic()
        with closing(Journal.open(resume, base)) as journal, Sender(base, journal, stopped, token) as sender:
            report = _load(files, sender, journal, connections, stopped, as_json)
    except (Unreadable, JournalRefused, Unreachable, IllegalValue) as reason:
        click.echo(str(reason), err=True)
        sys.exit(EXIT_NOT_POSSIBLE)
    _show(report, base, time.monotonic() - began, as_json)
    if stopped.is_set():
        click.echo("Stopped." + (" The same command goes on." if resume else ""), err=True)
        sys.exit(EXIT_STOPPED)
    sys.exit(EXIT_SOME_REFUSED if report.failures else EXIT_STORED)


def _load(
    files: list[Path],
    sender: Sender,
    journal: Journal,
    connections: int,
    stopped: threading.Event,
    quiet: bool,
) -> Report:
    if not files:
        raise Unreadable("There is no .json, .ndjson, .jsonl, .xml (also .gz) or .tgz file to load.")
    sender.greet()
    with stopping(stopped), _progress(files, quiet) as progress:
        return load_run.load_files(
            files, sender, journal, connections=connections, stopped=stopped, progress=progress
        )


@contextmanager
def _progress(files: list[Path], quiet: bool) -> Iterator[load_run.Progress]:
    console = Console(stderr=True, quiet=quiet)
    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=sum(file.stat().st_size for file in files))

        def show(read_bytes: int, report: Report) -> None:
            text = f"{sum(report.counts.values())} resources, {report.total(FAILED)} refused"
            bar.update(task, completed=read_bytes, description=text)

        yield show


def _show(report: Report, base: str, seconds: float, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_tree(report, base, seconds)))
        return
    console = Console(highlight=False)
    table = Table("type", *OUTCOMES)
    for resource_type, counts in report.by_type().items():
        table.add_row(resource_type, *(str(counts.get(outcome, "")) for outcome in OUTCOMES))
    console.print(table)
    count = sum(report.counts.values())
    console.print(f"{count} resources in {seconds:.1f} s ({count / max(seconds, 0.001):.0f}/s)")
    if report.skipped:
        console.print(f"{report.skipped} requests were answered in an earlier run and not sent again.")
    for failure in report.failures[:SHOWN_FAILURES]:
        status = f"{failure.status} " if failure.status else ""
        click.echo(f"{failure.place}: {status}{'; '.join(failure.texts)}", err=True)
    if len(report.failures) > SHOWN_FAILURES:
        click.echo(f"… and {len(report.failures) - SHOWN_FAILURES} more; --json lists all.", err=True)


def _as_tree(report: Report, base: str, seconds: float) -> dict[str, Any]:
    return {
        "base": base,
        "seconds": round(seconds, 3),
        "resources": report.by_type(),
        "totals": {outcome: report.total(outcome) for outcome in OUTCOMES},
        "skipped_requests": report.skipped,
        "failures": [
            {"place": failure.place, "status": failure.status, "texts": list(failure.texts)}
            for failure in report.failures
        ],
    }
