"""`python -m conformance.load`: the command line."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import click

from conformance.load.deposits import read_documents
from conformance.load.governed import governed_workloads
from conformance.load.markdown import as_markdown
from conformance.load.material import material
from conformance.load.options import FLOOR, Options
from conformance.load.report import Report
from conformance.load.session import measure
from conformance.load.target import LoadRefused
from conformance.load.workload import Workload, workload_table
from conformance.load.wsgi_server import ProcessModel

EXIT_ERRORS = 1
EXIT_REFUSED = 2
EXIT_MISSED = 3

HELP = f"""Measure a FHIR server of this machine in paired rounds against the floor, or a second server.

The floor is bare pymongo in a bare WSGI view, on a copy of the server's own documents and indexes, with the
same process model and write concern.  Without --base a server is started for the measurement, with a database
in a temporary directory, and stopped at the end.

\b
Examples:
  python -m conformance.load --json load.json --markdown load.md
  python -m conformance.load --synthea corpus/synthea --workload transaction --workload ingest
  python -m conformance.load --workload import --cda corpus/french/cda --bundles 1
  python -m conformance.load --governed
  python -m conformance.load --base http://127.0.0.1:8080/fhir --embedded-data-dir ./fhir-data
  python -m conformance.load --base http://127.0.0.1:8080/fhir --against http://127.0.0.1:8081/fhir

The measured server keeps what was posted to it: never point this at one whose data matter.

\b
Exit codes:
  0  measured
  {EXIT_ERRORS}  measured, but some answers were not the expected ones
  {EXIT_REFUSED}  nothing was measured; the reason is on stderr
  {EXIT_MISSED}  --require-targets, and a target was missed
"""

POSITIVE = click.IntRange(min=1)
SECONDS = click.FloatRange(min=0.05, max=600)
FILE = click.Path(dir_okay=False, path_type=Path)
DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(help=HELP)
@click.option("--base", metavar="URL", help="FHIR base URL on loopback.  [default: start a server]")
@click.option("--against", default=FLOOR, show_default=True, metavar="floor|URL", help="The second base.")
@click.option(
    "--governed", is_flag=True, help="Compare a governed server with the open one: reads, searches."
)
@click.option("--mongodb-uri", metavar="URI", help="The database of --base, for the floor and for sizes.")
@click.option("--embedded-data-dir", type=DIRECTORY, help="The same, for a server that embeds its MongoDB.")
@click.option("--database", default="fhir", show_default=True, help="The name of the server's database.")
@click.option("--synthea", type=DIRECTORY, help="Transaction Bundles to post.  [default: generated ones]")
@click.option("--cda", type=DIRECTORY, help="Clinical documents for the workload import.  [default: none]")
@click.option("--bundles", default=12, show_default=True, type=POSITIVE, help="Transactions posted before.")
@click.option("--workload", "names", multiple=True, help="Only this one; may be repeated.  [default: all]")
@click.option("--connections", multiple=True, type=click.IntRange(1, 1024), help="Instead of the workload's.")
@click.option("--rounds", default=5, show_default=True, type=POSITIVE, help="Pairs of rounds of each cell.")
@click.option("--seconds", default=3.0, show_default=True, type=SECONDS, help="Length of a round.")
@click.option("--requests", default=100_000, show_default=True, type=POSITIVE, help="The most of a round.")
@click.option("--max-seconds", default=900.0, show_default=True, help="No round starts after so long.")
@click.option("--clients", default=2, show_default=True, type=click.IntRange(1, 64), help="Client processes.")
@click.option("--workers", default=2, show_default=True, type=POSITIVE, help="Of the server and the floor.")
@click.option("--threads", default=8, show_default=True, type=POSITIVE, help="Of each worker.")
@click.option("--json", "json_file", type=FILE, help="Write the figures as JSON.")
@click.option("--markdown", "markdown_file", type=FILE, help="Write the tables.  [default: to stdout]")
@click.option("--require-targets", is_flag=True, help=f"End with {EXIT_MISSED} if a target is missed.")
def main(**given: Any) -> None:
    """Read the command line, measure, write the report."""
    signal.signal(signal.SIGTERM, _end)
    try:
        report = _measure(given)
    except LoadRefused as reason:
        click.echo(str(reason), err=True)
        sys.exit(EXIT_REFUSED)
    _write(report, given["json_file"], given["markdown_file"])
    if report.errors:
        sys.exit(EXIT_ERRORS)
    if given["require_targets"] and report.misses:
        sys.exit(EXIT_MISSED)


def _measure(given: dict[str, Any]) -> Report:
    if given["governed"] and (given["base"] is not None or given["against"] != FLOOR):
        raise LoadRefused("--governed starts both of its servers: leave out --base and --against.")
    options = Options(
        base=given["base"],
        against=given["against"],
        serve_command=_serve_command() if given["base"] is None else (),
        mongodb_uri=given["mongodb_uri"],
        database=given["database"],
        embedded_data_dir=given["embedded_data_dir"],
        model=ProcessModel(given["workers"], given["threads"]),
        workloads=_chosen(given["names"], given["governed"], given["cda"] is not None),
        connections=given["connections"],
        client_processes=given["clients"],
        rounds=given["rounds"],
        seconds=given["seconds"],
        requests=given["requests"],
        max_seconds=given["max_seconds"],
        governed=given["governed"],
    )
    sent = material(given["synthea"], given["bundles"])
    if given["cda"] is not None:
        sent = replace(sent, documents=read_documents(given["cda"]))
    with tempfile.TemporaryDirectory(prefix="load-") as directory:
        return measure(options, sent, Path(directory), lambda line: click.echo(line, err=True))


def _chosen(names: tuple[str, ...], compares_governed: bool, has_documents: bool) -> tuple[Workload, ...]:
    table = workload_table()
    found = governed_workloads(table) if compares_governed else tuple(table.values())
    known = dict.fromkeys(workload.name for workload in found)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise LoadRefused(f"There is no workload {unknown[0]!r} here; there are {', '.join(known)}.")
    chosen = [workload for workload in found if not names or workload.name in names]
    lacking = [workload.name for workload in chosen if workload.needs_documents and not has_documents]
    if lacking and names:
        raise LoadRefused(f"The workload {lacking[0]!r} needs clinical documents: name them with --cda.")
    return tuple(workload for workload in chosen if workload.name not in lacking)


def _serve_command() -> tuple[str, ...]:
    """The server's own command, of this environment first."""
    beside = Path(sys.executable).with_name("fhir-server")
    found = str(beside) if beside.exists() else shutil.which("fhir-server")
    if found is None:
        raise LoadRefused("There is no fhir-server command here: install it, or name a server with --base.")
    return found, "serve", "--open"


def _write(report: Report, json_file: Path | None, markdown_file: Path | None) -> None:
    if json_file is not None:
        json_file.write_text(report.as_json(), encoding="utf-8")
    if markdown_file is not None:
        markdown_file.write_text(as_markdown(report), encoding="utf-8")
    elif json_file is None:
        click.echo(as_markdown(report), nl=False)


def _end(number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends like any exception does, so that everything started is stopped."""
    sys.exit(128 + number)
