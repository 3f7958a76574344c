"""`fhir-server-conformance`: the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import click
from rich.console import Console

from conformance.exchange import Target, Unreachable
from conformance.report_json import as_json
from conformance.report_junit import as_junit
from conformance.report_table import print_run
from conformance.results import Run
from conformance.runner import Options, run_suites
from conformance.suite import Level, Suite
from conformance.suite_files import load_suites

EXIT_FAILED = 1
EXIT_REFUSED = 2

HELP = f"""Ask the FHIR R4 server at BASE what the specification asks of it, over HTTP alone.

Cases whose feature the server's CapabilityStatement does not declare are skipped, and said to be.  Each case
makes data of its own, marked with an identifier of http://example.org/fhir-conformance, and leaves it there:
do not point this at a server whose data matter.

\b
Examples:
  fhir-server-conformance http://127.0.0.1:8080/fhir
  fhir-server-conformance https://fhir.example.org/r4 --token "$TOKEN" --suite read --suite update
  fhir-server-conformance http://127.0.0.1:8080/fhir --tag SHALL --json run.json --junit run.xml
  fhir-server-conformance http://127.0.0.1:8080/fhir --case vread-after-delete

\b
Exit codes:
  0  every SHALL that was asked is met
  {EXIT_FAILED}  a SHALL is not met
  {EXIT_REFUSED}  the command line is wrong, or the server does not answer
"""

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(help=HELP)
@click.argument("base")
@click.option("--token", envvar="FHIR_CONFORMANCE_TOKEN", help="Bearer token, also $FHIR_CONFORMANCE_TOKEN.")
@click.option("--suite", "names", multiple=True, metavar="NAME", help="Only this suite; may be repeated.")
@click.option("--tag", "levels", multiple=True, type=click.Choice(get_args(Level)), help="Only this level.")
@click.option("--case", "ids", multiple=True, metavar="ID", help="Only this case; may be repeated.")
@click.option("--jobs", default=4, show_default=True, type=click.IntRange(1, 64), help="Cases at a time.")
@click.option("--timeout", default=20.0, show_default=True, type=click.FloatRange(0.1), help="Seconds.")
@click.option("--max-seconds", default=600.0, show_default=True, help="No case starts after so long.")
@click.option("--json", "json_file", type=FILE, help="Write the run as JSON.")
@click.option("--junit", "junit_file", type=FILE, help="Write the run as JUnit XML.")
def main(
    base: str, token: str | None, names: Sequence[str], levels: Sequence[Level], ids: Sequence[str],
    jobs: int, timeout: float, max_seconds: float, json_file: Path | None, junit_file: Path | None,
) -> None:  # fmt: skip
    """Read the command line, run, report."""
    if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).netloc:
        raise click.UsageError(f"BASE is a URL such as http://127.0.0.1:8080/fhir, not {base!r}.")
    suites = chosen(load_suites(), names, levels, ids)
    target = Target(base.rstrip("/"), token, timeout)
    try:
        run = run_suites(target, suites, Options(jobs, max_seconds))
    except Unreachable as error:
        click.echo(f"The server cannot be asked: {error}", err=True)
        sys.exit(EXIT_REFUSED)
    print_run(run, Console())
    _write(run, json_file, junit_file)
    sys.exit(0 if run.is_conformant else EXIT_FAILED)


def chosen(
    suites: Sequence[Suite], names: Sequence[str], levels: Sequence[str], ids: Sequence[str]
) -> list[Suite]:
    """Return the suites with the cases that were asked for.  Raises click.UsageError for unknown names."""
    _refuse_unknown("suite", names, [suite.name for suite in suites])
    _refuse_unknown("case", ids, [case.id for suite in suites for case in suite.cases])
    return [
        Suite(suite.name, suite.title, suite.resources, cases)
        for suite in suites
        if not names or suite.name in names
        if (cases := tuple(
            case for case in suite.cases
            if (not levels or case.level in levels) and (not ids or case.id in ids)
        ))
    ]  # fmt: skip


def _refuse_unknown(what: str, asked: Sequence[str], known: Sequence[str]) -> None:
    for name in asked:
        if name not in known:
            shown = f"; there are {', '.join(known)}" if len(known) < 40 else ""
            raise click.UsageError(f"There is no {what} {name!r}{shown}.")


def _write(run: Run, json_file: Path | None, junit_file: Path | None) -> None:
    if json_file is not None:
        json_file.write_text(as_json(run), encoding="utf-8")
    if junit_file is not None:
        junit_file.write_bytes(as_junit(run))


if __name__ == "__main__":
    main()
