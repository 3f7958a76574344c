"""`fhir-server import`: clinical documents into a running server, through HTTP, each one accounted for."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from fhir_server.commands.importing import import_run
from fhir_server.commands.importing.inputs import NoSuchPath, find_files
from fhir_server.commands.importing.journal import ImportJournal, JournalRefused
from fhir_server.commands.importing.report import (
    REFUSED,
    DoesNotClose,
    FileResult,
    Report,
    as_tree,
    names_of,
)
from fhir_server.commands.importing.writing import FORMS, write_report
from fhir_server.commands.load import legal_token
from fhir_server.commands.loading.journal import Journal
from fhir_server.commands.loading.sender import Sender, Unreachable
from fhir_server.commands.stopping import stopping
from fhir_server.settings_values import IllegalValue, base_url

EXIT_STORED, EXIT_SOME_REFUSED, EXIT_NOT_POSSIBLE, EXIT_DOES_NOT_CLOSE, EXIT_STOPPED = 0, 1, 2, 3, 130
SHOWN = 20

HELP = """Import clinical documents (CDA R2) into a running server.

Takes .xml and .cda files, named or anywhere below the folders named. Each becomes resources in one commit,
beside its original bytes; what says where it came from leads back to them. The same document twice changes
nothing; the same document id with other content is refused. One file that is refused never stops the rest.

Every file is accounted for: stored, already there, or refused with the reason. --report writes the whole
account, with the resources by type, the templates met, and each place of the originals that no resource
carries. It holds no personal data but file names; --no-names leaves those out.

\b
Example:
  fhir-server import --base http://127.0.0.1:8080/fhir --report import.html --resume import.journal export/

\b
Exit codes:
  0    every file is stored or was there already (--dry-run: can be read)
  1    some files were refused; the report says which and why
  2    not possible: no server, no such file, wrong option
  3    the account does not close: a fault of this program
  130  stopped by Ctrl-C; with --resume the next run goes on
"""


def legal_report(_context: click.Context, _option: click.Parameter, given: Path | None) -> Path | None:
    """Return the path of the report.  Raises BadParameter for a form that is not known."""
    if given is not None and given.suffix.lower() not in FORMS:
        raise click.BadParameter(f"a report is a file named {', '.join(FORMS)}.")
    return given


def legal_zone(_context: click.Context, _option: click.Parameter, given: str) -> tzinfo:
    """Return the zone of a name.  Raises BadParameter for one that is not known."""
    try:
        return ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter("a zone is named as in the IANA database: Europe/Paris, UTC.") from None


@click.command("import", help=HELP)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--base", default="http://127.0.0.1:8080/fhir", show_default=True, help="The server's base URL."
)
@click.option(
    "--dry-run", is_flag=True, help="Convert and report only: nothing is sent, no server is needed."
)
@click.option(
    "--timezone",
    envvar="FHIR_TIMEZONE",
    default="UTC",
    callback=legal_zone,
    help="With --dry-run: zone of times without an offset; else the server has its own.  [default: UTC]",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=legal_report,
    help="Write the account to this file: .html, .csv or .json.",
)
@click.option("--no-names", is_flag=True, help="Leave the names of files out of the account.")
@click.option(
    "--jobs",
    default=2,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Documents under way at a time.",
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
@click.option("--json", "as_json", is_flag=True, help="Print the account as one JSON object.")
def import_documents(
    paths: tuple[Path, ...],
    base: str,
    dry_run: bool,
    timezone: tzinfo,
    report: Path | None,
    no_names: bool,
    jobs: int,
    resume: Path | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Import, account, and turn what stands in the way into a message and an exit code."""
    stopped = threading.Event()
    began = time.monotonic()
    try:
        files = find_files(paths)
        if not files:
            raise NoSuchPath("There is no file to import.")
        if dry_run:
            results = _converted(files, timezone, jobs, stopped, as_json)
        else:
            results = _imported(files, base_url(base), resume, token, jobs, stopped, as_json)
        made = Report(results, len(files), time.monotonic() - began, stopped.is_set())
        made.check()
        if report is not None:
            write_report(made, report, names=not no_names)
    except (NoSuchPath, JournalRefused, Unreachable, IllegalValue, OSError) as reason:
        click.echo(str(reason), err=True)
        sys.exit(EXIT_NOT_POSSIBLE)
    except DoesNotClose as fault:
        click.echo(f"The account does not close: {fault}", err=True)
        sys.exit(EXIT_DOES_NOT_CLOSE)
    _show(made, names=not no_names, as_json=as_json)
    sys.exit(_exit_code(made))


def _exit_code(report: Report) -> int:
    if report.stopped:
        click.echo("Stopped. With --resume the same command goes on.", err=True)
        return EXIT_STOPPED
    return EXIT_SOME_REFUSED if report.refusals else EXIT_STORED


def _converted(
    files: Sequence[Path], zone: tzinfo, jobs: int, stopped: threading.Event, quiet: bool
) -> tuple[FileResult, ...]:
    processes = min(jobs, os.cpu_count() or 1)
    with stopping(stopped), _progress(len(files), quiet) as progress:
        return import_run.convert_files(
            files, zone=zone, processes=processes, stopped=stopped, progress=progress
        )


def _imported(
    files: Sequence[Path],
    base: str,
    resume: Path | None,
    token: str | None,
    jobs: int,
    stopped: threading.Event,
    quiet: bool,
) -> tuple[FileResult, ...]:
    keys = Journal.open(None, base)
    with closing(ImportJournal.open(resume, base)) as journal, Sender(base, keys, stopped, token) as sender:
        sender.greet()
        with stopping(stopped), _progress(len(files), quiet) as progress:
            return import_run.import_files(
                files, sender, journal, connections=jobs, stopped=stopped, progress=progress
            )


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[import_run.Progress]:
    console = Console(stderr=True, quiet=quiet)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        refused = 0

        def show(result: FileResult) -> None:
            nonlocal refused
            refused += result.outcome == REFUSED
            bar.update(task, advance=1, description=f"{refused} refused")

        yield show


def _show(report: Report, *, names: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_tree(report, names=names)))
        return
    console = Console(highlight=False)
    for head, counts in (
        ("files", {"in": report.files_in, **report.outcomes}), ("resources", report.resources),
    ):  # fmt: skip
        table = Table(head, "count")
        for name, count in counts.items():
            table.add_row(name, str(count))
        console.print(table)
    met = sum(pair[0] for pair in report.templates.values())
    made = sum(pair[1] for pair in report.templates.values())
    console.print(
        f"{made} of {met} entries are structured; {sum(report.unmapped.values())} places are not mapped."
    )
    console.print(f"{len(report.files)} files in {report.seconds:.1f} s")
    refused = [(place, one) for place, one in enumerate(report.files, 1) if one.refusal is not None]
    for place, one in refused[:SHOWN]:
        name = names_of(one, place, names)
        if one.refusal is not None:
            click.echo(f"{name}: {one.refusal.kind}: {one.refusal.text}", err=True)
    if len(refused) > SHOWN:
        click.echo(f"… and {len(refused) - SHOWN} more; --report lists all.", err=True)
